-- How far logs are folded and dropped.
CREATE TABLE usage_marks (
    name TEXT NOT NULL CONSTRAINT usage_marks_pkey PRIMARY KEY,
    upto TEXT NOT NULL CONSTRAINT usage_marks_upto_check CHECK (upto GLOB '*+00:00'),
    version INTEGER NOT NULL DEFAULT 1,
    updated_at TEXT NOT NULL CONSTRAINT usage_marks_updated_at_check CHECK (updated_at GLOB '*+00:00')
) STRICT;

-- Closed quarters of an hour: hours and days of every zone are made of them. key_id 0 = none.
CREATE TABLE usage_rollups (
    user_id BLOB NOT NULL CONSTRAINT usage_rollups_user_id_check CHECK (length(user_id) = 16),
    bucket_start TEXT NOT NULL CONSTRAINT usage_rollups_bucket_start_check CHECK (bucket_start GLOB '*+00:00'),
    subscription_id BLOB NOT NULL CONSTRAINT usage_rollups_subscription_id_check CHECK (length(subscription_id) = 16),
    meter TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    key_id BLOB NOT NULL CONSTRAINT usage_rollups_key_id_check CHECK (length(key_id) = 16),
    quota_cost INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    CONSTRAINT usage_rollups_pkey PRIMARY KEY (user_id, bucket_start, subscription_id, meter, resource_type, key_id)
) STRICT, WITHOUT ROWID;
-- Series of everybody.
CREATE INDEX usage_rollups_bucket_start_idx ON usage_rollups (bucket_start);

-- The log itself is its key's tree: one tree less to write for each charge. And what is older than the mark may go.
CREATE TABLE usage_logs_again (
    id BLOB NOT NULL CONSTRAINT usage_logs_pkey PRIMARY KEY CONSTRAINT usage_logs_id_check CHECK (length(id) = 16),
    user_id BLOB NOT NULL CONSTRAINT usage_logs_user_id_check CHECK (length(user_id) = 16),
    subscription_id BLOB NOT NULL CONSTRAINT usage_logs_subscription_id_check CHECK (length(subscription_id) = 16),
    resource_type TEXT NOT NULL,
    resource_id TEXT,
    quota_cost INTEGER NOT NULL,
    created_at TEXT NOT NULL CONSTRAINT usage_logs_created_at_check CHECK (created_at GLOB '*+00:00'),
    metadata TEXT NOT NULL DEFAULT '{}' CONSTRAINT usage_logs_metadata_check CHECK (metadata IS NULL OR json_valid(metadata)),
    meter TEXT NOT NULL,
    period_start TEXT NOT NULL CONSTRAINT usage_logs_period_start_check CHECK (period_start GLOB '*+00:00'),
    requested_cost INTEGER NOT NULL,
    key_id BLOB CONSTRAINT usage_logs_key_id_check CHECK (length(key_id) = 16),
    hold_id BLOB CONSTRAINT usage_logs_hold_id_check CHECK (length(hold_id) = 16),
    refund_of BLOB CONSTRAINT usage_logs_refund_of_check CHECK (length(refund_of) = 16),
    CONSTRAINT usage_logs_refund_check CHECK ((quota_cost < 0) = (refund_of IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO usage_logs_again SELECT * FROM usage_logs;
DROP TABLE usage_logs;
ALTER TABLE usage_logs_again RENAME TO usage_logs;
-- Own logs, today's tail, log = counter check.
CREATE INDEX usage_logs_user_id_id_idx ON usage_logs (user_id, id);

CREATE TRIGGER usage_logs_append_only_update BEFORE UPDATE ON usage_logs
BEGIN
    SELECT RAISE(ABORT, 'usage_logs is append-only');
END;
CREATE TRIGGER usage_logs_append_only_delete BEFORE DELETE ON usage_logs
WHEN NOT EXISTS (SELECT 1 FROM usage_marks WHERE name = 'dropped' AND OLD.created_at < upto)
BEGIN
    SELECT RAISE(ABORT, 'usage_logs is append-only');
END;
