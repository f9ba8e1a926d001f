-- order_no = the id as 32 hexadecimal digits, the number at every provider.
CREATE TABLE payment_transactions (
    id BLOB NOT NULL CONSTRAINT payment_transactions_pkey PRIMARY KEY CONSTRAINT payment_transactions_id_check CHECK (length(id) = 16),
    user_id BLOB NOT NULL CONSTRAINT payment_transactions_user_id_check CHECK (length(user_id) = 16),
    subscription_id BLOB CONSTRAINT payment_transactions_subscription_id_check CHECK (length(subscription_id) = 16),
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    payment_provider_id TEXT,
    status TEXT NOT NULL CONSTRAINT payment_transactions_status_check CHECK (status IN ('pending', 'completed', 'failed', 'refunded')),
    metadata TEXT NOT NULL DEFAULT '{}' CONSTRAINT payment_transactions_metadata_check CHECK (metadata IS NULL OR json_valid(metadata)),
    created_at TEXT NOT NULL CONSTRAINT payment_transactions_created_at_check CHECK (created_at GLOB '*+00:00'),
    updated_at TEXT NOT NULL CONSTRAINT payment_transactions_updated_at_check CHECK (updated_at GLOB '*+00:00'),
    order_no TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT payment_transactions_state_check CHECK (state IN ('created', 'pending', 'completed', 'failed', 'refunded')),
    purpose TEXT NOT NULL CONSTRAINT payment_transactions_purpose_check CHECK (purpose IN ('subscription', 'renewal', 'change', 'one_off')),
    plan_id BLOB CONSTRAINT payment_transactions_plan_id_check CHECK (length(plan_id) = 16),
    plan_version INTEGER,
    livemode INTEGER NOT NULL CONSTRAINT payment_transactions_livemode_check CHECK (livemode IN (0, 1)),
    provider_app_id TEXT NOT NULL,
    provider_merchant_id TEXT NOT NULL,
    provider_order_id TEXT,
    action TEXT CONSTRAINT payment_transactions_action_check CHECK (action IS NULL OR json_valid(action)),
    link_hash BLOB NOT NULL CONSTRAINT payment_transactions_link_hash_check CHECK (length(link_hash) = 32),
    description TEXT NOT NULL,
    client TEXT,
    return_url TEXT,
    failure_code TEXT,
    expires_at TEXT NOT NULL CONSTRAINT payment_transactions_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    paid_at TEXT CONSTRAINT payment_transactions_paid_at_check CHECK (paid_at GLOB '*+00:00'),
    superseded_at TEXT CONSTRAINT payment_transactions_superseded_at_check CHECK (superseded_at GLOB '*+00:00'),
    refunding INTEGER NOT NULL DEFAULT 0,
    refunded INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
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
) STRICT;
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
CREATE TRIGGER payment_transactions_forward BEFORE UPDATE OF state ON payment_transactions
WHEN NOT (OLD.state = NEW.state
    OR (OLD.state = 'created' AND NEW.state IN ('pending', 'completed', 'failed'))
    OR (OLD.state = 'pending' AND NEW.state IN ('completed', 'failed'))
    OR (OLD.state = 'failed' AND NEW.state = 'completed')
    OR (OLD.state = 'completed' AND NEW.state = 'refunded'))
BEGIN
    SELECT RAISE(ABORT, 'payment_transactions only move forward');
END;

-- Every inbound call as it came.
CREATE TABLE webhook_calls (
    id BLOB NOT NULL CONSTRAINT webhook_calls_pkey PRIMARY KEY CONSTRAINT webhook_calls_id_check CHECK (length(id) = 16),
    provider TEXT NOT NULL,
    livemode INTEGER NOT NULL CONSTRAINT webhook_calls_livemode_check CHECK (livemode IN (0, 1)),
    verdict TEXT NOT NULL CONSTRAINT webhook_calls_verdict_check CHECK (verdict IN ('verified', 'forged', 'stale', 'foreign', 'unreadable', 'probe')),
    event_key TEXT,
    payment_id BLOB CONSTRAINT webhook_calls_payment_id_check CHECK (length(payment_id) = 16),
    headers BLOB NOT NULL,
    body BLOB NOT NULL,
    reply_status INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    received_at TEXT NOT NULL CONSTRAINT webhook_calls_received_at_check CHECK (received_at GLOB '*+00:00'),
    replay_of BLOB CONSTRAINT webhook_calls_replay_of_check CHECK (length(replay_of) = 16)
) STRICT;
-- Timeline of a payment.
CREATE INDEX webhook_calls_payment_id_id_idx ON webhook_calls (payment_id, id) WHERE payment_id IS NOT NULL;
-- All deliveries of one event.
CREATE INDEX webhook_calls_provider_event_key_idx ON webhook_calls (provider, event_key);

