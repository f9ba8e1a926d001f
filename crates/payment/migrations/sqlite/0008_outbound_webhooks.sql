-- Who wants to be told; two secrets while one is exchanged. kinds: a JSON array of event types, empty = all.
CREATE TABLE webhook_endpoints (
    id BLOB NOT NULL CONSTRAINT webhook_endpoints_pkey PRIMARY KEY CONSTRAINT webhook_endpoints_id_check CHECK (length(id) = 16),
    url TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    kinds TEXT NOT NULL DEFAULT '[]' CONSTRAINT webhook_endpoints_kinds_check CHECK (json_valid(kinds)),
    livemode INTEGER NOT NULL CONSTRAINT webhook_endpoints_livemode_check CHECK (livemode IN (0, 1)),
    secret_sealed BLOB NOT NULL,
    previous_secret_sealed BLOB,
    previous_until TEXT CONSTRAINT webhook_endpoints_previous_until_check CHECK (previous_until GLOB '*+00:00'),
    failing_since TEXT CONSTRAINT webhook_endpoints_failing_since_check CHECK (failing_since GLOB '*+00:00'),
    disabled_at TEXT CONSTRAINT webhook_endpoints_disabled_at_check CHECK (disabled_at GLOB '*+00:00'),
    disabled_reason TEXT,
    created_by BLOB CONSTRAINT webhook_endpoints_created_by_check CHECK (length(created_by) = 16),
    created_at TEXT NOT NULL CONSTRAINT webhook_endpoints_created_at_check CHECK (created_at GLOB '*+00:00'),
    updated_at TEXT NOT NULL CONSTRAINT webhook_endpoints_updated_at_check CHECK (updated_at GLOB '*+00:00'),
    version INTEGER NOT NULL DEFAULT 1
) STRICT;

-- One row per event and endpoint; the body is read from the outbox.
CREATE TABLE webhook_deliveries (
    id BLOB NOT NULL CONSTRAINT webhook_deliveries_pkey PRIMARY KEY CONSTRAINT webhook_deliveries_id_check CHECK (length(id) = 16),
    endpoint_id BLOB NOT NULL CONSTRAINT webhook_deliveries_endpoint_id_check CHECK (length(endpoint_id) = 16),
    event_id BLOB NOT NULL CONSTRAINT webhook_deliveries_event_id_check CHECK (length(event_id) = 16),
    event_position INTEGER NOT NULL,
    object_id BLOB NOT NULL CONSTRAINT webhook_deliveries_object_id_check CHECK (length(object_id) = 16),
    state TEXT NOT NULL DEFAULT 'open' CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('open', 'succeeded', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at TEXT NOT NULL CONSTRAINT webhook_deliveries_due_at_check CHECK (due_at GLOB '*+00:00'),
    fence INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER,
    last_error TEXT,
    created_at TEXT NOT NULL CONSTRAINT webhook_deliveries_created_at_check CHECK (created_at GLOB '*+00:00'),
    finished_at TEXT CONSTRAINT webhook_deliveries_finished_at_check CHECK (finished_at GLOB '*+00:00'),
    CONSTRAINT webhook_deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    CONSTRAINT webhook_deliveries_endpoint_id_event_id_key UNIQUE (endpoint_id, event_id)
) STRICT;
-- Claim.
CREATE INDEX webhook_deliveries_endpoint_id_due_at_id_idx ON webhook_deliveries (endpoint_id, due_at, id) WHERE state = 'open';
-- Is an older event of this object still open?
CREATE INDEX webhook_deliveries_endpoint_id_object_id_idx ON webhook_deliveries (endpoint_id, object_id, event_position) WHERE state = 'open';
-- Who got it.
CREATE INDEX webhook_deliveries_event_id_idx ON webhook_deliveries (event_id);

-- Each attempt, for who looks.
CREATE TABLE webhook_tries (
    delivery_id BLOB NOT NULL CONSTRAINT webhook_tries_delivery_id_check CHECK (length(delivery_id) = 16),
    attempt INTEGER NOT NULL,
    at TEXT NOT NULL CONSTRAINT webhook_tries_at_check CHECK (at GLOB '*+00:00'),
    status INTEGER,
    duration_us INTEGER NOT NULL,
    error TEXT,
    CONSTRAINT webhook_tries_pkey PRIMARY KEY (delivery_id, attempt),
    CONSTRAINT webhook_tries_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES webhook_deliveries (id) ON DELETE CASCADE
) STRICT;
-- Purge.
CREATE INDEX webhook_tries_at_idx ON webhook_tries (at);
