-- Never deleted: emptied, with deleted_at. email is normalised, email_folded without its aliases;
-- username is as typed, username_key folded, so that Ann and ann are one.
CREATE TABLE users (
    id UUID NOT NULL CONSTRAINT users_pkey PRIMARY KEY,
    email TEXT NOT NULL,
    username TEXT NOT NULL,
    hashed_password TEXT,
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    is_superuser BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    username_key TEXT NOT NULL,
    email_folded TEXT NOT NULL,
    email_verified_at TIMESTAMPTZ,
    locale TEXT NOT NULL DEFAULT 'zh',
    password_changed_at TIMESTAMPTZ,
    tokens_after TIMESTAMPTZ,
    last_login_at TIMESTAMPTZ,
    deleted_at TIMESTAMPTZ,
    version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_username_key UNIQUE (username),
    CONSTRAINT users_username_key_key UNIQUE (username_key)
);
-- One free grant per person behind aliases.
CREATE INDEX users_email_folded_idx ON users (email_folded);
-- The operator's list.
CREATE INDEX users_created_at_id_idx ON users (created_at, id);
