-- Staff may leave a plan in force though all of its money goes back; end_subscription ends it though only a part does.
ALTER TABLE refunds ADD COLUMN keep_subscription INTEGER NOT NULL DEFAULT 0 CONSTRAINT refunds_keep_subscription_check CHECK (keep_subscription IN (0, 1));
