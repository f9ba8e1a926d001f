-- Failed logins, resets, orders, kept callbacks: per subject and per address block, right without Redis.
CREATE TABLE throttle (
    kind TEXT NOT NULL,
    subject BYTEA NOT NULL CONSTRAINT throttle_subject_check CHECK (length(subject) = 32),
    hits BIGINT NOT NULL,
    window_start TIMESTAMPTZ NOT NULL,
    blocked_until TIMESTAMPTZ,
    expires_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT throttle_pkey PRIMARY KEY (kind, subject),
    CONSTRAINT throttle_hits_check CHECK (hits > 0)
);
-- Purge.
CREATE INDEX throttle_expires_at_idx ON throttle (expires_at);

-- Who, what, before, after, why; append-only by trigger; before/after as text because the MAC covers the bytes.
CREATE TABLE audit_log (
    position BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_log_pkey PRIMARY KEY,
    id UUID NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    actor_kind TEXT NOT NULL CONSTRAINT audit_log_actor_kind_check CHECK (actor_kind IN ('user', 'api_key', 'service', 'operator', 'system')),
    actor_id UUID,
    action TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id TEXT NOT NULL,
    before TEXT,
    after TEXT,
    reason TEXT,
    request_id TEXT,
    address TEXT,
    row_mac BYTEA NOT NULL CONSTRAINT audit_log_row_mac_check CHECK (length(row_mac) = 32),
    CONSTRAINT audit_log_id_key UNIQUE (id)
);
-- History of one thing.
CREATE INDEX audit_log_subject_kind_subject_id_position_idx ON audit_log (subject_kind, subject_id, position);
-- What did X do.
CREATE INDEX audit_log_actor_id_position_idx ON audit_log (actor_id, position);
CREATE FUNCTION audit_log_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only';
END $$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_append_only();

-- The hash chain over audit_log, one link per batch; append-only by trigger.
CREATE TABLE audit_seals (
    seal_no BIGINT NOT NULL CONSTRAINT audit_seals_pkey PRIMARY KEY,
    from_position BIGINT NOT NULL,
    to_position BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    previous_seal BYTEA NOT NULL CONSTRAINT audit_seals_previous_seal_check CHECK (length(previous_seal) = 32),
    seal BYTEA NOT NULL CONSTRAINT audit_seals_seal_check CHECK (length(seal) = 32),
    at TIMESTAMPTZ NOT NULL,
    CONSTRAINT audit_seals_from_position_key UNIQUE (from_position),
    CONSTRAINT audit_seals_to_position_check CHECK (to_position >= from_position)
);
CREATE FUNCTION audit_seals_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_seals is append-only';
END $$;
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON audit_seals
    FOR EACH ROW EXECUTE FUNCTION audit_seals_append_only();

-- Committed facts for webhooks, hooks and the other module; the id is the `webhook-id`.
CREATE TABLE outbox (
    position BIGINT GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pkey PRIMARY KEY,
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    object_kind TEXT NOT NULL,
    object_id UUID NOT NULL,
    user_id UUID,
    livemode BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    dispatched_at TIMESTAMPTZ,
    CONSTRAINT outbox_id_key UNIQUE (id)
);
-- Fan-out.
CREATE INDEX outbox_position_idx ON outbox (position) WHERE dispatched_at IS NULL;
-- Purge, events of a range.
CREATE INDEX outbox_created_at_idx ON outbox (created_at);
