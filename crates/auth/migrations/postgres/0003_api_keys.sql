-- expires_at NULL = never. Of the key itself only the hash and its first letters are kept.
CREATE TABLE api_keys (
    id UUID NOT NULL CONSTRAINT api_keys_pkey PRIMARY KEY,
    user_id UUID NOT NULL,
    key_prefix TEXT NOT NULL,
    key_hash BYTEA NOT NULL CONSTRAINT api_keys_key_hash_check CHECK (length(key_hash) = 32),
    name TEXT NOT NULL,
    last_used_at TIMESTAMPTZ,
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    livemode BOOLEAN NOT NULL,
    scopes JSONB NOT NULL DEFAULT '[]',
    allowed_addresses JSONB NOT NULL DEFAULT '[]',
    rate_limit_per_minute BIGINT,
    rotated_from UUID,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT api_keys_rotated_from_fkey FOREIGN KEY (rotated_from) REFERENCES api_keys (id) ON DELETE RESTRICT
);
-- Own list.
CREATE INDEX api_keys_user_id_id_idx ON api_keys (user_id, id);
