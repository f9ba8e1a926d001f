-- TOTP; passkeys later (public_data).
CREATE TABLE second_factors (
    id UUID NOT NULL CONSTRAINT second_factors_pkey PRIMARY KEY,
    user_id UUID NOT NULL,
    kind TEXT NOT NULL CONSTRAINT second_factors_kind_check CHECK (kind IN ('totp', 'passkey')),
    label TEXT NOT NULL,
    secret_sealed BYTEA,
    public_data JSONB,
    last_step BIGINT NOT NULL DEFAULT 0,
    created_at TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    CONSTRAINT second_factors_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT
);
-- Login.
CREATE INDEX second_factors_user_id_idx ON second_factors (user_id) WHERE revoked_at IS NULL;

-- Ten per user, each works once.
CREATE TABLE recovery_codes (
    user_id UUID NOT NULL,
    code_hash BYTEA NOT NULL CONSTRAINT recovery_codes_code_hash_check CHECK (length(code_hash) = 32),
    created_at TIMESTAMPTZ NOT NULL,
    used_at TIMESTAMPTZ,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (user_id, code_hash),
    CONSTRAINT recovery_codes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE RESTRICT
);
