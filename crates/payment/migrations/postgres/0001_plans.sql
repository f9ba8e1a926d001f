-- What is for sale. price 0 = free, quota_limit NULL = unlimited; always the newest version.
CREATE TABLE subscription_plans (
    id UUID NOT NULL CONSTRAINT subscription_plans_pkey PRIMARY KEY,
    name TEXT NOT NULL,
    price BIGINT NOT NULL,
    currency TEXT NOT NULL,
    billing_cycle TEXT NOT NULL CONSTRAINT subscription_plans_billing_cycle_check CHECK (billing_cycle IN ('monthly', 'yearly', 'lifetime')),
    quota_type TEXT NOT NULL,
    quota_limit BIGINT,
    features JSONB NOT NULL DEFAULT '[]',
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created_at TIMESTAMPTZ NOT NULL,
    slug TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    texts JSONB NOT NULL DEFAULT '{}',
    is_default BOOLEAN NOT NULL DEFAULT FALSE,
    sort_order BIGINT NOT NULL DEFAULT 0,
    trial_days BIGINT NOT NULL DEFAULT 0,
    grace_days BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    updated_at TIMESTAMPTZ NOT NULL,
    archived_at TIMESTAMPTZ,
    CONSTRAINT subscription_plans_slug_key UNIQUE (slug),
    CONSTRAINT subscription_plans_price_check CHECK (price >= 0),
    CONSTRAINT subscription_plans_quota_limit_check CHECK (quota_limit >= 0),
    CONSTRAINT subscription_plans_currency_check CHECK (length(currency) = 3)
);
CREATE UNIQUE INDEX subscription_plans_is_default_key ON subscription_plans (is_default) WHERE is_default;

-- Limits of a version; position 0 is the plan's own quota_type and quota_limit.
CREATE TABLE plan_meters (
    plan_id UUID NOT NULL,
    version BIGINT NOT NULL,
    meter TEXT NOT NULL,
    position BIGINT NOT NULL,
    quota_limit BIGINT,
    reset TEXT NOT NULL DEFAULT 'month' CONSTRAINT plan_meters_reset_check CHECK (reset IN ('month', 'term', 'never')),
    CONSTRAINT plan_meters_pkey PRIMARY KEY (plan_id, version, meter),
    CONSTRAINT plan_meters_plan_id_version_position_key UNIQUE (plan_id, version, position),
    CONSTRAINT plan_meters_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT plan_meters_quota_limit_check CHECK (quota_limit >= 0)
);

-- The price list: one call of resource_type ('*' = any other) takes units of meter.
CREATE TABLE plan_costs (
    plan_id UUID NOT NULL,
    version BIGINT NOT NULL,
    resource_type TEXT NOT NULL,
    meter TEXT NOT NULL,
    units BIGINT NOT NULL,
    CONSTRAINT plan_costs_pkey PRIMARY KEY (plan_id, version, resource_type, meter),
    CONSTRAINT plan_costs_plan_id_version_meter_fkey FOREIGN KEY (plan_id, version, meter) REFERENCES plan_meters (plan_id, version, meter) ON DELETE RESTRICT,
    CONSTRAINT plan_costs_units_check CHECK (units > 0)
);