-- One row per verified event, for ever: the gate of "applied once".
CREATE TABLE webhook_inbox (
    provider TEXT NOT NULL,
    livemode INTEGER NOT NULL CONSTRAINT webhook_inbox_livemode_check CHECK (livemode IN (0, 1)),
    event_key TEXT NOT NULL,
    payment_id BLOB CONSTRAINT webhook_inbox_payment_id_check CHECK (length(payment_id) = 16),
    outcome TEXT NOT NULL,
    received_at TEXT NOT NULL CONSTRAINT webhook_inbox_received_at_check CHECK (received_at GLOB '*+00:00'),
    CONSTRAINT webhook_inbox_pkey PRIMARY KEY (provider, livemode, event_key),
    CONSTRAINT webhook_inbox_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT
) STRICT;

-- Verified money that fits no payable order.
CREATE TABLE suspense (
    id BLOB NOT NULL CONSTRAINT suspense_pkey PRIMARY KEY CONSTRAINT suspense_id_check CHECK (length(id) = 16),
    provider TEXT NOT NULL,
    livemode INTEGER NOT NULL CONSTRAINT suspense_livemode_check CHECK (livemode IN (0, 1)),
    provider_transaction_id TEXT NOT NULL,
    order_no TEXT,
    payment_id BLOB CONSTRAINT suspense_payment_id_check CHECK (length(payment_id) = 16),
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    cause TEXT NOT NULL CONSTRAINT suspense_cause_check CHECK (cause IN ('unknown_order', 'amount', 'currency', 'rail', 'environment', 'surplus', 'ended_order')),
    state TEXT NOT NULL DEFAULT 'open' CONSTRAINT suspense_state_check CHECK (state IN ('open', 'applied', 'refunding', 'refunded', 'held')),
    call_id BLOB CONSTRAINT suspense_call_id_check CHECK (length(call_id) = 16),
    resolved_by BLOB CONSTRAINT suspense_resolved_by_check CHECK (length(resolved_by) = 16),
    resolved_at TEXT CONSTRAINT suspense_resolved_at_check CHECK (resolved_at GLOB '*+00:00'),
    note TEXT,
    created_at TEXT NOT NULL CONSTRAINT suspense_created_at_check CHECK (created_at GLOB '*+00:00'),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT suspense_provider_livemode_provider_transaction_id_key UNIQUE (provider, livemode, provider_transaction_id),
    CONSTRAINT suspense_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT,
    CONSTRAINT suspense_amount_check CHECK (amount > 0)
) STRICT;
-- Needs attention.
CREATE INDEX suspense_id_idx ON suspense (id) WHERE state = 'open';
-- Timeline of a payment.
CREATE INDEX suspense_payment_id_idx ON suspense (payment_id) WHERE payment_id IS NOT NULL;

