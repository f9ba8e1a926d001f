-- What was taken over from another application, so that nothing is taken over twice: one subscription of a person, what
-- they had used of a meter, and bonus units by meter, end and reason (the reference). The hash of what was said then shows when it is said otherwise later.
CREATE TABLE taken_over (
    user_id UUID NOT NULL,
    livemode BOOLEAN NOT NULL,
    kind TEXT NOT NULL CONSTRAINT taken_over_kind_check CHECK (kind IN ('subscription', 'used', 'bonus')),
    reference TEXT NOT NULL,
    subscription_id UUID NOT NULL,
    content BYTEA NOT NULL CONSTRAINT taken_over_content_check CHECK (length(content) = 32),
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT taken_over_pkey PRIMARY KEY (user_id, livemode, kind, reference),
    CONSTRAINT taken_over_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT
);
