-- Who wants to be told; two secrets while one is exchanged. kinds: a JSON array of event types, empty = all.
CREATE TABLE webhook_endpoints (
    id UUID NOT NULL,
    url TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    kinds JSONB NOT NULL DEFAULT '[]',
    livemode BOOLEAN NOT NULL,
    secret_sealed BYTEA NOT NULL,
    previous_secret_sealed BYTEA,
    previous_until TIMESTAMPTZ,
    failing_since TIMESTAMPTZ,
    disabled_at TIMESTAMPTZ,
    disabled_reason TEXT,
    created_by UUID,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL DEFAULT 1,
    CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id)
);

-- One row per event and endpoint; the body is read from the outbox.
CREATE TABLE webhook_deliveries (
    id UUID NOT NULL,
    endpoint_id UUID NOT NULL,
    event_id UUID NOT NULL,
    event_position BIGINT NOT NULL,
    object_id UUID NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('open', 'succeeded', 'failed')),
    attempts BIGINT NOT NULL DEFAULT 0,
    due_at TIMESTAMPTZ NOT NULL,
    fence BIGINT NOT NULL DEFAULT 0,
    last_status BIGINT,
    last_error TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    CONSTRAINT webhook_deliveries_endpoint_id_event_id_key UNIQUE (endpoint_id, event_id)
);
-- Claim.
CREATE INDEX webhook_deliveries_endpoint_id_due_at_id_idx ON webhook_deliveries (endpoint_id, due_at, id) WHERE state = 'open';
-- Is an older event of this object still open?
CREATE INDEX webhook_deliveries_endpoint_id_object_id_idx ON webhook_deliveries (endpoint_id, object_id, event_position) WHERE state = 'open';
-- Who got it.
CREATE INDEX webhook_deliveries_event_id_idx ON webhook_deliveries (event_id);

-- Each attempt, for who looks.
CREATE TABLE webhook_tries (
    delivery_id UUID NOT NULL,
    attempt BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    status BIGINT,
    duration_us BIGINT NOT NULL,
    error TEXT,
    CONSTRAINT webhook_tries_pkey PRIMARY KEY (delivery_id, attempt),
    CONSTRAINT webhook_tries_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES webhook_deliveries (id) ON DELETE CASCADE
);
-- Purge.
CREATE INDEX webhook_tries_at_idx ON webhook_tries (at);
