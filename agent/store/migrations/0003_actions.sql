-- What could be done about incidents, what was decided of it, and what was done. JSON is TEXT here, so that the big texts in it
-- can be dropped by SQL.

-- body is the proposal as it was made, and digest is over it: it never changes, but for pruned = 1, when a final proposal has lost
-- its diff and its commands' output. decision has no time in it (decided_at has), so that the same one can be told.
CREATE TABLE proposals (
  num        INTEGER PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  incident   INTEGER NOT NULL REFERENCES incidents (num) ON DELETE CASCADE,
  about      TEXT NOT NULL, -- the incident's id
  cluster    TEXT NOT NULL,
  service    TEXT NOT NULL,
  kind       TEXT NOT NULL,
  at         INTEGER NOT NULL,
  digest     TEXT NOT NULL,
  body       TEXT NOT NULL,
  pruned     INTEGER NOT NULL DEFAULT 0,
  state      TEXT NOT NULL,
  state_at   INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  decision   TEXT,
  decided_at INTEGER,
  approval   TEXT
) STRICT;
CREATE INDEX proposals_incident ON proposals (incident);
CREATE INDEX proposals_state ON proposals (state);

-- One row a proposal at most, ever: that is what keeps anything from being done twice. It outlives its proposal and its incident,
-- since limits count it. result is NULL while the outcome is not known; undo_result the same for an undo that was begun.
CREATE TABLE actions (
  num          INTEGER PRIMARY KEY,
  id           TEXT NOT NULL UNIQUE,
  proposal     TEXT NOT NULL UNIQUE,
  digest       TEXT NOT NULL,
  incident     TEXT NOT NULL,
  cluster      TEXT NOT NULL,
  service      TEXT NOT NULL,
  kind         TEXT NOT NULL,
  name         TEXT NOT NULL,
  rule         TEXT NOT NULL,
  approved_by  TEXT NOT NULL,
  begun_at     INTEGER NOT NULL,
  until        INTEGER,
  result       TEXT,
  outcome      TEXT,
  verified     TEXT, -- the verification's result
  verification TEXT,
  undone_at    INTEGER,
  undo_result  TEXT,
  undo         TEXT,
  closed_at    INTEGER,
  merged       INTEGER NOT NULL DEFAULT 0,
  pruned       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX actions_begun ON actions (begun_at);
CREATE INDEX actions_incident ON actions (incident);

-- One row: the kill switch that `logwright stop-all` turns.
CREATE TABLE stopped (
  one  INTEGER PRIMARY KEY CHECK (one = 1),
  "on" INTEGER NOT NULL,
  who  TEXT NOT NULL,
  why  TEXT NOT NULL,
  at   INTEGER
) STRICT;
INSERT INTO stopped (one, "on", who, why) VALUES (1, 0, '', '');

-- What was anchored, so that a chain that was cut below it is seen without the anchor at hand.
ALTER TABLE anchor ADD COLUMN hash BLOB;
