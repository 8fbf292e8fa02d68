-- Whether an incident goes on is told by our own clock: what a line says of its time may be 1970 or 2099. active_at is when
-- a problem was last taken in for it, or when it was taken up again; state_at is since when it is in its state.
ALTER TABLE incidents ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE incidents ADD COLUMN state_at INTEGER NOT NULL DEFAULT 0;
UPDATE incidents SET active_at = updated_at, state_at = updated_at;
