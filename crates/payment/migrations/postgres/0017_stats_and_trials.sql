-- What went back within a time.
CREATE INDEX refunds_settled_at_idx ON refunds (settled_at) WHERE state = 'succeeded';
-- Who tries, and is to be told that it ends.
CREATE INDEX subscriptions_trial_end_idx ON subscriptions (current_period_end) WHERE state = 'trialing' AND ended_at IS NULL;
