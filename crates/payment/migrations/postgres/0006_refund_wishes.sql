-- Staff may leave a plan in force though all of its money goes back; end_subscription ends it though only a part does.
ALTER TABLE refunds ADD COLUMN keep_subscription BOOLEAN NOT NULL DEFAULT FALSE;
