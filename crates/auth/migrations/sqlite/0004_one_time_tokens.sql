-- Verify, reset, change of address, set-up, invite: only the newest open one works.
CREATE TABLE one_time_tokens (
    id BLOB NOT NULL CONSTRAINT one_time_tokens_pkey PRIMARY KEY CONSTRAINT one_time_tokens_id_check CHECK (length(id) = 16),
    purpose TEXT NOT NULL CONSTRAINT one_time_tokens_purpose_check CHECK (purpose IN ('verify_email', 'reset_password', 'change_email', 'setup', 'invite')),
    user_id BLOB CONSTRAINT one_time_tokens_user_id_check CHECK (length(user_id) = 16),
    email TEXT NOT NULL,
    token_hash BLOB NOT NULL CONSTRAINT one_time_tokens_token_hash_check CHECK (length(token_hash) = 32),
    created_at TEXT NOT NULL CONSTRAINT one_time_tokens_created_at_check CHECK (created_at GLOB '*+00:00'),
    expires_at TEXT NOT NULL CONSTRAINT one_time_tokens_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    used_at TEXT CONSTRAINT one_time_tokens_used_at_check CHECK (used_at GLOB '*+00:00'),
    revoked_at TEXT CONSTRAINT one_time_tokens_revoked_at_check CHECK (revoked_at GLOB '*+00:00'),
    CONSTRAINT one_time_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT one_time_tokens_token_hash_key UNIQUE (token_hash)
) STRICT;
CREATE UNIQUE INDEX one_time_tokens_purpose_email_key ON one_time_tokens (purpose, email) WHERE used_at IS NULL AND revoked_at IS NULL;
-- Purge.
CREATE INDEX one_time_tokens_expires_at_idx ON one_time_tokens (expires_at);

-- A lock by guessing must not shut out the owner's own device.
CREATE TABLE known_devices (
    user_id BLOB NOT NULL CONSTRAINT known_devices_user_id_check CHECK (length(user_id) = 16),
    device_hash BLOB NOT NULL CONSTRAINT known_devices_device_hash_check CHECK (length(device_hash) = 32),
    first_seen_at TEXT NOT NULL CONSTRAINT known_devices_first_seen_at_check CHECK (first_seen_at GLOB '*+00:00'),
    last_seen_at TEXT NOT NULL CONSTRAINT known_devices_last_seen_at_check CHECK (last_seen_at GLOB '*+00:00'),
    CONSTRAINT known_devices_pkey PRIMARY KEY (user_id, device_hash),
    CONSTRAINT known_devices_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT
) STRICT;
