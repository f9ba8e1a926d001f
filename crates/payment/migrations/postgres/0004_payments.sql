-- order_no = the id as 32 hexadecimal digits, the number at every provider.
CREATE TABLE payment_transactions (
    id UUID NOT NULL CONSTRAINT payment_transactions_pkey PRIMARY KEY,
    user_id UUID NOT NULL,
    subscription_id UUID,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    payment_provider_id TEXT,
    status TEXT NOT NULL CONSTRAINT payment_transactions_status_check CHECK (status IN ('pending', 'completed', 'failed', 'refunded')),
    metadata JSONB NOT NULL DEFAULT '{}',
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    order_no TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT payment_transactions_state_check CHECK (state IN ('created', 'pending', 'completed', 'failed', 'refunded')),
    purpose TEXT NOT NULL CONSTRAINT payment_transactions_purpose_check CHECK (purpose IN ('subscription', 'renewal', 'change', 'one_off')),
    plan_id UUID,
    plan_version BIGINT,
    livemode BOOLEAN NOT NULL,
    provider_app_id TEXT NOT NULL,
    provider_merchant_id TEXT NOT NULL,
    provider_order_id TEXT,
    action JSONB,
    link_hash BYTEA NOT NULL CONSTRAINT payment_transactions_link_hash_check CHECK (length(link_hash) = 32),
    description TEXT NOT NULL,
    client TEXT,
    return_url TEXT,
    failure_code TEXT,
    expires_at TIMESTAMPTZ NOT NULL,
    paid_at TIMESTAMPTZ,
    superseded_at TIMESTAMPTZ,
    refunding BIGINT NOT NULL DEFAULT 0,
    refunded BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT payment_transactions_order_no_key UNIQUE (order_no),
    CONSTRAINT payment_transactions_link_hash_key UNIQUE (link_hash),
    CONSTRAINT payment_transactions_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT,
    CONSTRAINT payment_transactions_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES subscription_plans (id) ON DELETE RESTRICT,
    CONSTRAINT payment_transactions_amount_check CHECK (amount > 0),
    CONSTRAINT payment_transactions_refunding_check CHECK (refunding >= 0),
    CONSTRAINT payment_transactions_refunded_check CHECK (refunded >= 0),
    CONSTRAINT payment_transactions_refund_cap_check CHECK (refunded + refunding <= amount),
    CONSTRAINT payment_transactions_status_state_check CHECK (state = status OR (state = 'created' AND status = 'pending')),
    CONSTRAINT payment_transactions_paid_check CHECK (paid_at IS NOT NULL OR state NOT IN ('completed', 'refunded')),
    CONSTRAINT payment_transactions_all_refunded_check CHECK ((state = 'refunded') = (refunded = amount)),
    CONSTRAINT payment_transactions_one_off_check CHECK ((purpose = 'one_off') = (plan_id IS NULL))
);
CREATE UNIQUE INDEX payment_transactions_provider_id_key ON payment_transactions (payment_method, livemode, payment_provider_id) WHERE payment_provider_id IS NOT NULL;
-- One open order of a person for a plan on a rail.
CREATE UNIQUE INDEX payment_transactions_open_order_key ON payment_transactions (user_id, plan_id, payment_method, livemode) WHERE state IN ('created', 'pending') AND superseded_at IS NULL;
-- Own list.
CREATE INDEX payment_transactions_user_id_id_idx ON payment_transactions (user_id, id);
-- Money behind a subscription.
CREATE INDEX payment_transactions_subscription_id_idx ON payment_transactions (subscription_id);
-- Reconcile sweep.
CREATE INDEX payment_transactions_expires_at_idx ON payment_transactions (expires_at) WHERE state IN ('created', 'pending');
-- Revenue, bill of a day.
CREATE INDEX payment_transactions_paid_at_idx ON payment_transactions (paid_at) WHERE paid_at IS NOT NULL;

-- States only move forward; the one way back from failed is verified money.
CREATE FUNCTION payment_transactions_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT (OLD.state = NEW.state
        OR (OLD.state = 'created' AND NEW.state IN ('pending', 'completed', 'failed'))
        OR (OLD.state = 'pending' AND NEW.state IN ('completed', 'failed'))
        OR (OLD.state = 'failed' AND NEW.state = 'completed')
        OR (OLD.state = 'completed' AND NEW.state = 'refunded')) THEN
        RAISE EXCEPTION 'payment_transactions only move forward';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payment_transactions_forward BEFORE UPDATE OF state ON payment_transactions
    FOR EACH ROW EXECUTE FUNCTION payment_transactions_forward();

-- Every inbound call as it came.
CREATE TABLE webhook_calls (
    id UUID NOT NULL CONSTRAINT webhook_calls_pkey PRIMARY KEY,
    provider TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    verdict TEXT NOT NULL CONSTRAINT webhook_calls_verdict_check CHECK (verdict IN ('verified', 'forged', 'stale', 'foreign', 'unreadable', 'probe')),
    event_key TEXT,
    payment_id UUID,
    headers BYTEA NOT NULL,
    body BYTEA NOT NULL,
    reply_status BIGINT NOT NULL,
    duration_us BIGINT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    replay_of UUID
);
-- Timeline of a payment.
CREATE INDEX webhook_calls_payment_id_id_idx ON webhook_calls (payment_id, id) WHERE payment_id IS NOT NULL;
-- All deliveries of one event.
CREATE INDEX webhook_calls_provider_event_key_idx ON webhook_calls (provider, event_key);

