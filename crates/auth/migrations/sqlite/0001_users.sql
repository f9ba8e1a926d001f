-- Never deleted: emptied, with deleted_at. email is normalised, email_folded without its aliases;
-- username is as typed, username_key folded, so that Ann and ann are one.
CREATE TABLE users (
    id BLOB NOT NULL CONSTRAINT users_pkey PRIMARY KEY CONSTRAINT users_id_check CHECK (length(id) = 16),
    email TEXT NOT NULL,
    username TEXT NOT NULL,
    hashed_password TEXT,
    is_active INTEGER NOT NULL DEFAULT 1 CONSTRAINT users_is_active_check CHECK (is_active IN (0, 1)),
    is_superuser INTEGER NOT NULL DEFAULT 0 CONSTRAINT users_is_superuser_check CHECK (is_superuser IN (0, 1)),
    created_at TEXT NOT NULL CONSTRAINT users_created_at_check CHECK (created_at GLOB '*+00:00'),
    updated_at TEXT NOT NULL CONSTRAINT users_updated_at_check CHECK (updated_at GLOB '*+00:00'),
    username_key TEXT NOT NULL,
    email_folded TEXT NOT NULL,
    email_verified_at TEXT CONSTRAINT users_email_verified_at_check CHECK (email_verified_at GLOB '*+00:00'),
    locale TEXT NOT NULL DEFAULT 'zh',
    password_changed_at TEXT CONSTRAINT users_password_changed_at_check CHECK (password_changed_at GLOB '*+00:00'),
    tokens_after TEXT CONSTRAINT users_tokens_after_check CHECK (tokens_after GLOB '*+00:00'),
    last_login_at TEXT CONSTRAINT users_last_login_at_check CHECK (last_login_at GLOB '*+00:00'),
    deleted_at TEXT CONSTRAINT users_deleted_at_check CHECK (deleted_at GLOB '*+00:00'),
    version INTEGER NOT NULL DEFAULT 1,
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_username_key UNIQUE (username),
    CONSTRAINT users_username_key_key UNIQUE (username_key)
) STRICT;
-- One free grant per person behind aliases.
CREATE INDEX users_email_folded_idx ON users (email_folded);
-- The operator's list.
CREATE INDEX users_created_at_id_idx ON users (created_at, id);
