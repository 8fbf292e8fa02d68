// Package incident is Logwright's vocabulary: the values that pass from stage to stage. It imports the standard library
// only, does nothing by itself, and is the one package that every stage knows.
//
// The way through the house is Record (one event) → Cluster (events that are the same) → Incident (a cluster that needs
// somebody) → Diagnosis (why, with evidence) → Proposal (what could be done) → Decision (may it) → Action and Outcome (what was
// done) → Verification (what the log said then).
package incident

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cluster is a set of events that are the same but for their variable parts.
type Cluster struct {
	// ID is "lw-" and 12 base32 characters, a hash of the service and the first masked signature or the normalised
	// stack. It is kept for good; a later merge makes it an alias of the older cluster (AliasOf).
	ID string `json:"id"`
	// AliasOf is the id of the cluster this one was merged into, "" where it stands for itself.
	AliasOf string `json:"alias_of,omitempty"`
	// Service is whom the events are about.
	Service string `json:"service"`
	// Template is the readable form: literals stay until they varied, "<*>" stands for what did.
	Template string `json:"template"`
	// Severity is the worst that was seen.
	Severity Severity `json:"severity"`
	// Events is how many events there were, all severities; Problems those at or above the threshold.
	Events   int64 `json:"events"`
	Problems int64 `json:"problems"`
	// FirstSeen and LastSeen bound the events' times (the collector's time where the event has none), UTC.
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}

// Trigger says why an incident was opened or looked at again.
type Trigger string

// The triggers.
const (
	TriggerNew      Trigger = "new"      // a cluster never seen before reached the threshold
	TriggerSpike    Trigger = "spike"    // far more events than the cluster's own baseline
	TriggerReturned Trigger = "returned" // seen again after it was resolved
	TriggerSilence  Trigger = "silence"  // a heartbeat that the operator named did not come
	TriggerMix      Trigger = "mix"      // far more of a service's lines than usual are warnings or worse
	TriggerRequests Trigger = "requests" // too many of a service's requests are answered with 5xx
)

// Triggers lists all triggers.
func Triggers() []Trigger {
	return []Trigger{TriggerNew, TriggerSpike, TriggerReturned, TriggerSilence, TriggerMix, TriggerRequests}
}

// Reason is why a trigger fired: all that the decision was made from.
type Reason struct {
	// Text says it in Logwright's own words, for people; no word of the log is in it.
	Text string `json:"text"`
	// Statistic says in a few words what was computed, "" where nothing had to be.
	Statistic string `json:"statistic"`
	// Observed, Expected and Threshold are counts of events for spikes; shares, from 0 to 1, for the mix of levels and for requests;
	// seconds for silence. All are 0 where nothing was computed; Expected also where nothing was known of the past.
	Observed  float64 `json:"observed"`
	Expected  float64 `json:"expected"`
	Threshold float64 `json:"threshold"`
	// From is when what was looked at begins, by the time of the lines, and Window how long it is, in seconds.
	From   time.Time `json:"from"`
	Window float64   `json:"window"`
}

// State is where an incident stands. "simulated" and "flagged" are marks beside the state, not states.
type State string

// The states an incident can be in. What failed, was rejected or is inconclusive leads back to open, and, since its diagnosis
// stands, on to diagnosed in the same step.
const (
	StateOpen      State = "open"
	StateDiagnosed State = "diagnosed"
	StateProposed  State = "proposed"  // something could be done; the gate has not let it pass
	StateWaiting   State = "waiting"   // a person is asked
	StateActing    State = "acting"    // it is being done
	StateVerifying State = "verifying" // it was done; the log is watched
	StateResolved  State = "resolved"
	StateIgnored   State = "ignored"
)

// UnfinishedStates lists the states in which somebody still has something to do.
func UnfinishedStates() []State {
	return []State{StateOpen, StateDiagnosed, StateProposed, StateWaiting, StateActing, StateVerifying}
}

// States lists all states.
func States() []State { return append(UnfinishedStates(), StateResolved, StateIgnored) }

// transitions lists the states that may follow each state. An incident that is seen again after it was resolved is not
// taken up again: a new episode is opened.
var transitions = map[State][]State{
	StateOpen:      {StateDiagnosed, StateResolved, StateIgnored},
	StateDiagnosed: {StateOpen, StateDiagnosed, StateProposed, StateResolved, StateIgnored},
	StateProposed:  {StateOpen, StateProposed, StateWaiting, StateActing, StateResolved, StateIgnored},
	StateWaiting:   {StateOpen, StateProposed, StateActing, StateResolved, StateIgnored},
	// What is being done can't be closed by silence or by a person before its outcome is known.
	StateActing:    {StateOpen, StateVerifying},
	StateVerifying: {StateOpen, StateResolved, StateIgnored},
	StateResolved:  {StateOpen, StateIgnored},
	StateIgnored:   {StateOpen},
}

