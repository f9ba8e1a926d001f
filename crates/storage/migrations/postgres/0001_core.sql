-- The core tables: written by every module, each inside its own transaction.

CREATE TABLE idempotency_keys (
    caller TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BYTEA NOT NULL CONSTRAINT idempotency_keys_body_hash_check CHECK (length(body_hash) = 32),
    state TEXT NOT NULL CONSTRAINT idempotency_keys_state_check CHECK (state IN ('running', 'done')),
    fence BIGINT NOT NULL DEFAULT 1,
    lease_until TIMESTAMPTZ,
    status BIGINT,
    content_type TEXT,
    response BYTEA,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, method, path, key),
    CONSTRAINT idempotency_keys_answer_check CHECK ((state = 'done') = (status IS NOT NULL)),
    CONSTRAINT idempotency_keys_status_check CHECK (status IS NULL OR status BETWEEN 200 AND 299)
);
-- Purge after 24 hours.
CREATE INDEX idempotency_keys_expires_at_idx ON idempotency_keys (expires_at);

CREATE TABLE jobs (
    id UUID NOT NULL CONSTRAINT jobs_pkey PRIMARY KEY,
    lane TEXT NOT NULL,
    kind TEXT NOT NULL,
    dedupe_key TEXT,
    payload JSONB NOT NULL DEFAULT '{}',
    state TEXT NOT NULL DEFAULT 'open' CONSTRAINT jobs_state_check CHECK (state IN ('open', 'done', 'dead')),
    due_at TIMESTAMPTZ NOT NULL,
    fence BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX jobs_kind_dedupe_key_key ON jobs (kind, dedupe_key) WHERE state = 'open';
-- Claim.
CREATE INDEX jobs_lane_due_at_id_idx ON jobs (lane, due_at, id) WHERE state = 'open';
-- Purge, and the list of the dead.
CREATE INDEX jobs_finished_at_idx ON jobs (finished_at) WHERE state <> 'open';

CREATE TABLE settings (
    name TEXT NOT NULL CONSTRAINT settings_pkey PRIMARY KEY,
    value JSONB NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    updated_at TIMESTAMPTZ NOT NULL,
    updated_by UUID
);

CREATE TABLE signing_keys (
    kid TEXT NOT NULL CONSTRAINT signing_keys_pkey PRIMARY KEY,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL CONSTRAINT signing_keys_state_check CHECK (state IN ('active', 'next', 'retiring', 'retired')),
    public_jwk JSONB NOT NULL,
    private_sealed BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    retire_at TIMESTAMPTZ
);
CREATE UNIQUE INDEX signing_keys_state_key ON signing_keys (state) WHERE state = 'active';
