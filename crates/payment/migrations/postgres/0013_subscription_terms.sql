-- Every term that a subscription was paid or given, one behind the other: which plan in which version it is of, and
-- what it is worth, so that a later term may be of another plan, and what is left of one can be counted for the next.
CREATE TABLE subscription_terms (
    subscription_id UUID NOT NULL,
    starts_at TIMESTAMPTZ NOT NULL,
    ends_at TIMESTAMPTZ,
    plan_id UUID NOT NULL,
    plan_version BIGINT NOT NULL,
    anchor_at TIMESTAMPTZ NOT NULL,
    worth BIGINT NOT NULL DEFAULT 0,
    currency TEXT NOT NULL,
    payment_id UUID,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT subscription_terms_pkey PRIMARY KEY (subscription_id, starts_at),
    CONSTRAINT subscription_terms_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT,
    CONSTRAINT subscription_terms_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT subscription_terms_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT,
    CONSTRAINT subscription_terms_worth_check CHECK (worth >= 0),
    CONSTRAINT subscription_terms_period_check CHECK (starts_at < ends_at)
);
-- What a payment bought.
CREATE INDEX subscription_terms_payment_id_idx ON subscription_terms (payment_id) WHERE payment_id IS NOT NULL;
-- What was begun before there were terms is one term, worth what was paid for it and kept.
INSERT INTO subscription_terms (subscription_id, starts_at, ends_at, plan_id, plan_version, anchor_at, worth, currency, created_at)
    SELECT s.id, s.current_period_start, s.current_period_end, s.plan_id, s.plan_version, s.anchor_at,
        COALESCE((SELECT CAST(SUM(p.amount - p.refunded) AS BIGINT) FROM payment_transactions p
            WHERE p.subscription_id = s.id AND p.paid_at IS NOT NULL), 0), o.currency, s.created_at
    FROM subscriptions s JOIN subscription_plans o ON o.id = s.plan_id;

-- When a later term of another plan, or of another version, begins.
ALTER TABLE subscriptions ADD COLUMN turns_at TIMESTAMPTZ;
-- What begins is due.
CREATE INDEX subscriptions_turns_at_idx ON subscriptions (turns_at) WHERE turns_at IS NOT NULL AND ended_at IS NULL;
-- What is over and has days of grace; whom to remind.
CREATE INDEX subscriptions_current_period_end_idx ON subscriptions (current_period_end) WHERE state = 'active' AND ended_at IS NULL;

-- What was counted for the plan that an order replaces, when it was placed.
CREATE TABLE change_quotes (
    payment_id UUID NOT NULL,
    subscription_id UUID NOT NULL,
    credit BIGINT NOT NULL,
    currency TEXT NOT NULL,
    terms BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT change_quotes_pkey PRIMARY KEY (payment_id),
    CONSTRAINT change_quotes_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT,
    CONSTRAINT change_quotes_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT,
    CONSTRAINT change_quotes_credit_check CHECK (credit >= 0),
    CONSTRAINT change_quotes_terms_check CHECK (terms BETWEEN 1 AND 120)
);
-- What took the place of a subscription.
CREATE INDEX change_quotes_subscription_id_idx ON change_quotes (subscription_id);
