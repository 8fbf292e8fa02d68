// Package store keeps what Logwright knows: where each stream was left, clusters and their counts, incidents, the model's
// ledger, the outbox of notifications, and the audit. It is one SQLite database in a directory of its own.
package store

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// errUnfinished is what calls return that are not built yet.
var errUnfinished = errors.New("store: not built yet")

// Options tune a Store. The zero Options are usable.
type Options struct {
	// MaxBytes is limits.store; 0 is no limit.
	MaxBytes int64
	// Now is the clock, time.Now where nil.
	Now func() time.Time
	// ReadOnly opens for reading only: nothing is created, repaired or migrated, and Update is refused.
	ReadOnly bool
	// Logger is told of repairs and of what was dropped for room; slog.Default where nil.
	Logger *slog.Logger
}

// Store is an open database. It is safe for concurrent use, also by several processes at once.
type Store struct{}

// Open opens the database in dir, makes it where there is none, and brings its schema up to date.
func Open(ctx context.Context, dir string, o Options) (*Store, error) { return nil, errUnfinished }

// Lock makes this process the one daemon of the state directory, until Close. Another daemon's Lock gives ErrLocked;
// other processes may still open, read and Update. What a daemon that died left behind is settled here: deliveries and
// model calls begun without a result are marked as of unknown outcome.
func (s *Store) Lock(ctx context.Context) error { return errUnfinished }

// Close ends all use and releases the lock.
func (s *Store) Close() error { return errUnfinished }

// Update runs fn in one transaction: all of it is kept or nothing, whatever happens to the process. Updates of one process
// run one after the other; another process's are waited for. fn may be called again, so it must not change anything but
// tx and variables it sets anew each time. An error or panic of fn rolls back. A failed statement rolls back even if fn
// returns nil.
func (s *Store) Update(ctx context.Context, fn func(tx *Tx) error) error { return errUnfinished }

// UpdateDurable is Update that returns only when the disk has it (an Update survives the death of the process at once, but
// the machine's only after a moment). For intents: what must be known before something leaves the host.
func (s *Store) UpdateDurable(ctx context.Context, fn func(tx *Tx) error) error { return errUnfinished }

// Tx is one transaction of Update. It must not be used after fn returned, nor from several goroutines.
type Tx struct{}

// SaveStream sets where a stream stands.
func (tx *Tx) SaveStream(s Stream) error { return errUnfinished }

// ForgetStream drops a stream; no error where there is none.
func (tx *Tx) ForgetStream(source, id string) error { return errUnfinished }

// SaveClusters keeps the clusterer's memory. A cluster that became an alias gives its counts, minutes and samples to its
// root, once.
func (tx *Tx) SaveClusters(cs []ClusterMemory) error { return errUnfinished }

// AddCounts adds to a cluster (to its root where it is an alias).
func (tx *Tx) AddCounts(c Counts) error { return errUnfinished }

// AddSample keeps a sample as evidence of the cluster's current episode: the first three and the last three stay, with
// very long texts cut.
func (tx *Tx) AddSample(s incident.Sample) error { return errUnfinished }

// AddGap records input that may have been missed.
func (tx *Tx) AddGap(g incident.Gap) error { return errUnfinished }

// AddRelease records a release marker; the same one twice is kept once.
func (tx *Tx) AddRelease(r incident.Release) error { return errUnfinished }

// LatestEpisode gives the incident that stands for a cluster now: an unfinished one (open or diagnosed) where there is
// one, else the one opened last; nil where there is none. Aliases are followed. Without Samples.
func (tx *Tx) LatestEpisode(cluster string) (*incident.Incident, error) { return nil, errUnfinished }

// NextEpisode gives the number a new episode of cluster gets. The cluster's root is what the incident's id begins with.
func (tx *Tx) NextEpisode(cluster string) (root string, episode int, err error) {
	return "", 0, errUnfinished
}

// OpenIncident keeps a new incident and takes the samples gathered since the last episode into it. Episode and Clusters
// must fit ID. ErrExists where the id is taken. It is audited.
func (tx *Tx) OpenIncident(i incident.Incident) error { return errUnfinished }

