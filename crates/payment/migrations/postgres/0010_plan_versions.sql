-- A meter may also begin anew with each month of the calendar.
ALTER TABLE plan_meters DROP CONSTRAINT plan_meters_reset_check;
ALTER TABLE plan_meters ADD CONSTRAINT plan_meters_reset_check CHECK (reset IN ('month', 'calendar', 'term', 'never'));

-- What was on sale when: an edit adds a row, a sold one is never changed.
CREATE TABLE plan_versions (
    plan_id UUID NOT NULL,
    version BIGINT NOT NULL,
    price BIGINT NOT NULL,
    currency TEXT NOT NULL,
    billing_cycle TEXT NOT NULL,
    features JSONB NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_by UUID,
    CONSTRAINT plan_versions_pkey PRIMARY KEY (plan_id, version),
    CONSTRAINT plan_versions_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT
);
INSERT INTO plan_versions (plan_id, version, price, currency, billing_cycle, features, created_at)
    SELECT id, version, price, currency, billing_cycle, features, updated_at FROM subscription_plans;

-- The life of a subscription, for explain and the console. Append-only.
CREATE TABLE subscription_changes (
    id UUID NOT NULL CONSTRAINT subscription_changes_pkey PRIMARY KEY,
    subscription_id UUID NOT NULL,
    kind TEXT NOT NULL,
    from_plan_id UUID,
    to_plan_id UUID,
    payment_id UUID,
    credit BIGINT NOT NULL DEFAULT 0,
    detail JSONB NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT subscription_changes_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT
);
-- Explain.
CREATE INDEX subscription_changes_subscription_id_id_idx ON subscription_changes (subscription_id, id);
CREATE FUNCTION subscription_changes_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'subscription_changes is append-only';
END $$;
CREATE TRIGGER subscription_changes_append_only_update BEFORE UPDATE ON subscription_changes
    FOR EACH ROW EXECUTE FUNCTION subscription_changes_append_only();
CREATE TRIGGER subscription_changes_append_only_delete BEFORE DELETE ON subscription_changes
    FOR EACH ROW EXECUTE FUNCTION subscription_changes_append_only();
-- SQLite has no TRUNCATE.
CREATE TRIGGER subscription_changes_append_only_truncate BEFORE TRUNCATE ON subscription_changes
    FOR EACH STATEMENT EXECUTE FUNCTION subscription_changes_append_only();
