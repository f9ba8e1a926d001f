-- Keys of host applications; a caller of its own, without a user.
CREATE TABLE service_keys (
    id BLOB NOT NULL CONSTRAINT service_keys_pkey PRIMARY KEY CONSTRAINT service_keys_id_check CHECK (length(id) = 16),
    name TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    key_hash BLOB NOT NULL CONSTRAINT service_keys_key_hash_check CHECK (length(key_hash) = 32),
    livemode INTEGER NOT NULL CONSTRAINT service_keys_livemode_check CHECK (livemode IN (0, 1)),
    scopes TEXT NOT NULL DEFAULT '[]' CONSTRAINT service_keys_scopes_check CHECK (scopes IS NULL OR json_valid(scopes)),
    allowed_addresses TEXT NOT NULL DEFAULT '[]' CONSTRAINT service_keys_allowed_addresses_check CHECK (allowed_addresses IS NULL OR json_valid(allowed_addresses)),
    is_active INTEGER NOT NULL DEFAULT 1 CONSTRAINT service_keys_is_active_check CHECK (is_active IN (0, 1)),
    created_by BLOB CONSTRAINT service_keys_created_by_check CHECK (length(created_by) = 16),
    created_at TEXT NOT NULL CONSTRAINT service_keys_created_at_check CHECK (created_at GLOB '*+00:00'),
    last_used_at TEXT CONSTRAINT service_keys_last_used_at_check CHECK (last_used_at GLOB '*+00:00'),
    expires_at TEXT CONSTRAINT service_keys_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    revoked_at TEXT CONSTRAINT service_keys_revoked_at_check CHECK (revoked_at GLOB '*+00:00'),
    rotated_from BLOB CONSTRAINT service_keys_rotated_from_check CHECK (length(rotated_from) = 16),
    CONSTRAINT service_keys_created_by_fkey FOREIGN KEY (created_by) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT service_keys_rotated_from_fkey FOREIGN KEY (rotated_from) REFERENCES service_keys (id) ON DELETE RESTRICT,
    CONSTRAINT service_keys_key_hash_key UNIQUE (key_hash)
) STRICT;

-- What a role may do is one table in code; here only who has which.
CREATE TABLE user_roles (
    user_id BLOB NOT NULL CONSTRAINT user_roles_user_id_check CHECK (length(user_id) = 16),
    role TEXT NOT NULL CONSTRAINT user_roles_role_check CHECK (role IN ('admin', 'finance', 'support', 'read_only')),
    granted_by BLOB CONSTRAINT user_roles_granted_by_check CHECK (length(granted_by) = 16),
    created_at TEXT NOT NULL CONSTRAINT user_roles_created_at_check CHECK (created_at GLOB '*+00:00'),
    CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, role),
    CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT,
    CONSTRAINT user_roles_granted_by_fkey FOREIGN KEY (granted_by) REFERENCES users (id) ON DELETE RESTRICT
) STRICT;
-- Is this the last admin.
CREATE INDEX user_roles_role_idx ON user_roles (role);
