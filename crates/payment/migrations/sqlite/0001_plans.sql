-- What is for sale. price 0 = free, quota_limit NULL = unlimited; always the newest version.
CREATE TABLE subscription_plans (
    id BLOB NOT NULL CONSTRAINT subscription_plans_pkey PRIMARY KEY CONSTRAINT subscription_plans_id_check CHECK (length(id) = 16),
    name TEXT NOT NULL,
    price INTEGER NOT NULL,
    currency TEXT NOT NULL,
    billing_cycle TEXT NOT NULL CONSTRAINT subscription_plans_billing_cycle_check CHECK (billing_cycle IN ('monthly', 'yearly', 'lifetime')),
    quota_type TEXT NOT NULL,
    quota_limit INTEGER,
    features TEXT NOT NULL DEFAULT '[]' CONSTRAINT subscription_plans_features_check CHECK (features IS NULL OR json_valid(features)),
    is_active INTEGER NOT NULL DEFAULT 1 CONSTRAINT subscription_plans_is_active_check CHECK (is_active IN (0, 1)),
    created_at TEXT NOT NULL CONSTRAINT subscription_plans_created_at_check CHECK (created_at GLOB '*+00:00'),
    slug TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    texts TEXT NOT NULL DEFAULT '{}' CONSTRAINT subscription_plans_texts_check CHECK (texts IS NULL OR json_valid(texts)),
    is_default INTEGER NOT NULL DEFAULT 0 CONSTRAINT subscription_plans_is_default_check CHECK (is_default IN (0, 1)),
    sort_order INTEGER NOT NULL DEFAULT 0,
    trial_days INTEGER NOT NULL DEFAULT 0,
    grace_days INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
    updated_at TEXT NOT NULL CONSTRAINT subscription_plans_updated_at_check CHECK (updated_at GLOB '*+00:00'),
    archived_at TEXT CONSTRAINT subscription_plans_archived_at_check CHECK (archived_at GLOB '*+00:00'),
    CONSTRAINT subscription_plans_slug_key UNIQUE (slug),
    CONSTRAINT subscription_plans_price_check CHECK (price >= 0),
    CONSTRAINT subscription_plans_quota_limit_check CHECK (quota_limit >= 0),
    CONSTRAINT subscription_plans_currency_check CHECK (length(currency) = 3)
) STRICT;
CREATE UNIQUE INDEX subscription_plans_is_default_key ON subscription_plans (is_default) WHERE is_default;

-- Limits of a version; position 0 is the plan's own quota_type and quota_limit.
CREATE TABLE plan_meters (
    plan_id BLOB NOT NULL CONSTRAINT plan_meters_plan_id_check CHECK (length(plan_id) = 16),
    version INTEGER NOT NULL,
    meter TEXT NOT NULL,
    position INTEGER NOT NULL,
    quota_limit INTEGER,
    reset TEXT NOT NULL DEFAULT 'month' CONSTRAINT plan_meters_reset_check CHECK (reset IN ('month', 'term', 'never')),
    CONSTRAINT plan_meters_pkey PRIMARY KEY (plan_id, version, meter),
    CONSTRAINT plan_meters_plan_id_version_position_key UNIQUE (plan_id, version, position),
    CONSTRAINT plan_meters_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT plan_meters_quota_limit_check CHECK (quota_limit >= 0)
) STRICT;

-- The price list: one call of resource_type ('*' = any other) takes units of meter.
CREATE TABLE plan_costs (
    plan_id BLOB NOT NULL CONSTRAINT plan_costs_plan_id_check CHECK (length(plan_id) = 16),
    version INTEGER NOT NULL,
    resource_type TEXT NOT NULL,
    meter TEXT NOT NULL,
    units INTEGER NOT NULL,
    CONSTRAINT plan_costs_pkey PRIMARY KEY (plan_id, version, resource_type, meter),
    CONSTRAINT plan_costs_plan_id_version_meter_fkey FOREIGN KEY (plan_id, version, meter) REFERENCES plan_meters (plan_id, version, meter) ON DELETE RESTRICT,
    CONSTRAINT plan_costs_units_check CHECK (units > 0)
) STRICT;
