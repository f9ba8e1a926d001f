-- Units belong to the period that was charged, which may be over: a hold is charged to the period in which it was made,
-- and units are given back to the one they were taken from. With it, the roll-ups of a period add up to its counter for
-- ever, also when the log is gone. Nothing was folded before this.
DROP TABLE usage_rollups;
-- Closed quarters of an hour: hours and days of every zone are made of them. key_id 0 = none.
CREATE TABLE usage_rollups (
    user_id BLOB NOT NULL CONSTRAINT usage_rollups_user_id_check CHECK (length(user_id) = 16),
    bucket_start TEXT NOT NULL CONSTRAINT usage_rollups_bucket_start_check CHECK (bucket_start GLOB '*+00:00'),
    subscription_id BLOB NOT NULL CONSTRAINT usage_rollups_subscription_id_check CHECK (length(subscription_id) = 16),
    meter TEXT NOT NULL,
    period_start TEXT NOT NULL CONSTRAINT usage_rollups_period_start_check CHECK (period_start GLOB '*+00:00'),
    resource_type TEXT NOT NULL,
    key_id BLOB NOT NULL CONSTRAINT usage_rollups_key_id_check CHECK (length(key_id) = 16),
    quota_cost INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    CONSTRAINT usage_rollups_pkey PRIMARY KEY (user_id, bucket_start, subscription_id, meter, period_start, resource_type, key_id)
) STRICT, WITHOUT ROWID;
-- Series of everybody.
CREATE INDEX usage_rollups_bucket_start_idx ON usage_rollups (bucket_start);
