-- Of which term's end its buyer was told last, and how many days before it: the row itself says what is not told again.
ALTER TABLE subscriptions ADD COLUMN reminded_term_end TEXT
    CONSTRAINT subscriptions_reminded_term_end_check CHECK (reminded_term_end GLOB '*+00:00');
ALTER TABLE subscriptions ADD COLUMN reminded_days INTEGER
    CONSTRAINT subscriptions_reminded_days_check CHECK (reminded_days > 0);
-- When the open period of the first meter is over. No consume changes it.
ALTER TABLE subscriptions ADD COLUMN quota_resets_at TEXT
    CONSTRAINT subscriptions_quota_resets_at_check CHECK (quota_resets_at GLOB '*+00:00');
UPDATE subscriptions SET quota_resets_at = (SELECT c.period_end FROM quota_counters c
    WHERE c.subscription_id = subscriptions.id AND c.meter = subscriptions.quota_meter
      AND c.period_start = subscriptions.quota_period_start)
    WHERE ended_at IS NULL;
-- Reset those that nobody uses.
CREATE INDEX subscriptions_quota_resets_at_idx ON subscriptions (quota_resets_at) WHERE ended_at IS NULL;