// CanBecome says whether an incident in state s may go to state to.
func (s State) CanBecome(to State) bool {
	for _, t := range transitions[s] {
		if t == to {
			return true
		}
	}
	return false
}

// Unfinished says that somebody still has something to do: the incident is neither resolved nor ignored.
func (s State) Unfinished() bool { return slices.Contains(UnfinishedStates(), s) }

// Incident is a cluster that needs somebody: one episode of it.
type Incident struct {
	// ID is "<cluster>.<episode>", the episode counting from 1.
	ID string `json:"id"`
	// Clusters has the cluster that opened the incident first, then any taken in by a stated correlation.
	Clusters []string `json:"clusters"`
	Episode  int      `json:"episode"`
	// Title is safe to show anywhere: it is made by Logwright from its own words, the service's name and names of the
	// stack that are plain identifiers; never from log text, never by a model.
	Title    string   `json:"title"`
	Service  string   `json:"service"`
	Severity Severity `json:"severity"`
	State    State    `json:"state"`
	Trigger  Trigger  `json:"trigger"`
	// Reason is why Trigger fired; nil where it was not kept.
	Reason *Reason `json:"reason,omitempty"`
	// Flagged says that the log text looks like an attempt to instruct a model; FlagReason says what was seen, in
	// Logwright's own words.
	Flagged    bool   `json:"flagged"`
	FlagReason string `json:"flag_reason,omitempty"`
	// Simulated says that what was decided was only decided, not done (mode: observe).
	Simulated bool `json:"simulated"`

	// Events counts problem events at or above the threshold during this episode; a trace is one.
	Events    int64     `json:"events"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
	OpenedAt  time.Time `json:"opened_at"`
	UpdatedAt time.Time `json:"updated_at"`

	Template  string     `json:"template"`
	Samples   []Sample   `json:"samples"`
	Diagnosis *Diagnosis `json:"diagnosis"`
	// Release is the last release marker of the service before FirstSeen ("deploy SERVICE VERSION"), nil where none.
	Release *Release `json:"release,omitempty"`
}

// Release is a marker that a version of a service went live, recorded by "logwright deploy".
type Release struct {
	Service string    `json:"service"`
	Version string    `json:"version"`
	At      time.Time `json:"at"`
}

// Sample is one event kept as evidence, with what stood before it in the same stream.
type Sample struct {
	Cluster string `json:"cluster"`
	Record  Record `json:"record"`
	// Before holds up to a few raw events that came just before in the same stream, oldest first.
	Before []Context `json:"before,omitempty"`
}

// Context is a neighbour of a sample.
type Context struct {
	File string `json:"file"`
	Line int64  `json:"line"`
	Text string `json:"text"`
}

// Category is the kind of cause.
type Category string

// FixKind is the kind of remedy.
type FixKind string

// Categories and FixKinds list every value the contract allows, in the order they are documented.
var (
	Categories = []Category{
		"code-bug", "dependency", "configuration", "resource-exhaustion", "network", "permission", "data", "hardware",
		"expected-noise", "unknown",
	}
	FixKinds = []FixKind{
		"code-patch", "config-change", "dependency-change", "restart", "capacity", "data-repair", "operator-action", "none",
	}
)

// SourceOffline is Diagnosis.Source when the built-in signatures answered.
const SourceOffline = "offline"

// Diagnosis is why an incident happens, with the evidence. It is data: nothing is done because of its words.
type Diagnosis struct {
	Summary   string   `json:"summary"`
	RootCause string   `json:"root_cause"`
	Category  Category `json:"category"`
	// Confidence from 0 to 1 is computed from features (citations that held, how specific the signature is, agreement),
	// never taken from a model's own word.
	Confidence float64 `json:"confidence"`
	// Culprit is the place in code that the evidence points to, nil where it points to none.
	Culprit *Culprit `json:"culprit"`
	// Evidence lists the lines that hold the claims up; every quote was found verbatim in its line.
	Evidence []Evidence `json:"evidence"`
	FixKind  FixKind    `json:"fix_kind"`
	// NextSteps are what a person should do or look at, most useful first.
	NextSteps []string `json:"next_steps"`
	// Source is the model's name, or SourceOffline.
	Source string `json:"source"`
	// Signature is the id of the built-in signature that answered, "" where none did.
	Signature string `json:"signature,omitempty"`
	// DroppedClaims counts the claims of a model that did not check out and were dropped.
	DroppedClaims int `json:"dropped_claims"`
	// Degraded says in a few words why a model that was configured did not answer, "" where it did or none was.
	Degraded string    `json:"degraded,omitempty"`
	At       time.Time `json:"at"`
}

// Culprit is a place in code.
type Culprit struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Function string `json:"function"`
}

// Evidence is one cited line.
type Evidence struct {
	// ID is "E1", "E2", ... within its diagnosis.
	ID string `json:"id"`
	// Source is the file's path or "journal".
	Source string `json:"source"`
	// Line is the line's number in Source, 0 where it has none.
	Line int64 `json:"line"`
	// Quote is verbatim text of that line, after redaction.
	Quote string `json:"quote"`
}

// Event is something that people are told of: one change of an incident's state.
type Event struct {
	// ID is a ULID, the same on every attempt to deliver, so that a receiver can see doubles.
	ID string `json:"id"`
	// Kind says what changed.
	Kind     EventKind `json:"kind"`
	At       time.Time `json:"at"`
	Incident *Incident `json:"incident,omitempty"`
	// Grouped holds the other incidents of a storm, most important first; the message is one for all of them.
	Grouped []Incident `json:"grouped,omitempty"`
	// Proposal is what the event is about where something is proposed, decided or done; Decision, Approval and Action are what
	// is known of it then.
	Proposal *Proposal `json:"proposal,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
	Approval *Approval `json:"approval,omitempty"`
	Action   *Action   `json:"action,omitempty"`
	// Was is the incident's severity before, for EventWorse; for a storm of these the least that one of them had.
	Was Severity `json:"was,omitempty"`
	// Text is Logwright's own words where there is no incident (a gap, a model that is down).
	Text string `json:"text,omitempty"`
	// Resend says that this was perhaps delivered already: the process died between sending and noting it.
	Resend bool `json:"resend,omitempty"`
}