// TouchIncident adds events problem events to an incident, up to last, with their worst severity.
func (tx *Tx) TouchIncident(id string, events int64, last time.Time, sev incident.Severity) error {
	return errUnfinished
}

// SetState changes an incident's state; *TransitionError where it may not. It is audited with who and why.
func (tx *Tx) SetState(id string, to incident.State, who, why string) error { return errUnfinished }

// SetTrigger notes that an open incident triggered again (a spike).
func (tx *Tx) SetTrigger(id string, t incident.Trigger) error { return errUnfinished }

// Flag marks an incident as containing what looks like instructions to a model. The first reason stays.
func (tx *Tx) Flag(id, reason string) error { return errUnfinished }

// SetDiagnosis keeps a diagnosis and the title that goes with it ("" keeps the old title). The state is set apart.
func (tx *Tx) SetDiagnosis(id string, d incident.Diagnosis, title string) error { return errUnfinished }

// TakeIn adds a cluster to an incident by a stated correlation. It is audited.
func (tx *Tx) TakeIn(id, cluster, why string) error { return errUnfinished }

// Incident is Store.Incident within the transaction, by exact id, without samples.
func (tx *Tx) Incident(id string) (*incident.Incident, error) { return nil, errUnfinished }

// Incidents is Store.Incidents within the transaction.
func (tx *Tx) Incidents(f Filter) ([]incident.Incident, error) { return nil, errUnfinished }

// Cluster gives what is known of a cluster, of its root where it is an alias; ErrNotFound where there is none.
func (tx *Tx) Cluster(id string) (incident.Cluster, error) { return incident.Cluster{}, errUnfinished }

// Enqueue puts an event into the outbox, to be delivered to each of the notifiers. The same event id twice is an error.
func (tx *Tx) Enqueue(e incident.Event, notifiers ...string) error { return errUnfinished }

// Audit appends to the audit chain.
func (tx *Tx) Audit(e Entry) error { return errUnfinished }

// BeginCall decides on the budget and reserves from it in one; *BudgetError where there is not enough. Only in
// UpdateDurable: the request may leave once that returned nil.
func (tx *Tx) BeginCall(c Call, b Budget) error { return errUnfinished }

// EndCall records how a call ended, and turns its reservation into what it cost.
func (tx *Tx) EndCall(id string, a Answer) error { return errUnfinished }

// BeginDelivery records that an attempt begins. Only in UpdateDurable.
func (tx *Tx) BeginDelivery(eventID, notifier string) error { return errUnfinished }

// DeliveryDone records that the event arrived.
func (tx *Tx) DeliveryDone(eventID, notifier string) error { return errUnfinished }

// DeliveryFailed records that an attempt failed, to be tried again at retryAt; a zero retryAt gives up, which is audited.
func (tx *Tx) DeliveryFailed(eventID, notifier string, retryAt time.Time, why string) error {
	return errUnfinished
}

// BeginCall is Tx.BeginCall in an UpdateDurable of its own.
func (s *Store) BeginCall(ctx context.Context, c Call, b Budget) error { return errUnfinished }

// EndCall is Tx.EndCall in an Update of its own.
func (s *Store) EndCall(ctx context.Context, id string, a Answer) error { return errUnfinished }

// BeginDelivery is Tx.BeginDelivery in an UpdateDurable of its own.
func (s *Store) BeginDelivery(ctx context.Context, eventID, notifier string) error {
	return errUnfinished
}

// DeliveryDone is Tx.DeliveryDone in an Update of its own.
func (s *Store) DeliveryDone(ctx context.Context, eventID, notifier string) error {
	return errUnfinished
}

// DeliveryFailed is Tx.DeliveryFailed in an Update of its own.
func (s *Store) DeliveryFailed(ctx context.Context, eventID, notifier string, retryAt time.Time, why string) error {
	return errUnfinished
}

// Due gives deliveries whose time has come, oldest event first. An event is not due to a notifier while an earlier one of
// the same incident is on its way there, so that "resolved" never overtakes "opened". A delivery that BeginDelivery took
// is not due again until DeliveryFailed, or until Lock found that its process died.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]Delivery, error) {
	return nil, errUnfinished
}

