-- What of the design's `user_subscriptions` is written down: what was used stands in the counters alone, and a view of
-- that name (0019) brings both together. No consume changes a row of it.
CREATE TABLE subscriptions (
    id UUID NOT NULL CONSTRAINT subscriptions_pkey PRIMARY KEY,
    user_id UUID NOT NULL,
    plan_id UUID NOT NULL,
    status TEXT NOT NULL CONSTRAINT subscriptions_status_check CHECK (status IN ('active', 'cancelled', 'expired')),
    current_period_start TIMESTAMPTZ NOT NULL,
    current_period_end TIMESTAMPTZ,
    auto_renew BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL CONSTRAINT subscriptions_state_check CHECK (state IN ('active', 'trialing', 'past_due', 'grace', 'cancelling', 'expired', 'refunded', 'replaced')),
    plan_version BIGINT NOT NULL,
    livemode BOOLEAN NOT NULL,
    anchor_at TIMESTAMPTZ NOT NULL,
    anchor_zone TEXT NOT NULL,
    entitled_until TIMESTAMPTZ,
    quota_meter TEXT NOT NULL,
    quota_period_start TIMESTAMPTZ,
    provider TEXT,
    provider_subscription_id TEXT,
    next_plan_id UUID,
    cancelled_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ,
    end_reason TEXT,
    version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT subscriptions_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT subscriptions_next_plan_id_fkey FOREIGN KEY (next_plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT subscriptions_ended_check CHECK ((ended_at IS NULL) = (status <> 'expired')),
    CONSTRAINT subscriptions_status_state_check CHECK ((status = 'active' AND state IN ('active', 'trialing', 'past_due', 'grace')) OR (status = 'cancelled' AND state = 'cancelling') OR (status = 'expired' AND state IN ('expired', 'refunded', 'replaced')))
);
CREATE UNIQUE INDEX subscriptions_user_id_livemode_key ON subscriptions (user_id, livemode) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX subscriptions_provider_provider_subscription_id_key ON subscriptions (provider, provider_subscription_id) WHERE provider_subscription_id IS NOT NULL;
-- History of a person.
CREATE INDEX subscriptions_user_id_id_idx ON subscriptions (user_id, id);
-- Expire, remind.
CREATE INDEX subscriptions_entitled_until_idx ON subscriptions (entitled_until) WHERE ended_at IS NULL;
-- How many have this plan.
CREATE INDEX subscriptions_plan_id_idx ON subscriptions (plan_id) WHERE ended_at IS NULL;

-- The truth about quota: one row per subscription, meter and period. open_until is the first of
-- the period's end, entitled_until and the next expiry of a grant: up to then the row is right by
-- itself.
CREATE TABLE quota_counters (
    subscription_id UUID NOT NULL,
    meter TEXT NOT NULL,
    period_start TIMESTAMPTZ NOT NULL,
    period_end TIMESTAMPTZ NOT NULL,
    open_until TIMESTAMPTZ NOT NULL,
    quota_limit BIGINT,
    granted BIGINT NOT NULL DEFAULT 0,
    used BIGINT NOT NULL DEFAULT 0,
    held BIGINT NOT NULL DEFAULT 0,
    notified BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT quota_counters_pkey PRIMARY KEY (subscription_id, meter, period_start),
    CONSTRAINT quota_counters_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT,
    CONSTRAINT quota_counters_used_check CHECK (used >= 0),
    CONSTRAINT quota_counters_held_check CHECK (held >= 0),
    CONSTRAINT quota_counters_granted_check CHECK (granted >= 0),
    CONSTRAINT quota_counters_limit_check CHECK (used + held <= quota_limit),
    CONSTRAINT quota_counters_period_check CHECK (period_start < period_end),
    CONSTRAINT quota_counters_open_period_check CHECK (open_until <= period_end)
) WITH (fillfactor = 50);