// EventKind names what changed.
type EventKind string

// The kinds of events.
const (
	EventOpened    EventKind = "opened"
	EventDiagnosed EventKind = "diagnosed"
	EventReturned  EventKind = "returned"
	EventSpike     EventKind = "spike"
	EventWorse     EventKind = "worse"  // its severity rose: who is told of errors only has not heard of it yet
	EventMerged    EventKind = "merged" // it turned out to be the same problem as an older one, and is closed
	EventResolved  EventKind = "resolved"
	EventReopened  EventKind = "reopened"
	EventIgnored   EventKind = "ignored"
	EventStorm     EventKind = "storm"
	EventGap       EventKind = "gap"
	EventSilence   EventKind = "silence"
	EventDegraded  EventKind = "degraded"

	EventProposed     EventKind = "proposed"     // what the gate said of a proposal that nobody has to answer: denied, or simulated
	EventAdvice       EventKind = "advice"       // a patch that could not be proven, for people to look at
	EventWaiting      EventKind = "waiting"      // somebody has to approve or reject
	EventApproved     EventKind = "approved"     // somebody did
	EventRejected     EventKind = "rejected"     // somebody did
	EventExpired      EventKind = "expired"      // nobody did
	EventActing       EventKind = "acting"       // it is being done
	EventActed        EventKind = "acted"        // it was done: the pull request is open, the command ended well
	EventFailed       EventKind = "failed"       // it failed, or did not help
	EventUnknown      EventKind = "unknown"      // it was begun, and nobody knows what came of it
	EventVerified     EventKind = "verified"     // it helped, as far as the log can prove
	EventInconclusive EventKind = "inconclusive" // it was done, and the log proves nothing
	EventUndone       EventKind = "undone"       // it was undone
	EventStopped      EventKind = "stopped"      // the kill switch is on
	EventResumed      EventKind = "going-on"     // and off again
)

// Gap is a stretch of input that may have been missed; it is never silent.
type Gap struct {
	Source string    `json:"source"`
	File   string    `json:"file"`
	At     time.Time `json:"at"`
	// Bytes is how many bytes are known to be missing, 0 where that can't be known.
	Bytes int64 `json:"bytes"`
	// Reason is in Logwright's own words: "copytruncate", "journal vacuumed", ...
	Reason string `json:"reason"`
}

// MakeID gives the id of a cluster's nth episode.
func MakeID(cluster string, episode int) string { return cluster + "." + strconv.Itoa(episode) }

// SplitID is the reverse of MakeID. The error says what an id looks like.
func SplitID(id string) (cluster string, episode int, err error) {
	i := strings.LastIndexByte(id, '.')
	if i > 0 {
		if n, err := strconv.Atoi(id[i+1:]); err == nil && n > 0 && strings.HasPrefix(id, "lw-") {
			return id[:i], n, nil
		}
	}
	return "", 0, fmt.Errorf("%q is not an incident id; one looks like lw-2fa7k3q9xw5m.1", id)
}
