-- Only ever look-alike data. Times are UTC text ending in +00:00, so that they sort as text;
-- money is whole minor units.

CREATE TABLE peers (
    rail TEXT NOT NULL PRIMARY KEY,
    app_id TEXT NOT NULL,
    merchant_id TEXT NOT NULL,
    keys TEXT NOT NULL CONSTRAINT peers_keys_check CHECK (json_valid(keys)),
    clock_offset_seconds INTEGER NOT NULL DEFAULT 0,
    updated_at TEXT NOT NULL CONSTRAINT peers_updated_at_check CHECK (updated_at GLOB '*+00:00')
) STRICT;

CREATE TABLE trades (
    rail TEXT NOT NULL,
    app_id TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    provider_no TEXT NOT NULL,
    amount INTEGER NOT NULL,
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
    PRIMARY KEY (rail, app_id, out_trade_no)
) STRICT;
CREATE UNIQUE INDEX trades_rail_provider_no_key ON trades (rail, provider_no);

CREATE TABLE callbacks (
    id BLOB NOT NULL PRIMARY KEY CONSTRAINT callbacks_id_check CHECK (length(id) = 16),
    rail TEXT NOT NULL,
    provider_no TEXT NOT NULL,
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    body BLOB NOT NULL,
    headers TEXT NOT NULL CONSTRAINT callbacks_headers_check CHECK (json_valid(headers)),
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'open'
        CONSTRAINT callbacks_state_check CHECK (state IN ('open', 'accepted', 'given_up')),
    due_at TEXT NOT NULL CONSTRAINT callbacks_due_at_check CHECK (due_at GLOB '*+00:00'),
    last_status INTEGER,
    last_reply TEXT,
    created_at TEXT NOT NULL CONSTRAINT callbacks_created_at_check CHECK (created_at GLOB '*+00:00')
) STRICT;
-- send
CREATE INDEX callbacks_due_at_idx ON callbacks (due_at) WHERE state = 'open';
-- phone page
CREATE INDEX callbacks_rail_provider_no_idx ON callbacks (rail, provider_no);

PRAGMA user_version = 1;
