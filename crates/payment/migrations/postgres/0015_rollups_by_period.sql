-- Units belong to the period that was charged, which may be over: a hold is charged to the period in which it was made,
-- and units are given back to the one they were taken from. With it, the roll-ups of a period add up to its counter for
-- ever, also when the log is gone. Nothing was folded before this.
DROP TABLE usage_rollups;
-- Closed quarters of an hour: hours and days of every zone are made of them. key_id 0 = none.
CREATE TABLE usage_rollups (
    user_id UUID NOT NULL,
    bucket_start TIMESTAMPTZ NOT NULL,
    subscription_id UUID NOT NULL,
    meter TEXT NOT NULL,
    period_start TIMESTAMPTZ NOT NULL,
    resource_type TEXT NOT NULL,
    key_id UUID NOT NULL,
    quota_cost BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    CONSTRAINT usage_rollups_pkey PRIMARY KEY (user_id, bucket_start, subscription_id, meter, period_start, resource_type, key_id)
);
-- Series of everybody.
CREATE INDEX usage_rollups_bucket_start_idx ON usage_rollups (bucket_start);