-- One row per verified event, for ever: the gate of "applied once".
CREATE TABLE webhook_inbox (
    provider TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    event_key TEXT NOT NULL,
    payment_id UUID,
    outcome TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT webhook_inbox_pkey PRIMARY KEY (provider, livemode, event_key),
    CONSTRAINT webhook_inbox_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT
);

-- Verified money that fits no payable order.
CREATE TABLE suspense (
    id UUID NOT NULL CONSTRAINT suspense_pkey PRIMARY KEY,
    provider TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    provider_transaction_id TEXT NOT NULL,
    order_no TEXT,
    payment_id UUID,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    cause TEXT NOT NULL CONSTRAINT suspense_cause_check CHECK (cause IN ('unknown_order', 'amount', 'currency', 'rail', 'environment', 'surplus', 'ended_order')),
    state TEXT NOT NULL DEFAULT 'open' CONSTRAINT suspense_state_check CHECK (state IN ('open', 'applied', 'refunding', 'refunded', 'held')),
    call_id UUID,
    resolved_by UUID,
    resolved_at TIMESTAMPTZ,
    note TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT suspense_provider_livemode_provider_transaction_id_key UNIQUE (provider, livemode, provider_transaction_id),
    CONSTRAINT suspense_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT,
    CONSTRAINT suspense_amount_check CHECK (amount > 0)
);
-- Needs attention.
CREATE INDEX suspense_id_idx ON suspense (id) WHERE state = 'open';
-- Timeline of a payment.
CREATE INDEX suspense_payment_id_idx ON suspense (payment_id) WHERE payment_id IS NOT NULL;

-- Our own number, made before the call and reused on every repeat.
CREATE TABLE refunds (
    id UUID NOT NULL CONSTRAINT refunds_pkey PRIMARY KEY,
    payment_id UUID,
    suspense_id UUID,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT refunds_status_check CHECK (status IN ('pending', 'succeeded', 'failed')),
    state TEXT NOT NULL CONSTRAINT refunds_state_check CHECK (state IN ('reserved', 'submitted', 'unknown', 'succeeded', 'failed')),
    refund_no TEXT NOT NULL,
    provider_refund_id TEXT,
    origin TEXT NOT NULL CONSTRAINT refunds_origin_check CHECK (origin IN ('admin', 'surplus', 'console', 'dispute')),
    reason TEXT NOT NULL,
    requested_by UUID,
    end_subscription BOOLEAN NOT NULL,
    failure_code TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    settled_at TIMESTAMPTZ,
    version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT refunds_refund_no_key UNIQUE (refund_no),
    CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT,
    CONSTRAINT refunds_suspense_id_fkey FOREIGN KEY (suspense_id) REFERENCES suspense (id) ON DELETE RESTRICT,
    CONSTRAINT refunds_amount_check CHECK (amount > 0),
    CONSTRAINT refunds_subject_check CHECK (payment_id IS NOT NULL OR suspense_id IS NOT NULL),
    CONSTRAINT refunds_settled_check CHECK ((status = 'pending') = (settled_at IS NULL)),
    CONSTRAINT refunds_status_state_check CHECK ((status = 'pending' AND state IN ('reserved', 'submitted', 'unknown')) OR status = state)
);
CREATE UNIQUE INDEX refunds_payment_id_provider_refund_id_key ON refunds (payment_id, provider_refund_id) WHERE provider_refund_id IS NOT NULL;
-- Timeline of a payment.
CREATE INDEX refunds_payment_id_id_idx ON refunds (payment_id, id);
-- Reconcile.
CREATE INDEX refunds_updated_at_idx ON refunds (updated_at) WHERE status = 'pending';

-- Intent before, result after, of every outgoing call; unknown is a result.
CREATE TABLE payment_attempts (
    id UUID NOT NULL CONSTRAINT payment_attempts_pkey PRIMARY KEY,
    payment_id UUID,
    refund_id UUID,
    operation TEXT NOT NULL CONSTRAINT payment_attempts_operation_check CHECK (operation IN ('create', 'query', 'close', 'cancel', 'refund', 'refund_query')),
    request_no TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'intent' CONSTRAINT payment_attempts_state_check CHECK (state IN ('intent', 'succeeded', 'refused', 'unknown')),
    http_status BIGINT,
    provider_code TEXT,
    provider_request_id TEXT,
    detail JSONB NOT NULL DEFAULT '{}',
    started_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    CONSTRAINT payment_attempts_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT,
    CONSTRAINT payment_attempts_refund_id_fkey FOREIGN KEY (refund_id) REFERENCES refunds (id) ON DELETE RESTRICT,
    CONSTRAINT payment_attempts_subject_check CHECK (payment_id IS NOT NULL OR refund_id IS NOT NULL)
);
-- Timelines.
CREATE INDEX payment_attempts_payment_id_id_idx ON payment_attempts (payment_id, id);
CREATE INDEX payment_attempts_refund_id_idx ON payment_attempts (refund_id) WHERE refund_id IS NOT NULL;
-- Orphans after a crash.
CREATE INDEX payment_attempts_started_at_idx ON payment_attempts (started_at) WHERE state = 'intent';
