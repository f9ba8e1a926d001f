-- Append-only.
CREATE TABLE usage_logs (
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
) STRICT;
-- Own logs, today's tail, log = counter check.
CREATE INDEX usage_logs_user_id_id_idx ON usage_logs (user_id, id);

CREATE TRIGGER usage_logs_append_only_update BEFORE UPDATE ON usage_logs
BEGIN
    SELECT RAISE(ABORT, 'usage_logs is append-only');
END;
CREATE TRIGGER usage_logs_append_only_delete BEFORE DELETE ON usage_logs
BEGIN
    SELECT RAISE(ABORT, 'usage_logs is append-only');
END;
