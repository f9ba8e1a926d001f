-- Which sign-ins ended lately: every instance asks every few seconds.
CREATE INDEX sessions_revoked_at_idx ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
