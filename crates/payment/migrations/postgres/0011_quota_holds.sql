-- Units set aside before the work; ends exactly once; belongs to the period in which it was made.
CREATE TABLE quota_holds (
    id UUID NOT NULL CONSTRAINT quota_holds_pkey PRIMARY KEY,
    subscription_id UUID NOT NULL,
    meter TEXT NOT NULL,
    period_start TIMESTAMPTZ NOT NULL,
    user_id UUID NOT NULL,
    owner_kind TEXT NOT NULL,
    owner_id UUID NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT,
    requested_cost BIGINT NOT NULL,
    units BIGINT NOT NULL,
    charged BIGINT,
    state TEXT NOT NULL DEFAULT 'held' CONSTRAINT quota_holds_state_check CHECK (state IN ('held', 'committed', 'released', 'expired')),
    metadata JSONB NOT NULL DEFAULT '{}',
    usage_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    settled_at TIMESTAMPTZ,
    CONSTRAINT quota_holds_subscription_id_meter_period_start_fkey FOREIGN KEY (subscription_id, meter, period_start) REFERENCES quota_counters (subscription_id, meter, period_start) ON DELETE RESTRICT,
    CONSTRAINT quota_holds_units_check CHECK (units > 0),
    CONSTRAINT quota_holds_charged_check CHECK (charged BETWEEN 0 AND units),
    CONSTRAINT quota_holds_settled_check CHECK ((state = 'held') = (settled_at IS NULL))
);
-- Expiry.
CREATE INDEX quota_holds_expires_at_idx ON quota_holds (expires_at) WHERE state = 'held';
-- Explain.
CREATE INDEX quota_holds_subscription_id_id_idx ON quota_holds (subscription_id, id) WHERE state = 'held';

-- Bonus units with a reason and an expiry of their own; poured into the open counter (granted, quota_limit).
CREATE TABLE quota_grants (
    id UUID NOT NULL CONSTRAINT quota_grants_pkey PRIMARY KEY,
    subscription_id UUID NOT NULL,
    meter TEXT NOT NULL,
    units BIGINT NOT NULL,
    spent BIGINT NOT NULL DEFAULT 0,
    reason TEXT NOT NULL,
    granted_by UUID,
    payment_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    closed_at TIMESTAMPTZ,
    CONSTRAINT quota_grants_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT,
    CONSTRAINT quota_grants_units_check CHECK (units > 0),
    CONSTRAINT quota_grants_spent_check CHECK (spent BETWEEN 0 AND units)
);
-- Roll, explain.
CREATE INDEX quota_grants_subscription_id_meter_idx ON quota_grants (subscription_id, meter) WHERE closed_at IS NULL;

-- Which grants a counter was filled with, and how much of each it burned: known when the pot is closed, at the
-- grant's expiry or when the next period begins.
CREATE TABLE quota_pots (
    subscription_id UUID NOT NULL,
    meter TEXT NOT NULL,
    period_start TIMESTAMPTZ NOT NULL,
    grant_id UUID NOT NULL,
    units BIGINT NOT NULL,
    burned BIGINT NOT NULL DEFAULT 0,
    closed_at TIMESTAMPTZ,
    CONSTRAINT quota_pots_pkey PRIMARY KEY (subscription_id, meter, period_start, grant_id),
    CONSTRAINT quota_pots_subscription_id_meter_period_start_fkey FOREIGN KEY (subscription_id, meter, period_start) REFERENCES quota_counters (subscription_id, meter, period_start) ON DELETE RESTRICT,
    CONSTRAINT quota_pots_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES quota_grants (id) ON DELETE RESTRICT,
    CONSTRAINT quota_pots_units_check CHECK (units > 0),
    CONSTRAINT quota_pots_burned_check CHECK (burned BETWEEN 0 AND units)
);

-- A usage is given back at most once (a partitioned table cannot hold this key).
CREATE TABLE usage_refunds (
    usage_id UUID NOT NULL CONSTRAINT usage_refunds_pkey PRIMARY KEY,
    refund_usage_id UUID NOT NULL,
    reason TEXT NOT NULL,
    refunded_by UUID,
    created_at TIMESTAMPTZ NOT NULL
);
