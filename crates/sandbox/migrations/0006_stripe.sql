-- The look-alike of Stripe: its account, its objects as they are answered, and what it owes. Moments are Unix seconds,
-- as Stripe has them.

CREATE TABLE stripe_account (
    id INTEGER PRIMARY KEY CONSTRAINT stripe_account_id_check CHECK (id = 1),
    account TEXT NOT NULL,
    secret_key TEXT NOT NULL,
    webhook_secret TEXT NOT NULL,
    -- While the secret is rolled: the one before, and until when it signs as well.
    previous_secret TEXT,
    previous_until INTEGER,
    -- NULL: below the sandbox's own address.
    notify_url TEXT
) STRICT;

CREATE TABLE stripe_objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL CONSTRAINT stripe_objects_id_key UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    -- What it belongs to, and what else it is looked for by: of a refund its payment and its charge.
    parent TEXT,
    peer TEXT,
    -- The merchant's order number.
    order_no TEXT,
    -- When something happens to it by itself.
    due INTEGER,
    body TEXT NOT NULL CONSTRAINT stripe_objects_body_check CHECK (json_valid(body)),
    -- What the API does not show of it.
    notes TEXT NOT NULL DEFAULT '{}' CONSTRAINT stripe_objects_notes_check CHECK (json_valid(notes))
) STRICT;
-- list
CREATE INDEX stripe_objects_kind_idx ON stripe_objects (kind, seq);
CREATE INDEX stripe_objects_parent_idx ON stripe_objects (kind, parent, seq) WHERE parent IS NOT NULL;
CREATE INDEX stripe_objects_peer_idx ON stripe_objects (kind, peer, seq) WHERE peer IS NOT NULL;
-- the page of an order
CREATE INDEX stripe_objects_order_no_idx ON stripe_objects (order_no, kind) WHERE order_no IS NOT NULL;
-- what happens next
CREATE INDEX stripe_objects_due_idx ON stripe_objects (due) WHERE due IS NOT NULL;

CREATE TABLE stripe_requests (
    idempotency_key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    started INTEGER NOT NULL,
    -- NULL while it runs.
    status INTEGER,
    body TEXT
) STRICT;

CREATE TABLE stripe_webhooks (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL REFERENCES stripe_objects (id),
    order_no TEXT,
    -- How it is signed.
    seal TEXT NOT NULL,
    -- What is sent in place of the event.
    body TEXT,
    -- Of those that are due together, a higher one waits for the lower ones.
    place INTEGER NOT NULL DEFAULT 0,
    -- NULL when accepted or given up.
    due INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER
) STRICT;
-- claim
CREATE INDEX stripe_webhooks_due_idx ON stripe_webhooks (due) WHERE due IS NOT NULL;
-- card page
CREATE INDEX stripe_webhooks_order_no_idx ON stripe_webhooks (order_no) WHERE order_no IS NOT NULL;

-- Its own books: every movement of money, once, in the transaction that moved it.
CREATE TABLE stripe_movements (
    id INTEGER PRIMARY KEY,
    order_no TEXT,
    payment_intent TEXT NOT NULL,
    -- The charge, refund or dispute that moved it.
    number TEXT NOT NULL,
    direction TEXT NOT NULL CONSTRAINT stripe_movements_direction_check CHECK (direction IN ('in', 'out')),
    cause TEXT NOT NULL CONSTRAINT stripe_movements_cause_check
        CHECK (cause IN ('payment', 'refund', 'console', 'dispute', 'dispute_won', 'refund_failed')),
    -- In Stripe's own unit of the currency.
    amount INTEGER NOT NULL CONSTRAINT stripe_movements_amount_check CHECK (amount > 0),
    currency TEXT NOT NULL,
    moved INTEGER NOT NULL,
    CONSTRAINT stripe_movements_number_key UNIQUE (number, direction)
) STRICT;
CREATE TRIGGER stripe_movements_stay_update BEFORE UPDATE ON stripe_movements
    BEGIN SELECT RAISE(ABORT, 'movements stay'); END;
CREATE TRIGGER stripe_movements_stay_delete BEFORE DELETE ON stripe_movements
    BEGIN SELECT RAISE(ABORT, 'movements stay'); END;

PRAGMA user_version = 6;
