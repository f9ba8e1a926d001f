-- By the merchant's refund number.
CREATE TABLE trade_refunds (
    rail TEXT NOT NULL,
    provider_no TEXT NOT NULL,
    out_refund_no TEXT NOT NULL,
    provider_refund_no TEXT NOT NULL,
    amount INTEGER NOT NULL CONSTRAINT trade_refunds_amount_check CHECK (amount > 0),
    state TEXT NOT NULL CONSTRAINT trade_refunds_state_check CHECK (state IN ('done')),
    created_at TEXT NOT NULL CONSTRAINT trade_refunds_created_at_check CHECK (created_at GLOB '*+00:00'),
    settled_at TEXT CONSTRAINT trade_refunds_settled_at_check CHECK (settled_at GLOB '*+00:00'),
    PRIMARY KEY (rail, provider_no, out_refund_no)
) STRICT;
CREATE UNIQUE INDEX trade_refunds_rail_provider_refund_no_key ON trade_refunds (rail, provider_refund_no);

-- What shall go wrong next, how often.
CREATE TABLE faults (
    id INTEGER PRIMARY KEY,
    rail TEXT NOT NULL,
    kind TEXT NOT NULL CONSTRAINT faults_kind_check CHECK (kind IN ('answer_lost', 'busy', 'refused')),
    method TEXT NOT NULL,
    argument TEXT,
    remaining INTEGER NOT NULL CONSTRAINT faults_remaining_check CHECK (remaining >= 0),
    created_at TEXT NOT NULL CONSTRAINT faults_created_at_check CHECK (created_at GLOB '*+00:00')
) STRICT;

PRAGMA user_version = 3;
