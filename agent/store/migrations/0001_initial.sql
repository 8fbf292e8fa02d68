-- Times are microseconds of the Unix epoch, NULL where there is none. Text of strangers is TEXT whose bytes may be anything:
-- compare it with = only, never with LIKE, upper or length.

-- Where each stream was left, and the joiner's unfinished lines.
CREATE TABLE streams (
  source     TEXT NOT NULL,
  id         TEXT NOT NULL,
  file       TEXT NOT NULL,
  position   BLOB,
  pending    BLOB,
  updated_at INTEGER NOT NULL,
  UNIQUE (source, id)
) STRICT;

-- alias_of is the clusterer's word; root is where the chain of aliases ends. Counts are not moved by a merge: they are
-- summed over the clusters of one root when they are read.
CREATE TABLE clusters (
  num        INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never used again: minutes outlive their cluster
  id         TEXT NOT NULL UNIQUE,
  alias_of   TEXT NOT NULL DEFAULT '',
  root       TEXT NOT NULL,
  service    TEXT NOT NULL DEFAULT '',
  template   TEXT NOT NULL DEFAULT '',
  state      BLOB,
  severity   INTEGER NOT NULL DEFAULT 0,
  events     INTEGER NOT NULL DEFAULT 0,
  problems   INTEGER NOT NULL DEFAULT 0,
  first_seen INTEGER,
  last_seen  INTEGER
) STRICT;
CREATE INDEX clusters_root ON clusters (root);

-- Problem events by minute; the minute first, since they are read and dropped by time.
CREATE TABLE minutes (
  minute  INTEGER NOT NULL,
  cluster INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  PRIMARY KEY (minute, cluster)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
  num         INTEGER PRIMARY KEY,
  id          TEXT NOT NULL UNIQUE,
  cluster     TEXT NOT NULL,
  episode     INTEGER NOT NULL,
  title       TEXT NOT NULL,
  service     TEXT NOT NULL,
  severity    INTEGER NOT NULL,
  state       TEXT NOT NULL,
  "trigger"   TEXT NOT NULL,
  flagged     INTEGER NOT NULL,
  flag_reason TEXT NOT NULL,
  simulated   INTEGER NOT NULL,
  events      INTEGER NOT NULL,
  first_seen  INTEGER,
  last_seen   INTEGER,
  opened_at   INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  template    TEXT NOT NULL,
  diagnosis   BLOB
) STRICT;
CREATE INDEX incidents_state ON incidents (state);
CREATE UNIQUE INDEX incidents_episode ON incidents (cluster, episode);

CREATE TABLE incident_clusters (
  incident INTEGER NOT NULL REFERENCES incidents (num) ON DELETE CASCADE,
  cluster  TEXT NOT NULL,
  position INTEGER NOT NULL,
  why      TEXT NOT NULL,
  PRIMARY KEY (incident, cluster)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_clusters_cluster ON incident_clusters (cluster);

-- incident is NULL while no episode has taken the sample in.
CREATE TABLE samples (
  num      INTEGER PRIMARY KEY,
  cluster  TEXT NOT NULL,
  incident INTEGER REFERENCES incidents (num) ON DELETE CASCADE,
  body     BLOB NOT NULL
) STRICT;
CREATE INDEX samples_cluster ON samples (cluster, incident);
CREATE INDEX samples_incident ON samples (incident);

CREATE TABLE gaps (
  num    INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  file   TEXT NOT NULL,
  at     INTEGER NOT NULL,
  bytes  INTEGER NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE INDEX gaps_at ON gaps (at);

CREATE TABLE releases (
  num     INTEGER PRIMARY KEY,
  service TEXT NOT NULL,
  version TEXT NOT NULL,
  at      INTEGER NOT NULL,
  UNIQUE (service, at, version)
) STRICT;

-- The outbox: an event, and its way to each notifier. state: waiting, begun, done, failed.
CREATE TABLE events (
  num      INTEGER PRIMARY KEY,
  id       TEXT NOT NULL UNIQUE,
  at       INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  incident TEXT NOT NULL,
  body     BLOB NOT NULL
) STRICT;
CREATE INDEX events_incident ON events (incident);
CREATE TABLE deliveries (
  event    INTEGER NOT NULL REFERENCES events (num) ON DELETE CASCADE,
  notifier TEXT NOT NULL,
  state    TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  resend   INTEGER NOT NULL,
  due      INTEGER NOT NULL,
  error    TEXT NOT NULL,
  PRIMARY KEY (event, notifier)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_open ON deliveries (event) WHERE state IN ('waiting', 'begun');

-- The model's ledger. state: running, done, unknown. day is days of the Unix epoch, UTC.
CREATE TABLE calls (
  num             INTEGER PRIMARY KEY,
  id              TEXT NOT NULL UNIQUE,
  incident        TEXT NOT NULL,
  service         TEXT NOT NULL,
  purpose         TEXT NOT NULL,
  model           TEXT NOT NULL,
  prompt          TEXT NOT NULL,
  answer          TEXT NOT NULL DEFAULT '',
  error           TEXT NOT NULL DEFAULT '',
  state           TEXT NOT NULL,
  pruned          INTEGER NOT NULL DEFAULT 0,
  reserved_tokens INTEGER NOT NULL,
  reserved_usd    REAL NOT NULL,
  input_tokens    INTEGER NOT NULL DEFAULT 0,
  output_tokens   INTEGER NOT NULL DEFAULT 0,
  usd             REAL NOT NULL DEFAULT 0,
  day             INTEGER NOT NULL,
  begun_at        INTEGER NOT NULL,
  ended_at        INTEGER
) STRICT;
CREATE INDEX calls_day ON calls (day);
CREATE INDEX calls_incident ON calls (incident);
CREATE INDEX calls_texts ON calls (num) WHERE pruned = 0;

-- The audit: a hash chain. The triggers keep honest code from changing it; the hashes show what a dishonest hand did.
CREATE TABLE audit (
  seq     INTEGER PRIMARY KEY,
  at      INTEGER NOT NULL,
  actor   TEXT NOT NULL,
  action  TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail  TEXT NOT NULL,
  hash    BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit is only appended to'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit is only appended to'); END;

-- One row: how far the audit was anchored outside.
CREATE TABLE anchor (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  seq INTEGER NOT NULL
) STRICT;
INSERT INTO anchor (one, seq) VALUES (1, 0);
