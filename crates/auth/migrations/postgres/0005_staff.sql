-- Keys of host applications; a caller of its own, without a user.
CREATE TABLE service_keys (
    id UUID NOT NULL CONSTRAINT service_keys_pkey PRIMARY KEY,
    name TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    key_hash BYTEA NOT NULL CONSTRAINT service_keys_key_hash_check CHECK (length(key_hash) = 32),
    livemode BOOLEAN NOT NULL,
    scopes JSONB NOT NULL DEFAULT '[]',
    allowed_addresses JSONB NOT NULL DEFAULT '[]',
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    rotated_from UUID,
    CONSTRAINT service_keys_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT service_keys_rotated_from_fkey FOREIGN KEY (rotated_from) REFERENCES service_keys (id) ON DELETE RESTRICT,
    CONSTRAINT service_keys_key_hash_key UNIQUE (key_hash)
);

-- What a role may do is one table in code; here only who has which.
CREATE TABLE user_roles (
    user_id UUID NOT NULL,
    role TEXT NOT NULL CONSTRAINT user_roles_role_check CHECK (role IN ('admin', 'finance', 'support', 'read_only')),
    granted_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, role),
    CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT user_roles_granted_by_fkey FOREIGN KEY (granted_by) REFERENCES users (id) ON DELETE RESTRICT
);
-- Is this the last admin.
CREATE INDEX user_roles_role_idx ON user_roles (role);
