-- What was considered to be proposed for an incident, and on what diagnosis: the same is not asked again.
CREATE TABLE considered (
  incident INTEGER NOT NULL REFERENCES incidents (num) ON DELETE CASCADE,
  what     TEXT NOT NULL,
  basis    TEXT NOT NULL,
  note     TEXT NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (incident, what)
) STRICT, WITHOUT ROWID;