-- Our own number, made before the call and reused on every repeat.
CREATE TABLE refunds (
    id BLOB NOT NULL CONSTRAINT refunds_pkey PRIMARY KEY CONSTRAINT refunds_id_check CHECK (length(id) = 16),
    payment_id BLOB CONSTRAINT refunds_payment_id_check CHECK (length(payment_id) = 16),
    suspense_id BLOB CONSTRAINT refunds_suspense_id_check CHECK (length(suspense_id) = 16),
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL CONSTRAINT refunds_status_check CHECK (status IN ('pending', 'succeeded', 'failed')),
    state TEXT NOT NULL CONSTRAINT refunds_state_check CHECK (state IN ('reserved', 'submitted', 'unknown', 'succeeded', 'failed')),
    refund_no TEXT NOT NULL,
    provider_refund_id TEXT,
    origin TEXT NOT NULL CONSTRAINT refunds_origin_check CHECK (origin IN ('admin', 'surplus', 'console', 'dispute')),
    reason TEXT NOT NULL,
    requested_by BLOB CONSTRAINT refunds_requested_by_check CHECK (length(requested_by) = 16),
    end_subscription INTEGER NOT NULL CONSTRAINT refunds_end_subscription_check CHECK (end_subscription IN (0, 1)),
    failure_code TEXT,
    created_at TEXT NOT NULL CONSTRAINT refunds_created_at_check CHECK (created_at GLOB '*+00:00'),
    updated_at TEXT NOT NULL CONSTRAINT refunds_updated_at_check CHECK (updated_at GLOB '*+00:00'),
    settled_at TEXT CONSTRAINT refunds_settled_at_check CHECK (settled_at GLOB '*+00:00'),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT refunds_refund_no_key UNIQUE (refund_no),
    CONSTRAINT refunds_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT,
    CONSTRAINT refunds_suspense_id_fkey FOREIGN KEY (suspense_id) REFERENCES suspense (id) ON DELETE RESTRICT,
    CONSTRAINT refunds_amount_check CHECK (amount > 0),
    CONSTRAINT refunds_subject_check CHECK (payment_id IS NOT NULL OR suspense_id IS NOT NULL),
    CONSTRAINT refunds_settled_check CHECK ((status = 'pending') = (settled_at IS NULL)),
    CONSTRAINT refunds_status_state_check CHECK ((status = 'pending' AND state IN ('reserved', 'submitted', 'unknown')) OR status = state)
) STRICT;
CREATE UNIQUE INDEX refunds_payment_id_provider_refund_id_key ON refunds (payment_id, provider_refund_id) WHERE provider_refund_id IS NOT NULL;
-- Timeline of a payment.
CREATE INDEX refunds_payment_id_id_idx ON refunds (payment_id, id);
-- Reconcile.
CREATE INDEX refunds_updated_at_idx ON refunds (updated_at) WHERE status = 'pending';

-- Intent before, result after, of every outgoing call; unknown is a result.
CREATE TABLE payment_attempts (
    id BLOB NOT NULL CONSTRAINT payment_attempts_pkey PRIMARY KEY CONSTRAINT payment_attempts_id_check CHECK (length(id) = 16),
    payment_id BLOB CONSTRAINT payment_attempts_payment_id_check CHECK (length(payment_id) = 16),
    refund_id BLOB CONSTRAINT payment_attempts_refund_id_check CHECK (length(refund_id) = 16),
    operation TEXT NOT NULL CONSTRAINT payment_attempts_operation_check CHECK (operation IN ('create', 'query', 'close', 'cancel', 'refund', 'refund_query')),
    request_no TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'intent' CONSTRAINT payment_attempts_state_check CHECK (state IN ('intent', 'succeeded', 'refused', 'unknown')),
    http_status INTEGER,
    provider_code TEXT,
    provider_request_id TEXT,
    detail TEXT NOT NULL DEFAULT '{}' CONSTRAINT payment_attempts_detail_check CHECK (detail IS NULL OR json_valid(detail)),
    started_at TEXT NOT NULL CONSTRAINT payment_attempts_started_at_check CHECK (started_at GLOB '*+00:00'),
    finished_at TEXT CONSTRAINT payment_attempts_finished_at_check CHECK (finished_at GLOB '*+00:00'),
    CONSTRAINT payment_attempts_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment_transactions (id) ON DELETE RESTRICT,
    CONSTRAINT payment_attempts_refund_id_fkey FOREIGN KEY (refund_id) REFERENCES refunds (id) ON DELETE RESTRICT,
    CONSTRAINT payment_attempts_subject_check CHECK (payment_id IS NOT NULL OR refund_id IS NOT NULL)
) STRICT;
-- Timelines.
CREATE INDEX payment_attempts_payment_id_id_idx ON payment_attempts (payment_id, id);
CREATE INDEX payment_attempts_refund_id_idx ON payment_attempts (refund_id) WHERE refund_id IS NOT NULL;
-- Orphans after a crash.
CREATE INDEX payment_attempts_started_at_idx ON payment_attempts (started_at) WHERE state = 'intent';
