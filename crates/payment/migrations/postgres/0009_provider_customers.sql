-- Who a person is at a provider that debits by itself.
CREATE TABLE provider_customers (
    provider TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    user_id UUID NOT NULL,
    customer_id TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT provider_customers_pkey PRIMARY KEY (provider, livemode, user_id),
    CONSTRAINT provider_customers_provider_livemode_customer_id_key UNIQUE (provider, livemode, customer_id)
);
