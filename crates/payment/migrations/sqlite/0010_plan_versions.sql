-- A meter may also begin anew with each month of the calendar. SQLite changes no check: both tables are made again.
CREATE TABLE plan_meters_again (
    plan_id BLOB NOT NULL CONSTRAINT plan_meters_plan_id_check CHECK (length(plan_id) = 16),
    version INTEGER NOT NULL,
    meter TEXT NOT NULL,
    position INTEGER NOT NULL,
    quota_limit INTEGER,
    reset TEXT NOT NULL DEFAULT 'month' CONSTRAINT plan_meters_reset_check CHECK (reset IN ('month', 'calendar', 'term', 'never')),
    CONSTRAINT plan_meters_pkey PRIMARY KEY (plan_id, version, meter),
    CONSTRAINT plan_meters_plan_id_version_position_key UNIQUE (plan_id, version, position),
    CONSTRAINT plan_meters_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT plan_meters_quota_limit_check CHECK (quota_limit >= 0)
) STRICT;
CREATE TABLE plan_costs_again (
    plan_id BLOB NOT NULL CONSTRAINT plan_costs_plan_id_check CHECK (length(plan_id) = 16),
    version INTEGER NOT NULL,
    resource_type TEXT NOT NULL,
    meter TEXT NOT NULL,
    units INTEGER NOT NULL,
    CONSTRAINT plan_costs_pkey PRIMARY KEY (plan_id, version, resource_type, meter),
    CONSTRAINT plan_costs_plan_id_version_meter_fkey FOREIGN KEY (plan_id, version, meter) REFERENCES plan_meters_again (plan_id, version, meter) ON DELETE RESTRICT,
    CONSTRAINT plan_costs_units_check CHECK (units > 0)
) STRICT;
INSERT INTO plan_meters_again SELECT plan_id, version, meter, position, quota_limit, reset FROM plan_meters;
INSERT INTO plan_costs_again SELECT plan_id, version, resource_type, meter, units FROM plan_costs;
DROP TABLE plan_costs;
DROP TABLE plan_meters;
ALTER TABLE plan_meters_again RENAME TO plan_meters;
ALTER TABLE plan_costs_again RENAME TO plan_costs;

-- What was on sale when: an edit adds a row, a sold one is never changed.
CREATE TABLE plan_versions (
    plan_id BLOB NOT NULL CONSTRAINT plan_versions_plan_id_check CHECK (length(plan_id) = 16),
    version INTEGER NOT NULL,
    price INTEGER NOT NULL,
    currency TEXT NOT NULL,
    billing_cycle TEXT NOT NULL,
    features TEXT NOT NULL CONSTRAINT plan_versions_features_check CHECK (features IS NULL OR json_valid(features)),
    created_at TEXT NOT NULL CONSTRAINT plan_versions_created_at_check CHECK (created_at GLOB '*+00:00'),
    created_by BLOB CONSTRAINT plan_versions_created_by_check CHECK (length(created_by) = 16),
    CONSTRAINT plan_versions_pkey PRIMARY KEY (plan_id, version),
    CONSTRAINT plan_versions_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT
) STRICT;
INSERT INTO plan_versions (plan_id, version, price, currency, billing_cycle, features, created_at)
    SELECT id, version, price, currency, billing_cycle, features, updated_at FROM subscription_plans;

-- The life of a subscription, for explain and the console. Append-only.
CREATE TABLE subscription_changes (
    id BLOB NOT NULL CONSTRAINT subscription_changes_pkey PRIMARY KEY CONSTRAINT subscription_changes_id_check CHECK (length(id) = 16),
    subscription_id BLOB NOT NULL CONSTRAINT subscription_changes_subscription_id_check CHECK (length(subscription_id) = 16),
    kind TEXT NOT NULL,
    from_plan_id BLOB CONSTRAINT subscription_changes_from_plan_id_check CHECK (length(from_plan_id) = 16),
    to_plan_id BLOB CONSTRAINT subscription_changes_to_plan_id_check CHECK (length(to_plan_id) = 16),
    payment_id BLOB CONSTRAINT subscription_changes_payment_id_check CHECK (length(payment_id) = 16),
    credit INTEGER NOT NULL DEFAULT 0,
    detail TEXT NOT NULL DEFAULT '{}' CONSTRAINT subscription_changes_detail_check CHECK (detail IS NULL OR json_valid(detail)),
    created_at TEXT NOT NULL CONSTRAINT subscription_changes_created_at_check CHECK (created_at GLOB '*+00:00'),
    CONSTRAINT subscription_changes_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT
) STRICT;
-- Explain.
CREATE INDEX subscription_changes_subscription_id_id_idx ON subscription_changes (subscription_id, id);
CREATE TRIGGER subscription_changes_append_only_update BEFORE UPDATE ON subscription_changes
BEGIN
    SELECT RAISE(ABORT, 'subscription_changes is append-only');
END;
CREATE TRIGGER subscription_changes_append_only_delete BEFORE DELETE ON subscription_changes
BEGIN
    SELECT RAISE(ABORT, 'subscription_changes is append-only');
END;
