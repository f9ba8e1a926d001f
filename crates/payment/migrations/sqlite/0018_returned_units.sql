-- What comes back after bonus units are over may have been of them. Known when the pot is closed: how many units were
-- taken by then beyond those that the pot was burned for. Later: how many came back of what was charged to it, and when.
ALTER TABLE quota_pots ADD COLUMN beyond INTEGER NOT NULL DEFAULT 0 CONSTRAINT quota_pots_beyond_check CHECK (beyond >= 0);
ALTER TABLE quota_pots ADD COLUMN returned INTEGER NOT NULL DEFAULT 0 CONSTRAINT quota_pots_returned_check CHECK (returned >= 0 AND burned + returned <= units);
ALTER TABLE quota_pots ADD COLUMN returned_at TEXT CONSTRAINT quota_pots_returned_at_check CHECK (returned_at GLOB '*+00:00');
