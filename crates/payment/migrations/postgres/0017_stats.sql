-- What went back within a time.
CREATE INDEX refunds_settled_at_idx ON refunds (settled_at) WHERE state = 'succeeded';
