-- How far logs are folded and dropped.
CREATE TABLE usage_marks (
    name TEXT NOT NULL CONSTRAINT usage_marks_pkey PRIMARY KEY,
    upto TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    updated_at TIMESTAMPTZ NOT NULL
);

-- Closed quarters of an hour: hours and days of every zone are made of them. key_id 0 = none.
CREATE TABLE usage_rollups (
    user_id UUID NOT NULL,
    bucket_start TIMESTAMPTZ NOT NULL,
    subscription_id UUID NOT NULL,
    meter TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    key_id UUID NOT NULL,
    quota_cost BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    CONSTRAINT usage_rollups_pkey PRIMARY KEY (user_id, bucket_start, subscription_id, meter, resource_type, key_id)
);
-- Series of everybody.
CREATE INDEX usage_rollups_bucket_start_idx ON usage_rollups (bucket_start);

-- What is older than the mark may go.
CREATE OR REPLACE FUNCTION usage_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT 1 FROM usage_marks WHERE name = 'dropped' AND OLD.created_at < upto) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'usage_logs is append-only';
END $$;
