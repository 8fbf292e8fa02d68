-- Why the trigger of an incident fired, as JSON.
ALTER TABLE incidents ADD COLUMN reason BLOB;

-- Spikes that were told of, so that a restart does not tell them again. A span is five minutes of the Unix epoch.
CREATE TABLE storms (
  cluster   TEXT NOT NULL,
  span      INTEGER NOT NULL,
  threshold REAL NOT NULL,
  PRIMARY KEY (cluster, span)
) STRICT, WITHOUT ROWID;

-- What each service wrote, by span: lines and how many of them are warnings or worse, requests and how many were answered with 5xx.
CREATE TABLE traffic (
  span     INTEGER NOT NULL,
  service  TEXT NOT NULL,
  lines    INTEGER NOT NULL,
  raised   INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  failed   INTEGER NOT NULL,
  PRIMARY KEY (span, service)
) STRICT, WITHOUT ROWID;
