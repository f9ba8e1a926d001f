-- expires_at NULL = never. Of the key itself only the hash and its first letters are kept.
CREATE TABLE api_keys (
    id BLOB NOT NULL CONSTRAINT api_keys_pkey PRIMARY KEY CONSTRAINT api_keys_id_check CHECK (length(id) = 16),
    user_id BLOB NOT NULL CONSTRAINT api_keys_user_id_check CHECK (length(user_id) = 16),
    key_prefix TEXT NOT NULL,
    key_hash BLOB NOT NULL CONSTRAINT api_keys_key_hash_check CHECK (length(key_hash) = 32),
    name TEXT NOT NULL,
    last_used_at TEXT CONSTRAINT api_keys_last_used_at_check CHECK (last_used_at GLOB '*+00:00'),
    is_active INTEGER NOT NULL DEFAULT 1 CONSTRAINT api_keys_is_active_check CHECK (is_active IN (0, 1)),
    created_at TEXT NOT NULL CONSTRAINT api_keys_created_at_check CHECK (created_at GLOB '*+00:00'),
    expires_at TEXT CONSTRAINT api_keys_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    livemode INTEGER NOT NULL CONSTRAINT api_keys_livemode_check CHECK (livemode IN (0, 1)),
    scopes TEXT NOT NULL DEFAULT '[]' CONSTRAINT api_keys_scopes_check CHECK (scopes IS NULL OR json_valid(scopes)),
    allowed_addresses TEXT NOT NULL DEFAULT '[]' CONSTRAINT api_keys_allowed_addresses_check CHECK (allowed_addresses IS NULL OR json_valid(allowed_addresses)),
    rate_limit_per_minute INTEGER,
    rotated_from BLOB CONSTRAINT api_keys_rotated_from_check CHECK (length(rotated_from) = 16),
    revoked_at TEXT CONSTRAINT api_keys_revoked_at_check CHECK (revoked_at GLOB '*+00:00'),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT api_keys_rotated_from_fkey FOREIGN KEY (rotated_from) REFERENCES api_keys (id) ON DELETE RESTRICT
) STRICT;
-- Own list.
CREATE INDEX api_keys_user_id_id_idx ON api_keys (user_id, id);
