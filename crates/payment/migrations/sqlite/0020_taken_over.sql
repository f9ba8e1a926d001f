-- What was taken over from another application, so that nothing is taken over twice: one subscription of a person, what
-- they had used of a meter, and bonus units by meter, end and reason (the reference). The hash of what was said then shows when it is said otherwise later.
CREATE TABLE taken_over (
    user_id BLOB NOT NULL CONSTRAINT taken_over_user_id_check CHECK (length(user_id) = 16),
    livemode INTEGER NOT NULL CONSTRAINT taken_over_livemode_check CHECK (livemode IN (0, 1)),
    kind TEXT NOT NULL CONSTRAINT taken_over_kind_check CHECK (kind IN ('subscription', 'used', 'bonus')),
    reference TEXT NOT NULL,
    subscription_id BLOB NOT NULL CONSTRAINT taken_over_subscription_id_check CHECK (length(subscription_id) = 16),
    content BLOB NOT NULL CONSTRAINT taken_over_content_check CHECK (length(content) = 32),
    created_at TEXT NOT NULL CONSTRAINT taken_over_created_at_check CHECK (created_at GLOB '*+00:00'),
    CONSTRAINT taken_over_pkey PRIMARY KEY (user_id, livemode, kind, reference),
    CONSTRAINT taken_over_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT
) STRICT;
