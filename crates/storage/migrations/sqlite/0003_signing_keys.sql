-- Of two rotations at once, one begins.
CREATE UNIQUE INDEX signing_keys_next_key ON signing_keys (state) WHERE state = 'next';
