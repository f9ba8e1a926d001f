-- TOTP; passkeys later (public_data).
CREATE TABLE second_factors (
    id BLOB NOT NULL CONSTRAINT second_factors_pkey PRIMARY KEY CONSTRAINT second_factors_id_check CHECK (length(id) = 16),
    user_id BLOB NOT NULL CONSTRAINT second_factors_user_id_check CHECK (length(user_id) = 16),
    kind TEXT NOT NULL CONSTRAINT second_factors_kind_check CHECK (kind IN ('totp', 'passkey')),
    label TEXT NOT NULL,
    secret_sealed BLOB,
    public_data TEXT CONSTRAINT second_factors_public_data_check CHECK (public_data IS NULL OR json_valid(public_data)),
    last_step INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL CONSTRAINT second_factors_created_at_check CHECK (created_at GLOB '*+00:00'),
    confirmed_at TEXT CONSTRAINT second_factors_confirmed_at_check CHECK (confirmed_at GLOB '*+00:00'),
    last_used_at TEXT CONSTRAINT second_factors_last_used_at_check CHECK (last_used_at GLOB '*+00:00'),
    revoked_at TEXT CONSTRAINT second_factors_revoked_at_check CHECK (revoked_at GLOB '*+00:00'),
    CONSTRAINT second_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT
) STRICT;
-- Login.
CREATE INDEX second_factors_user_id_idx ON second_factors (user_id) WHERE revoked_at IS NULL;

-- Ten per user, each works once.
CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL CONSTRAINT recovery_codes_user_id_check CHECK (length(user_id) = 16),
    code_hash BLOB NOT NULL CONSTRAINT recovery_codes_code_hash_check CHECK (length(code_hash) = 32),
    created_at TEXT NOT NULL CONSTRAINT recovery_codes_created_at_check CHECK (created_at GLOB '*+00:00'),
    used_at TEXT CONSTRAINT recovery_codes_used_at_check CHECK (used_at GLOB '*+00:00'),
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT
) STRICT;
