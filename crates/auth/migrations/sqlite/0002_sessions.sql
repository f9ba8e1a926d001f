-- One sign-in: one family of refresh tokens, the sid of its access tokens.
CREATE TABLE sessions (
    id BLOB NOT NULL CONSTRAINT sessions_pkey PRIMARY KEY CONSTRAINT sessions_id_check CHECK (length(id) = 16),
    user_id BLOB NOT NULL CONSTRAINT sessions_user_id_check CHECK (length(user_id) = 16),
    cookie_hash BLOB CONSTRAINT sessions_cookie_hash_check CHECK (length(cookie_hash) = 32),
    csrf_hash BLOB CONSTRAINT sessions_csrf_hash_check CHECK (length(csrf_hash) = 32),
    device TEXT,
    address TEXT,
    created_at TEXT NOT NULL CONSTRAINT sessions_created_at_check CHECK (created_at GLOB '*+00:00'),
    authenticated_at TEXT NOT NULL CONSTRAINT sessions_authenticated_at_check CHECK (authenticated_at GLOB '*+00:00'),
    last_seen_at TEXT NOT NULL CONSTRAINT sessions_last_seen_at_check CHECK (last_seen_at GLOB '*+00:00'),
    expires_at TEXT NOT NULL CONSTRAINT sessions_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    revoked_at TEXT CONSTRAINT sessions_revoked_at_check CHECK (revoked_at GLOB '*+00:00'),
    revoke_reason TEXT,
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT
) STRICT;
CREATE UNIQUE INDEX sessions_cookie_hash_key ON sessions (cookie_hash) WHERE cookie_hash IS NOT NULL;
-- List, end all.
CREATE INDEX sessions_user_id_idx ON sessions (user_id) WHERE revoked_at IS NULL;
-- Purge.
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

-- Rotation: a token has one successor, found by parent_id.
CREATE TABLE refresh_tokens (
    id BLOB NOT NULL CONSTRAINT refresh_tokens_pkey PRIMARY KEY CONSTRAINT refresh_tokens_id_check CHECK (length(id) = 16),
    session_id BLOB NOT NULL CONSTRAINT refresh_tokens_session_id_check CHECK (length(session_id) = 16),
    parent_id BLOB CONSTRAINT refresh_tokens_parent_id_check CHECK (length(parent_id) = 16),
    token_hash BLOB NOT NULL CONSTRAINT refresh_tokens_token_hash_check CHECK (length(token_hash) = 32),
    created_at TEXT NOT NULL CONSTRAINT refresh_tokens_created_at_check CHECK (created_at GLOB '*+00:00'),
    expires_at TEXT NOT NULL CONSTRAINT refresh_tokens_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    used_at TEXT CONSTRAINT refresh_tokens_used_at_check CHECK (used_at GLOB '*+00:00'),
    CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE RESTRICT
) STRICT;
CREATE UNIQUE INDEX refresh_tokens_parent_id_key ON refresh_tokens (parent_id) WHERE parent_id IS NOT NULL;
-- Purge with the family.
CREATE INDEX refresh_tokens_session_id_idx ON refresh_tokens (session_id);
