-- Failed logins, resets, orders, kept callbacks: per subject and per address block, right without Redis.
CREATE TABLE throttle (
    kind TEXT NOT NULL,
    subject BLOB NOT NULL CONSTRAINT throttle_subject_check CHECK (length(subject) = 32),
    hits INTEGER NOT NULL,
    window_start TEXT NOT NULL CONSTRAINT throttle_window_start_check CHECK (window_start GLOB '*+00:00'),
    blocked_until TEXT CONSTRAINT throttle_blocked_until_check CHECK (blocked_until GLOB '*+00:00'),
    expires_at TEXT NOT NULL CONSTRAINT throttle_expires_at_check CHECK (expires_at GLOB '*+00:00'),
    CONSTRAINT throttle_pkey PRIMARY KEY (kind, subject),
    CONSTRAINT throttle_hits_check CHECK (hits > 0)
) STRICT;
-- Purge.
CREATE INDEX throttle_expires_at_idx ON throttle (expires_at);

-- Who, what, before, after, why; append-only by trigger; before/after as text because the MAC covers the bytes.
CREATE TABLE audit_log (
    position INTEGER NOT NULL CONSTRAINT audit_log_pkey PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL CONSTRAINT audit_log_id_check CHECK (length(id) = 16),
    at TEXT NOT NULL CONSTRAINT audit_log_at_check CHECK (at GLOB '*+00:00'),
    actor_kind TEXT NOT NULL CONSTRAINT audit_log_actor_kind_check CHECK (actor_kind IN ('user', 'api_key', 'service', 'operator', 'system')),
    actor_id BLOB CONSTRAINT audit_log_actor_id_check CHECK (length(actor_id) = 16),
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    before TEXT,
    after TEXT,
    reason TEXT,
    request_id TEXT,
    address TEXT,
    row_mac BLOB NOT NULL CONSTRAINT audit_log_row_mac_check CHECK (length(row_mac) = 32),
    CONSTRAINT audit_log_id_key UNIQUE (id)
) STRICT;
-- History of one thing.
CREATE INDEX audit_log_subject_kind_subject_id_position_idx ON audit_log (subject_kind, subject_id, position);
-- What did X do.
CREATE INDEX audit_log_actor_id_position_idx ON audit_log (actor_id, position);
CREATE TRIGGER audit_log_append_only_update BEFORE UPDATE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_log_append_only_delete BEFORE DELETE ON audit_log
BEGIN
    SELECT RAISE(ABORT, 'audit_log is append-only');
END;

-- The hash chain over audit_log, one link per batch; append-only by trigger.
CREATE TABLE audit_seals (
    seal_no INTEGER NOT NULL CONSTRAINT audit_seals_pkey PRIMARY KEY,
    from_position INTEGER NOT NULL,
    to_position INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    previous_seal BLOB NOT NULL CONSTRAINT audit_seals_previous_seal_check CHECK (length(previous_seal) = 32),
    seal BLOB NOT NULL CONSTRAINT audit_seals_seal_check CHECK (length(seal) = 32),
    at TEXT NOT NULL CONSTRAINT audit_seals_at_check CHECK (at GLOB '*+00:00'),
    CONSTRAINT audit_seals_from_position_key UNIQUE (from_position),
    CONSTRAINT audit_seals_to_position_check CHECK (to_position >= from_position)
) STRICT;
CREATE TRIGGER audit_seals_append_only_update BEFORE UPDATE ON audit_seals
BEGIN
    SELECT RAISE(ABORT, 'audit_seals is append-only');
END;
CREATE TRIGGER audit_seals_append_only_delete BEFORE DELETE ON audit_seals
BEGIN
    SELECT RAISE(ABORT, 'audit_seals is append-only');
END;

-- Committed facts for webhooks, hooks and the other module; the id is the `webhook-id`.
CREATE TABLE outbox (
    position INTEGER NOT NULL CONSTRAINT outbox_pkey PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL CONSTRAINT outbox_id_check CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id BLOB NOT NULL CONSTRAINT outbox_object_id_check CHECK (length(object_id) = 16),
    user_id BLOB CONSTRAINT outbox_user_id_check CHECK (length(user_id) = 16),
    livemode INTEGER NOT NULL CONSTRAINT outbox_livemode_check CHECK (livemode IN (0, 1)),
    body TEXT NOT NULL,
    created_at TEXT NOT NULL CONSTRAINT outbox_created_at_check CHECK (created_at GLOB '*+00:00'),
    dispatched_at TEXT CONSTRAINT outbox_dispatched_at_check CHECK (dispatched_at GLOB '*+00:00'),
    CONSTRAINT outbox_id_key UNIQUE (id)
) STRICT;
-- Fan-out.
CREATE INDEX outbox_position_idx ON outbox (position) WHERE dispatched_at IS NULL;
-- Purge, events of a range.
CREATE INDEX outbox_created_at_idx ON outbox (created_at);
