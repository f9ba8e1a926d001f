-- Who had a free plan, by what makes one person one: the same mailbox under another spelling has it once.
-- A keyed hash, so that it may stay when the account is erased.
CREATE TABLE free_grants (
    subject BYTEA NOT NULL CONSTRAINT free_grants_subject_check CHECK (length(subject) = 32),
    user_id UUID NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT free_grants_pkey PRIMARY KEY (subject)
);
