-- Who had a free plan, by what makes one person one: the same mailbox under another spelling has it once.
-- A keyed hash, so that it may stay when the account is erased.
CREATE TABLE free_grants (
    subject BLOB NOT NULL CONSTRAINT free_grants_pkey PRIMARY KEY CONSTRAINT free_grants_subject_check CHECK (length(subject) = 32),
    user_id BLOB NOT NULL CONSTRAINT free_grants_user_id_check CHECK (length(user_id) = 16),
    created_at TEXT NOT NULL CONSTRAINT free_grants_created_at_check CHECK (created_at GLOB '*+00:00')
) STRICT;
