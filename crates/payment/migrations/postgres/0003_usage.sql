-- Append-only. Partitioned by the time inside its ids, so that the key stays the id alone; months
-- are made ahead, and the default partition catches what none of them covers.
CREATE TABLE usage_logs (
    id UUID NOT NULL CONSTRAINT usage_logs_pkey PRIMARY KEY,
    user_id UUID NOT NULL,
    subscription_id UUID NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT,
    quota_cost BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    metadata JSONB NOT NULL DEFAULT '{}',
    meter TEXT NOT NULL,
    period_start TIMESTAMPTZ NOT NULL,
    requested_cost BIGINT NOT NULL,
    key_id UUID,
    hold_id UUID,
    refund_of UUID,
    CONSTRAINT usage_logs_refund_check CHECK ((quota_cost < 0) = (refund_of IS NOT NULL))
) PARTITION BY RANGE (id);
-- Own logs, today's tail, log = counter check.
CREATE INDEX usage_logs_user_id_id_idx ON usage_logs (user_id, id);
CREATE TABLE usage_logs_default PARTITION OF usage_logs DEFAULT;

CREATE FUNCTION usage_logs_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'usage_logs is append-only';
END $$;
CREATE TRIGGER usage_logs_append_only BEFORE UPDATE OR DELETE ON usage_logs
    FOR EACH ROW EXECUTE FUNCTION usage_logs_append_only();
