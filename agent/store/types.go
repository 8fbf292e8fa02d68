package store

import (
	"encoding/json"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// Stream is where one stream of a source was left: the collector's position and the joiner's pending lines. Both are
// opaque here. They commit with the counts of the lines they cover.
type Stream struct {
	// Source is the collector's name, ID the stream's id within it.
	Source, ID string
	// File is the path to show for the stream.
	File string
	// Position is the collector's cursor.
	Position []byte
	// Pending is the joiner's saved state: lines read but not yet part of a finished event. May be empty.
	Pending []byte
	// UpdatedAt is set by SaveStream from the store's clock.
	UpdatedAt time.Time
}

// ClusterMemory is what the clusterer remembers of one cluster, opaque but for the columns that are asked for.
type ClusterMemory struct {
	ID string
	// AliasOf is the cluster this one was merged into, "" where it stands for itself.
	AliasOf  string
	Service  string
	Template string
	// State is the clusterer's own encoding.
	State []byte
}

// Counts is what one ingest step adds to one cluster.
type Counts struct {
	Cluster string
	// Events counts all events, Problems those at or above the threshold.
	Events, Problems int64
	// Severity is the worst of the step.
	Severity incident.Severity
	// First and Last bound the events' times. Zero where there is none.
	First, Last time.Time
	// Minutes holds the problem events by minute of the Unix epoch (Unix seconds / 60).
	Minutes []Minute
}

// Minute is how many events a minute had.
type Minute struct {
	Minute, N int64
}

// Bucket is a Minute of one cluster, as Buckets gives it.
type Bucket struct {
	// Cluster is the root: where a cluster was merged, its minutes went over to the older one.
	Cluster string
	Minute
}

// Entry is one line of the audit before it is chained.
type Entry struct {
	// Actor is who: "logwright", "user:root", ... Action is what, one word. Subject is the id it was done to.
	Actor, Action, Subject string
	// Detail is marshalled to JSON; nil is kept as null.
	Detail any
}

// AuditEntry is one line of the audit as it is kept.
type AuditEntry struct {
	// Seq counts from 1 without a gap.
	Seq                    int64
	At                     time.Time
	Actor, Action, Subject string
	Detail                 json.RawMessage
	// Hash is SHA-256 over the hash of the entry before and this entry's own bytes.
	Hash [32]byte
}

// AuditHead names the end of the audit chain. Kept outside the database (in the journal), it shows a chain that was cut
// short or written anew. The zero AuditHead is the head of an empty chain.
type AuditHead struct {
	Seq  int64
	Hash [32]byte
}

// AuditReport is what VerifyAudit found.
type AuditReport struct {
	// Entries is how many entries were walked and held.
	Entries int64
	// Head is the last entry that held.
	Head AuditHead
	// BrokenAt is the first sequence number that does not hold, 0 where the whole chain does.
	BrokenAt int64
	// Reason says what is wrong at BrokenAt, "" where nothing is.
	Reason string
}

// OK says that the whole chain held.
func (r AuditReport) OK() bool { return r.BrokenAt == 0 }

// Call is a request to a model, recorded before it leaves.
type Call struct {
	// ID is unique (a ULID). Incident is whom it is for; Service whose share of the budget it takes.
	ID, Incident, Service string
	// Purpose says what was asked ("diagnose", "remedy", "patch", "patch-again", "repair-answer"), Model the model's name.
	Purpose, Model string
	// Prompt is what leaves, as text for people to read.
	Prompt string
	// ReserveTokens and ReserveUSD are the most this call can cost. They count as used until EndCall.
	ReserveTokens int64
	ReserveUSD    float64
}

// Budget bounds calls. Zero in a field means no limit of that kind.
type Budget struct {
	// CallsPerIncident counts every call that was begun for an incident (one episode), failed ones too but for those that
	// are known to have cost nothing: nobody listened, or the request was refused.
	CallsPerIncident int
	// TokensPerDay and USDPerDay are per UTC day.
	TokensPerDay int64
	USDPerDay    float64
	// ServiceShare is the part of TokensPerDay and USDPerDay that one service may take, from 0 to 1: any local user can
	// write errors, and one noisy service is not to starve the rest.
	ServiceShare float64
}

// Answer is how a call ended.
type Answer struct {
	// Text is the exact answer, Error why there is none.
	Text, Error               string
	InputTokens, OutputTokens int64
	USD                       float64
	// Unknown says that the call may have been billed though no usage came back (a timeout): the reservation stays used.
	Unknown bool
}

// CallRecord is a call as it is kept.
type CallRecord struct {
	Call
	Answer
	BegunAt time.Time
	// EndedAt is zero while the call runs.
	EndedAt time.Time
	// Pruned says that prompt and answer were dropped (retention.prompts or limits.store).
	Pruned bool
}

// Usage is what the model cost on one UTC day.
type Usage struct {
	// Day is midnight UTC.
	Day   time.Time
	Calls int64
	// Tokens and USD of ended calls, and what running ones (and those of unknown outcome) have reserved.
	InputTokens, OutputTokens, ReservedTokens int64
	USD, ReservedUSD                          float64
}

// Delivery is one event on its way to one notifier.
type Delivery struct {
	EventID, Notifier string
	// Attempts is how many were begun before.
	Attempts int
	// Event has Resend set where an attempt was begun whose result is not known.
	Event incident.Event
	// LastError is why the last attempt failed.
	LastError string
}

// Filter chooses incidents. The zero Filter is all of them.
type Filter struct {
	// States is any of these; empty is every state.
	States []incident.State
	// Service is exact; "" is every service.
	Service string
	// Cluster is a cluster's id or the id of one merged into it; "" is every cluster.
	Cluster string
	// Since leaves out incidents last seen before it, where it is not zero.
	Since time.Time
	// Limit is the most to give; 0 is all.
	Limit int
}

// Retention is how long things are kept. Zero keeps for good, but for Minutes.
type Retention struct {
	// Incidents counts from the last change of a resolved or ignored incident; its proposals go with it. Gaps, and clusters
	// that had no incident, go after the same time; so do the diffs and outputs of proposals and actions that are over, and
	// actions (see ActionsKept) whose incident is gone.
	Incidents time.Duration
	// Prompts counts from the call: prompt and answer texts are dropped, the ledger of cost stays.
	Prompts time.Duration
	// Minutes is how long the clusters' minutes are kept for baselines; zero is seven days. (Traffic and storms: a day.)
	Minutes time.Duration
}

// Pruned says what Prune dropped.
type Pruned struct {
	Incidents, Prompts, Samples, Events, Gaps, Minutes, Clusters int64
	// Texts counts the proposals and actions that lost their diff and outputs, Actions those that were dropped.
	Texts, Actions int64
	// Bytes is the size in use afterwards, Limit Options.MaxBytes (0 is none).
	Bytes, Limit int64
}

// Size is how much room the database takes.
type Size struct {
	// Used is bytes in pages that hold something, Free bytes in pages waiting to be used again, WAL the log beside it.
	Used, Free, WAL int64
	// Limit is Options.MaxBytes, 0 for none.
	Limit int64
}
