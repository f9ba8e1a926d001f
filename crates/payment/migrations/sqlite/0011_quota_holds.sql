-- Units set aside before the work; ends exactly once; belongs to the period in which it was made.
CREATE TABLE quota_holds (
    id BLOB NOT NULL CONSTRAINT quota_holds_pkey PRIMARY KEY CONSTRAINT quota_holds_id_check CHECK (length(id) = 16),
    subscription_id BLOB NOT NULL CONSTRAINT quota_holds_subscription_id_check CHECK (length(subscription_id) = 16),
    meter TEXT NOT NULL,
    period_start TEXT NOT NULL CONSTRAINT quota_holds_period_start_check CHECK (period_start GLOB '*+00:00'),
    user_id BLOB NOT NULL CONSTRAINT quota_holds_user_id_check CHECK (length(user_id) = 16),
    owner_kind TEXT NOT NULL,
    owner_id BLOB NOT NULL CONSTRAINT quota_holds_owner_id_check CHECK (length(owner_id) = 16),
    resource_type TEXT NOT NULL,
    resource_id TEXT,
    requested_cost INTEGER NOT NULL,
    units INTEGER NOT NULL,
    charged INTEGER,
    state TEXT NOT NULL DEFAULT 'held' CONSTRAINT quota_holds_state_check CHECK (state IN ('held', 'committed', 'released', 'expired')),
    metadata TEXT NOT NULL DEFAULT '{}' CONSTRAINT quota_holds_metadata_check CHECK (metadata IS NULL OR json_valid(metadata)),
    usage_id BLOB CONSTRAINT quota_holds_usage_id_check CHECK (length(usage_id) = 16),
    created_at TEXT NOT NULL CONSTRAINT quota_holds_created_at_check CHECK (created_at GLOB '*+00:00'),
    expires_at TEXT NOT NULL CONSTRAINT quota_holds_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    settled_at TEXT CONSTRAINT quota_holds_settled_at_check CHECK (settled_at GLOB '*+00:00'),
    CONSTRAINT quota_holds_subscription_id_meter_period_start_fkey FOREIGN KEY (subscription_id, meter, period_start) REFERENCES quota_counters (subscription_id, meter, period_start) ON DELETE RESTRICT,
    CONSTRAINT quota_holds_units_check CHECK (units > 0),
    CONSTRAINT quota_holds_charged_check CHECK (charged BETWEEN 0 AND units),
    CONSTRAINT quota_holds_settled_check CHECK ((state = 'held') = (settled_at IS NULL))
) STRICT;
-- Expiry.
CREATE INDEX quota_holds_expires_at_idx ON quota_holds (expires_at) WHERE state = 'held';
-- Explain.
CREATE INDEX quota_holds_subscription_id_id_idx ON quota_holds (subscription_id, id) WHERE state = 'held';

-- Bonus units with a reason and an expiry of their own; poured into the open counter (granted, quota_limit).
CREATE TABLE quota_grants (
    id BLOB NOT NULL CONSTRAINT quota_grants_pkey PRIMARY KEY CONSTRAINT quota_grants_id_check CHECK (length(id) = 16),
    subscription_id BLOB NOT NULL CONSTRAINT quota_grants_subscription_id_check CHECK (length(subscription_id) = 16),
    meter TEXT NOT NULL,
    units INTEGER NOT NULL,
    spent INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL,
    granted_by BLOB CONSTRAINT quota_grants_granted_by_check CHECK (length(granted_by) = 16),
    payment_id BLOB CONSTRAINT quota_grants_payment_id_check CHECK (length(payment_id) = 16),
    created_at TEXT NOT NULL CONSTRAINT quota_grants_created_at_check CHECK (created_at GLOB '*+00:00'),
    expires_at TEXT CONSTRAINT quota_grants_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    closed_at TEXT CONSTRAINT quota_grants_closed_at_check CHECK (closed_at GLOB '*+00:00'),
    CONSTRAINT quota_grants_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT,
    CONSTRAINT quota_grants_units_check CHECK (units > 0),
    CONSTRAINT quota_grants_spent_check CHECK (spent BETWEEN 0 AND units)
) STRICT;
-- Roll, explain.
CREATE INDEX quota_grants_subscription_id_meter_idx ON quota_grants (subscription_id, meter) WHERE closed_at IS NULL;

-- Which grants a counter was filled with, and how much of each it burned: known when the pot is closed, at the
-- grant's expiry or when the next period begins.
CREATE TABLE quota_pots (
    subscription_id BLOB NOT NULL CONSTRAINT quota_pots_subscription_id_check CHECK (length(subscription_id) = 16),
    meter TEXT NOT NULL,
    period_start TEXT NOT NULL CONSTRAINT quota_pots_period_start_check CHECK (period_start GLOB '*+00:00'),
    grant_id BLOB NOT NULL CONSTRAINT quota_pots_grant_id_check CHECK (length(grant_id) = 16),
    units INTEGER NOT NULL,
    burned INTEGER NOT NULL DEFAULT 0,
    closed_at TEXT CONSTRAINT quota_pots_closed_at_check CHECK (closed_at GLOB '*+00:00'),
    CONSTRAINT quota_pots_pkey PRIMARY KEY (subscription_id, meter, period_start, grant_id),
    CONSTRAINT quota_pots_subscription_id_meter_period_start_fkey FOREIGN KEY (subscription_id, meter, period_start) REFERENCES quota_counters (subscription_id, meter, period_start) ON DELETE RESTRICT,
    CONSTRAINT quota_pots_grant_id_fkey FOREIGN KEY (grant_id) REFERENCES quota_grants (id) ON DELETE RESTRICT,
    CONSTRAINT quota_pots_units_check CHECK (units > 0),
    CONSTRAINT quota_pots_burned_check CHECK (burned BETWEEN 0 AND units)
) STRICT;

-- A usage is given back at most once (a partitioned table cannot hold this key).
CREATE TABLE usage_refunds (
    usage_id BLOB NOT NULL CONSTRAINT usage_refunds_pkey PRIMARY KEY CONSTRAINT usage_refunds_usage_id_check CHECK (length(usage_id) = 16),
    refund_usage_id BLOB NOT NULL CONSTRAINT usage_refunds_refund_usage_id_check CHECK (length(refund_usage_id) = 16),
    reason TEXT NOT NULL,
    refunded_by BLOB CONSTRAINT usage_refunds_refunded_by_check CHECK (length(refunded_by) = 16),
    created_at TEXT NOT NULL CONSTRAINT usage_refunds_created_at_check CHECK (created_at GLOB '*+00:00')
) STRICT;
