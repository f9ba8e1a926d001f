-- The core tables: written by every module, each inside its own transaction.

CREATE TABLE idempotency_keys (
    caller TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL CONSTRAINT idempotency_keys_body_hash_check CHECK (length(body_hash) = 32),
    state TEXT NOT NULL CONSTRAINT idempotency_keys_state_check CHECK (state IN ('running', 'done')),
    fence INTEGER NOT NULL DEFAULT 1,
    lease_until TEXT CONSTRAINT idempotency_keys_lease_until_check CHECK (lease_until GLOB '*+00:00'),
    status INTEGER,
    content_type TEXT,
    response BLOB,
    created_at TEXT NOT NULL CONSTRAINT idempotency_keys_created_at_check CHECK (created_at GLOB '*+00:00'),
    expires_at TEXT NOT NULL CONSTRAINT idempotency_keys_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, method, path, key),
    CONSTRAINT idempotency_keys_answer_check CHECK ((state = 'done') = (status IS NOT NULL)),
    CONSTRAINT idempotency_keys_status_check CHECK (status IS NULL OR status BETWEEN 200 AND 299)
) STRICT;
-- Purge after 24 hours.
CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);

CREATE TABLE jobs (
    id BLOB NOT NULL CONSTRAINT jobs_pkey PRIMARY KEY CONSTRAINT jobs_id_check CHECK (length(id) = 16),
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    dedupe_key TEXT,
    payload TEXT NOT NULL DEFAULT '{}' CONSTRAINT jobs_payload_check CHECK (payload IS NULL OR json_valid(payload)),
    state TEXT NOT NULL DEFAULT 'open' CONSTRAINT jobs_state_check CHECK (state IN ('open', 'done', 'dead')),
    due_at TEXT NOT NULL CONSTRAINT jobs_due_at_check CHECK (due_at GLOB '*+00:00'),
    fence INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at TEXT NOT NULL CONSTRAINT jobs_created_at_check CHECK (created_at GLOB '*+00:00'),
    finished_at TEXT CONSTRAINT jobs_finished_at_check CHECK (finished_at GLOB '*+00:00')
) STRICT;
CREATE UNIQUE INDEX jobs_kind_dedupe_key_key ON jobs (kind, dedupe_key) WHERE state = 'open';
-- Claim.
CREATE INDEX jobs_lane_due_at_id_idx ON jobs (lane, due_at, id) WHERE state = 'open';
-- Purge, and the list of the dead.
CREATE INDEX jobs_finished_at_idx ON jobs (finished_at) WHERE state <> 'open';

CREATE TABLE settings (
    name TEXT NOT NULL CONSTRAINT settings_pkey PRIMARY KEY,
    value TEXT NOT NULL CONSTRAINT settings_value_check CHECK (value IS NULL OR json_valid(value)),
    version INTEGER NOT NULL DEFAULT 1,
    updated_at TEXT NOT NULL CONSTRAINT settings_updated_at_check CHECK (updated_at GLOB '*+00:00'),
    updated_by BLOB CONSTRAINT settings_updated_by_check CHECK (length(updated_by) = 16)
) STRICT;

CREATE TABLE signing_keys (
    kid TEXT NOT NULL CONSTRAINT signing_keys_pkey PRIMARY KEY,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT signing_keys_state_check CHECK (state IN ('active', 'next', 'retiring', 'retired')),
    public_jwk TEXT NOT NULL CONSTRAINT signing_keys_public_jwk_check CHECK (public_jwk IS NULL OR json_valid(public_jwk)),
    private_sealed BLOB NOT NULL,
    created_at TEXT NOT NULL CONSTRAINT signing_keys_created_at_check CHECK (created_at GLOB '*+00:00'),
    retire_at TEXT CONSTRAINT signing_keys_retire_at_check CHECK (retire_at GLOB '*+00:00')
) STRICT;
CREATE UNIQUE INDEX signing_keys_state_key ON signing_keys (state) WHERE state = 'active';
