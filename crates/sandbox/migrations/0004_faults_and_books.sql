-- Several trades under one order number (the first has `copy` 0), and the product each was made with.
ALTER TABLE trades RENAME TO trades_before;
DROP INDEX trades_rail_provider_no_key;
CREATE TABLE trades (
    rail TEXT NOT NULL,
    app_id TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    copy INTEGER NOT NULL DEFAULT 0 CONSTRAINT trades_copy_check CHECK (copy >= 0),
    provider_no TEXT NOT NULL,
    product TEXT NOT NULL,
    amount INTEGER NOT NULL CONSTRAINT trades_amount_check CHECK (amount > 0),
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    request TEXT NOT NULL,
    notify_url TEXT,
    return_url TEXT,
    buyer TEXT,
    created_at TEXT NOT NULL CONSTRAINT trades_created_at_check CHECK (created_at GLOB '*+00:00'),
    expires_at TEXT CONSTRAINT trades_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    paid_at TEXT CONSTRAINT trades_paid_at_check CHECK (paid_at GLOB '*+00:00'),
    closed_at TEXT CONSTRAINT trades_closed_at_check CHECK (closed_at GLOB '*+00:00'),
    PRIMARY KEY (rail, app_id, out_trade_no, copy)
) STRICT;
CREATE UNIQUE INDEX trades_rail_provider_no_key ON trades (rail, provider_no);
INSERT INTO trades (rail, app_id, out_trade_no, provider_no, product, amount, currency, state, request, notify_url,
        return_url, buyer, created_at, expires_at, paid_at, closed_at)
    SELECT rail, app_id, out_trade_no, provider_no, 'precreate', amount, currency, state, request, notify_url,
        return_url, buyer, created_at, expires_at, paid_at, closed_at FROM trades_before;
DROP TABLE trades_before;

-- A refund may take its time, and fail in the end.
ALTER TABLE trade_refunds RENAME TO trade_refunds_before;
DROP INDEX trade_refunds_rail_provider_refund_no_key;
CREATE TABLE trade_refunds (
    rail TEXT NOT NULL,
    provider_no TEXT NOT NULL,
    out_refund_no TEXT NOT NULL,
    provider_refund_no TEXT NOT NULL,
    cause TEXT NOT NULL CONSTRAINT trade_refunds_cause_check CHECK (cause IN ('refund', 'cancel', 'console')),
    amount INTEGER NOT NULL CONSTRAINT trade_refunds_amount_check CHECK (amount > 0),
    state TEXT NOT NULL CONSTRAINT trade_refunds_state_check CHECK (state IN ('pending', 'done', 'failed')),
    -- Of a pending one: when it is decided, and the code it fails with.
    due_at TEXT CONSTRAINT trade_refunds_due_at_check CHECK (due_at GLOB '*+00:00'),
    failure TEXT,
    created_at TEXT NOT NULL CONSTRAINT trade_refunds_created_at_check CHECK (created_at GLOB '*+00:00'),
    settled_at TEXT CONSTRAINT trade_refunds_settled_at_check CHECK (settled_at GLOB '*+00:00'),
    PRIMARY KEY (rail, provider_no, out_refund_no),
    CONSTRAINT trade_refunds_pending_check CHECK ((state = 'pending') = (settled_at IS NULL)),
    CONSTRAINT trade_refunds_due_check CHECK (state <> 'pending' OR due_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX trade_refunds_rail_provider_refund_no_key ON trade_refunds (rail, provider_refund_no);
-- settle what is due
CREATE INDEX trade_refunds_due_at_idx ON trade_refunds (due_at) WHERE state = 'pending';
INSERT INTO trade_refunds (rail, provider_no, out_refund_no, provider_refund_no, cause, amount, state, created_at, settled_at)
    SELECT rail, provider_no, out_refund_no, provider_refund_no, 'refund', amount, state, created_at,
        COALESCE(settled_at, created_at) FROM trade_refunds_before;
DROP TABLE trade_refunds_before;

-- Which kinds there are is written in one table, in code. `*` is every method; without an order, every order.
DROP TABLE faults;
CREATE TABLE faults (
    id INTEGER PRIMARY KEY,
    rail TEXT NOT NULL,
    kind TEXT NOT NULL,
    method TEXT NOT NULL,
    order_no TEXT,
    argument TEXT,
    remaining INTEGER NOT NULL CONSTRAINT faults_remaining_check CHECK (remaining >= 0),
    created_at TEXT NOT NULL CONSTRAINT faults_created_at_check CHECK (created_at GLOB '*+00:00')
) STRICT;
-- take
CREATE INDEX faults_rail_idx ON faults (rail) WHERE remaining > 0;

-- The gateways' own books: every movement of money, once, in the transaction that moved it.
CREATE TABLE movements (
    id INTEGER PRIMARY KEY,
    rail TEXT NOT NULL,
    app_id TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    provider_no TEXT NOT NULL,
    -- Of money that went out.
    out_refund_no TEXT,
    direction TEXT NOT NULL CONSTRAINT movements_direction_check CHECK (direction IN ('in', 'out')),
    cause TEXT NOT NULL CONSTRAINT movements_cause_check CHECK (cause IN ('payment', 'refund', 'cancel', 'console')),
    amount INTEGER NOT NULL CONSTRAINT movements_amount_check CHECK (amount > 0),
    currency TEXT NOT NULL,
    moved_at TEXT NOT NULL CONSTRAINT movements_moved_at_check CHECK (moved_at GLOB '*+00:00'),
    CONSTRAINT movements_refund_check CHECK ((direction = 'out') = (out_refund_no IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX movements_in_key ON movements (rail, provider_no) WHERE direction = 'in';
CREATE UNIQUE INDEX movements_out_key ON movements (rail, provider_no, out_refund_no) WHERE direction = 'out';
CREATE TRIGGER movements_stay_update BEFORE UPDATE ON movements BEGIN SELECT RAISE(ABORT, 'movements stay'); END;
CREATE TRIGGER movements_stay_delete BEFORE DELETE ON movements BEGIN SELECT RAISE(ABORT, 'movements stay'); END;
INSERT INTO movements (rail, app_id, out_trade_no, provider_no, direction, cause, amount, currency, moved_at)
    SELECT rail, app_id, out_trade_no, provider_no, 'in', 'payment', amount, currency, paid_at FROM trades
    WHERE state = 'paid' AND paid_at IS NOT NULL ORDER BY paid_at;
INSERT INTO movements (rail, app_id, out_trade_no, provider_no, out_refund_no, direction, cause, amount, currency, moved_at)
    SELECT r.rail, t.app_id, t.out_trade_no, r.provider_no, r.out_refund_no, 'out', r.cause, r.amount, t.currency, r.settled_at
    FROM trade_refunds r JOIN trades t ON t.rail = r.rail AND t.provider_no = r.provider_no ORDER BY r.settled_at;

PRAGMA user_version = 4;
