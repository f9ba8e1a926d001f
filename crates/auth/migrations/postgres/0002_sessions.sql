-- One sign-in: one family of refresh tokens, the sid of its access tokens.
CREATE TABLE sessions (
    id UUID NOT NULL CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id UUID NOT NULL,
    cookie_hash BYTEA CONSTRAINT sessions_cookie_hash_check CHECK (length(cookie_hash) = 32),
    csrf_hash BYTEA CONSTRAINT sessions_csrf_hash_check CHECK (length(csrf_hash) = 32),
    device TEXT,
    address TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    authenticated_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ,
    revoke_reason TEXT,
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX sessions_cookie_hash_key ON sessions (cookie_hash) WHERE cookie_hash IS NOT NULL;
-- List, end all.
CREATE INDEX sessions_user_id_idx ON sessions (user_id) WHERE revoked_at IS NULL;
-- Purge.
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- Rotation: a token has one successor, found by parent_id.
CREATE TABLE refresh_tokens (
    id UUID NOT NULL CONSTRAINT refresh_tokens_pkey PRIMARY KEY,
    session_id UUID NOT NULL,
    parent_id UUID,
    token_hash BYTEA NOT NULL CONSTRAINT refresh_tokens_token_hash_check CHECK (length(token_hash) = 32),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX refresh_tokens_parent_id_key ON refresh_tokens (parent_id) WHERE parent_id IS NOT NULL;
-- Purge with the family.
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);