// NextDue gives when the next delivery is due, zero where the outbox is empty.
func (s *Store) NextDue(ctx context.Context) (time.Time, error) { return time.Time{}, errUnfinished }

// Streams gives where each stream of a source was left; "" is every source.
func (s *Store) Streams(ctx context.Context, source string) ([]Stream, error) {
	return nil, errUnfinished
}

// Clusters gives what SaveClusters kept, oldest first, row by row.
func (s *Store) Clusters(ctx context.Context) iter.Seq2[ClusterMemory, error] { return nil }

// Cluster is Tx.Cluster.
func (s *Store) Cluster(ctx context.Context, id string) (incident.Cluster, error) {
	return incident.Cluster{}, errUnfinished
}

// Buckets gives the minutes at or after since (minutes of the Unix epoch), by cluster and minute.
func (s *Store) Buckets(ctx context.Context, since int64) iter.Seq2[Bucket, error] { return nil }

// Incidents gives incidents, most important first: unfinished before finished, then by severity, events, recency.
// Without Samples.
func (s *Store) Incidents(ctx context.Context, f Filter) ([]incident.Incident, error) {
	return nil, errUnfinished
}

// Incident gives one incident with samples and diagnosis. id may be an unambiguous beginning, with or without "lw-", or a
// cluster's id (its latest episode). *NotFoundError lists what is near.
func (s *Store) Incident(ctx context.Context, id string) (*incident.Incident, error) {
	return nil, errUnfinished
}

// Gaps gives the gaps since a time, latest first, at most limit (0 is all).
func (s *Store) Gaps(ctx context.Context, since time.Time, limit int) ([]incident.Gap, error) {
	return nil, errUnfinished
}

// Releases gives the release markers of a service ("" is all), latest first, at most limit (0 is all).
func (s *Store) Releases(ctx context.Context, service string, limit int) ([]incident.Release, error) {
	return nil, errUnfinished
}

// Calls gives the model calls of an incident, oldest first; "" is all of them.
func (s *Store) Calls(ctx context.Context, incidentID string) ([]CallRecord, error) {
	return nil, errUnfinished
}

// Usage gives what the model cost on the UTC day that holds t.
func (s *Store) Usage(ctx context.Context, t time.Time) (Usage, error) { return Usage{}, errUnfinished }

// AuditEntries gives up to n entries from sequence number from on; n 0 is all.
func (s *Store) AuditEntries(ctx context.Context, from int64, n int) ([]AuditEntry, error) {
	return nil, errUnfinished
}

// AuditHead gives the end of the chain.
func (s *Store) AuditHead(ctx context.Context) (AuditHead, error) { return AuditHead{}, errUnfinished }

// AuditAnchor is AuditHead for keeping elsewhere: when it returns, the disk has the chain up to there, so that a crash of
// the machine can't make an honest chain look cut short.
func (s *Store) AuditAnchor(ctx context.Context) (AuditHead, error) { return AuditHead{}, errUnfinished }

// VerifyAudit walks the chain. Anchors are heads that were kept elsewhere: each must be found in it. A chain that was cut
// or written anew as a whole is only seen by them.
func (s *Store) VerifyAudit(ctx context.Context, anchors ...AuditHead) (AuditReport, error) {
	return AuditReport{}, errUnfinished
}

// Prune drops what is past its retention, then, where the database is near Options.MaxBytes, delivered events, prompts,
// minutes and resolved incidents' samples, oldest first. Never unfinished incidents, streams, the ledger or the audit.
// It works in small steps, so that Updates come through.
func (s *Store) Prune(ctx context.Context, now time.Time, r Retention) (Pruned, error) {
	return Pruned{}, errUnfinished
}

// Checkpoint moves the log into the database and cuts it to nothing.
func (s *Store) Checkpoint(ctx context.Context) error { return errUnfinished }

// Check reads the whole database for damage; ErrCorrupt where there is some. It takes time in step with its size.
func (s *Store) Check(ctx context.Context) error { return errUnfinished }

// Size says how much room the database takes.
func (s *Store) Size(ctx context.Context) (Size, error) { return Size{}, errUnfinished }
