-- Who a person is at a provider that debits by itself.
CREATE TABLE provider_customers (
    provider TEXT NOT NULL,
    livemode INTEGER NOT NULL CONSTRAINT provider_customers_livemode_check CHECK (livemode IN (0, 1)),
    user_id BLOB NOT NULL CONSTRAINT provider_customers_user_id_check CHECK (length(user_id) = 16),
    customer_id TEXT NOT NULL,
    created_at TEXT NOT NULL CONSTRAINT provider_customers_created_at_check CHECK (created_at GLOB '*+00:00'),
    CONSTRAINT provider_customers_pkey PRIMARY KEY (provider, livemode, user_id),
    CONSTRAINT provider_customers_provider_livemode_customer_id_key UNIQUE (provider, livemode, customer_id)
) STRICT;
