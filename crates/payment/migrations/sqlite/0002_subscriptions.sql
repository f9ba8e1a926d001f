-- What of the design's `user_subscriptions` is written down: what was used stands in the counters alone, and a view of
-- that name (0019) brings both together. No consume changes a row of it.
CREATE TABLE subscriptions (
    id BLOB NOT NULL CONSTRAINT subscriptions_pkey PRIMARY KEY CONSTRAINT subscriptions_id_check CHECK (length(id) = 16),
    user_id BLOB NOT NULL CONSTRAINT subscriptions_user_id_check CHECK (length(user_id) = 16),
    plan_id BLOB NOT NULL CONSTRAINT subscriptions_plan_id_check CHECK (length(plan_id) = 16),
    status TEXT NOT NULL CONSTRAINT subscriptions_status_check CHECK (status IN ('active', 'cancelled', 'expired')),
    current_period_start TEXT NOT NULL CONSTRAINT subscriptions_current_period_start_check CHECK (current_period_start GLOB '*+00:00'),
    current_period_end TEXT CONSTRAINT subscriptions_current_period_end_check CHECK (current_period_end GLOB '*+00:00'),
    auto_renew INTEGER NOT NULL DEFAULT 0 CONSTRAINT subscriptions_auto_renew_check CHECK (auto_renew IN (0, 1)),
    created_at TEXT NOT NULL CONSTRAINT subscriptions_created_at_check CHECK (created_at GLOB '*+00:00'),
    updated_at TEXT NOT NULL CONSTRAINT subscriptions_updated_at_check CHECK (updated_at GLOB '*+00:00'),
    state TEXT NOT NULL CONSTRAINT subscriptions_state_check CHECK (state IN ('active', 'trialing', 'past_due', 'grace', 'cancelling', 'expired', 'refunded', 'replaced')),
    plan_version INTEGER NOT NULL,
    livemode INTEGER NOT NULL CONSTRAINT subscriptions_livemode_check CHECK (livemode IN (0, 1)),
    anchor_at TEXT NOT NULL CONSTRAINT subscriptions_anchor_at_check CHECK (anchor_at GLOB '*+00:00'),
    anchor_zone TEXT NOT NULL,
    entitled_until TEXT CONSTRAINT subscriptions_entitled_until_check CHECK (entitled_until GLOB '*+00:00'),
    quota_meter TEXT NOT NULL,
    quota_period_start TEXT CONSTRAINT subscriptions_quota_period_start_check CHECK (quota_period_start GLOB '*+00:00'),
    provider TEXT,
    provider_subscription_id TEXT,
    next_plan_id BLOB CONSTRAINT subscriptions_next_plan_id_check CHECK (length(next_plan_id) = 16),
    cancelled_at TEXT CONSTRAINT subscriptions_cancelled_at_check CHECK (cancelled_at GLOB '*+00:00'),
    ended_at TEXT CONSTRAINT subscriptions_ended_at_check CHECK (ended_at GLOB '*+00:00'),
    end_reason TEXT,
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT subscriptions_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT subscriptions_next_plan_id_fkey FOREIGN KEY (next_plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT subscriptions_ended_check CHECK ((ended_at IS NULL) = (status <> 'expired')),
    CONSTRAINT subscriptions_status_state_check CHECK ((status = 'active' AND state IN ('active', 'trialing', 'past_due', 'grace')) OR (status = 'cancelled' AND state = 'cancelling') OR (status = 'expired' AND state IN ('expired', 'refunded', 'replaced')))
) STRICT;
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
    subscription_id BLOB NOT NULL CONSTRAINT quota_counters_subscription_id_check CHECK (length(subscription_id) = 16),
    meter TEXT NOT NULL,
    period_start TEXT NOT NULL CONSTRAINT quota_counters_period_start_check CHECK (period_start GLOB '*+00:00'),
    period_end TEXT NOT NULL CONSTRAINT quota_counters_period_end_check CHECK (period_end GLOB '*+00:00'),
    open_until TEXT NOT NULL CONSTRAINT quota_counters_open_until_check CHECK (open_until GLOB '*+00:00'),
    quota_limit INTEGER,
    granted INTEGER NOT NULL DEFAULT 0,
    used INTEGER NOT NULL DEFAULT 0,
    held INTEGER NOT NULL DEFAULT 0,
    notified INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL CONSTRAINT quota_counters_created_at_check CHECK (created_at GLOB '*+00:00'),
    updated_at TEXT NOT NULL CONSTRAINT quota_counters_updated_at_check CHECK (updated_at GLOB '*+00:00'),
    CONSTRAINT quota_counters_pkey PRIMARY KEY (subscription_id, meter, period_start),
    CONSTRAINT quota_counters_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT,
    CONSTRAINT quota_counters_used_check CHECK (used >= 0),
    CONSTRAINT quota_counters_held_check CHECK (held >= 0),
    CONSTRAINT quota_counters_granted_check CHECK (granted >= 0),
    CONSTRAINT quota_counters_limit_check CHECK (used + held <= quota_limit),
    CONSTRAINT quota_counters_period_check CHECK (period_start < period_end),
    CONSTRAINT quota_counters_open_period_check CHECK (open_until <= period_end)
) STRICT;
