-- Verify, reset, change of address, set-up, invite: only the newest open one works.
CREATE TABLE one_time_tokens (
    id UUID NOT NULL CONSTRAINT one_time_tokens_pkey PRIMARY KEY,
    purpose TEXT NOT NULL CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('verify_email', 'reset_password', 'change_email', 'setup', 'invite')),
    user_id UUID,
    email TEXT NOT NULL,
    token_hash BYTEA NOT NULL CONSTRAINT one_time_tokens_token_hash_check CHECK (length(token_hash) = 32),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT one_time_tokens_token_hash_key UNIQUE (token_hash)
);
CREATE UNIQUE INDEX one_time_tokens_purpose_email_key ON one_time_tokens (purpose, email) WHERE used_at IS NULL AND revoked_at IS NULL;
-- Purge.
CREATE INDEX one_time_tokens_expires_at_idx ON one_time_tokens (expires_at);

-- A lock by guessing must not shut out the owner's own device.
CREATE TABLE known_devices (
    user_id UUID NOT NULL,
    device_hash BYTEA NOT NULL CONSTRAINT known_devices_device_hash_check CHECK (length(device_hash) = 32),
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT known_devices_pkey PRIMARY KEY (user_id, device_hash),
    CONSTRAINT known_devices_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT
);
