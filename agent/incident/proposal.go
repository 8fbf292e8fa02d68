package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// ProposalKind is what a proposal asks to do.
type ProposalKind string

// The kinds of proposals. A comment tells the open pull request of a cluster that the cluster was seen again. An advice is
// never done: it is what is left of a patch that could not be proven.
const (
	KindPullRequest ProposalKind = "pull-request"
	KindRemediation ProposalKind = "remediation"
	KindComment     ProposalKind = "comment"
	KindAdvice      ProposalKind = "advice"
)

// Proposal is one thing that could be done about an incident, with everything that the gate and the executor need. It never
// changes once it was made: what is decided and done about it is kept beside it. An approval is for exactly this value
// (see Digest).
type Proposal struct {
	// ID is "p-" and a ULID.
	ID       string       `json:"id"`
	Incident string       `json:"incident"`
	Cluster  string       `json:"cluster"`
	Service  string       `json:"service"`
	Kind     ProposalKind `json:"kind"`
	At       time.Time    `json:"at"`
	// Title is in Logwright's own words and safe to show anywhere: "restart worker.service", "fix KeyError in checkout".
	Title string `json:"title"`
	// Why says what the proposal is made for. It may be a model's text, so it is shown escaped.
	Why string `json:"why"`
	// Facts are what the gate looks at, as they were when the proposal was made.
	Facts Facts `json:"facts"`
	// Account is what happened and why, for whoever reads a pull request: no store is at hand where it is read.
	Account *Account `json:"account,omitempty"`
	// Change is set for KindPullRequest and KindAdvice, Remedy for KindRemediation, Comment for KindComment.
	Change *Change `json:"change,omitempty"`
	Remedy *Remedy `json:"remedy,omitempty"`
	// Comment is what a comment is on.
	Comment *Comment `json:"comment,omitempty"`
}

// Comment is a comment on a pull request of ours.
type Comment struct {
	// On is the pull request, Text what is said beside the incident's own facts, in Logwright's words.
	On   ForgeRef `json:"on"`
	Text string   `json:"text"`
}

// Facts are what is known about an incident when something is proposed for it.
type Facts struct {
	Severity   Severity `json:"severity"`
	Trigger    Trigger  `json:"trigger"`
	Category   Category `json:"category"`
	FixKind    FixKind  `json:"fix_kind"`
	Confidence float64  `json:"confidence"`
	Flagged    bool     `json:"flagged"`
	// Source is who diagnosed: a model's name or SourceOffline. Events counts the episode's problems.
	Source string `json:"source"`
	Events int64  `json:"events"`
}

// Account tells of an incident as it was when something was proposed for it. All its text but Release is of strangers: a
// model's, or a log's.
type Account struct {
	Summary   string `json:"summary"`
	RootCause string `json:"root_cause"`
	// Evidence lists the lines that hold the cause up, Culprit the place in code that they point to.
	Evidence  []Evidence `json:"evidence"`
	Culprit   *Culprit   `json:"culprit"`
	FirstSeen time.Time  `json:"first_seen"`
	LastSeen  time.Time  `json:"last_seen"`
	// Events counts the episode's problem events, a trace being one.
	Events int64 `json:"events"`
	// Release is the service's last release marker before FirstSeen, nil where there is none.
	Release   *Release `json:"release,omitempty"`
	NextSteps []string `json:"next_steps,omitempty"`
}

// Change is a patch: edits of files of a repository, made into a commit of an object store of our own before anything of it
// ran.
type Change struct {
	// Store is the bare repository of our own that holds Commit; Repository the operator's (services[].repository.path).
	Store      string `json:"store"`
	Repository string `json:"repository"`
	// Base is the branch that the change is for, BaseCommit and Commit full object ids. Commit has BaseCommit as its only
	// parent. "" where no edit could be made of the model's answer.
	Base       string `json:"base"`
	BaseCommit string `json:"base_commit"`
	Commit     string `json:"commit"`
	// Branch is "logwright/<incident>".
	Branch string `json:"branch"`
	// Diff is the unified diff of BaseCommit to Commit, and Files the paths it touches, sorted. Tests are those of Files that
	// only test.
	Diff    string   `json:"diff"`
	Files   []string `json:"files"`
	Tests   []string `json:"tests,omitempty"`
	Added   int      `json:"added"`
	Removed int      `json:"removed"`
	// Verified says that the operator's commands passed on the base and pass with the change. Reproduced says that a test of
	// the change failed without the fix.
	Verified   bool `json:"verified"`
	Reproduced bool `json:"reproduced"`
	// Checks are the commands that were run, in order.
	Checks []Check `json:"checks"`
	// Rounds is how often the model was asked.
	Rounds int `json:"rounds"`
	// Stopped says in Logwright's own words why the change is an advice only: "the tests fail with the patch (round 3 of 3)".
	Stopped string `json:"stopped,omitempty"`
	// Explanation is the model's own account of the change. Text of a stranger.
	Explanation string `json:"explanation,omitempty"`
}

// Stages of a Check.
const (
	StagePrepare   = "prepare"   // the operator's prepare commands, on the base
	StageBase      = "base"      // verify on the base: what passes before
	StageReproduce = "reproduce" // verify on the base with the change's tests only: has to fail
	StagePatched   = "patched"   // verify with the whole change
)

// Check is one command that was run in the sandbox, and what came of it.
type Check struct {
	Stage string   `json:"stage"`
	Argv  []string `json:"argv"`
	// Exit is the exit status, -1 where the command did not end by itself. Reason then says why: "timeout", "memory", ...
	Exit   int    `json:"exit"`
	Reason string `json:"reason,omitempty"`
	// Output is the end of what it wrote, redacted and capped.
	Output   string        `json:"output"`
	Duration time.Duration `json:"duration"`
}

// Passed says that the command ended with status 0.
func (c Check) Passed() bool { return c.Exit == 0 && c.Reason == "" }

// Remedy is a remediation of the operator's catalogue with its arguments put in. Everything but Args comes from the
// catalogue.
type Remedy struct {
	Name string            `json:"name"`
	Args map[string]string `json:"args"`
	// Risk is low, medium or high.
	Risk       string `json:"risk"`
	Reversible bool   `json:"reversible"`
	// Check, Run, Probe and Undo are the exact argument vectors. Run is never empty, the others may be.
	Check []string `json:"check,omitempty"`
	Run   []string `json:"run"`
	Probe []string `json:"probe,omitempty"`
	Undo  []string `json:"undo,omitempty"`
	// Timeout bounds each command, Silence is how long the cluster has to be silent afterwards.
	Timeout time.Duration `json:"timeout"`
	Silence time.Duration `json:"silence"`
	// Targets says by which trusted facts each target is tied to the incident: `unit=api.service (_SYSTEMD_UNIT)`.
	Targets []string `json:"targets"`
}

// Digest is what an approval is bound to: SHA-256, in hex, over the whole proposal.
func (p *Proposal) Digest() string {
	b, err := json.Marshal(p)
	if err != nil { // only values that marshal are in it
		panic(err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// ActionID is the id of the one action that a proposal can become: "a-" and the proposal's ULID. That there is one at most
// is what keeps anything from being done twice.
func (p *Proposal) ActionID() string { return ActionID(p.ID) }

// ActionID is Proposal.ActionID for a proposal's id.
func ActionID(proposal string) string {
	if len(proposal) > 2 && proposal[:2] == "p-" {
		return "a-" + proposal[2:]
	}
	return "a-" + proposal
}

// Clone gives a copy that shares no memory with p.
func (p *Proposal) Clone() Proposal {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	var c Proposal
	if err := json.Unmarshal(b, &c); err != nil {
		panic(err)
	}
	return c
}

// Action names what p does, as rules and limits know it: "pull-request" or the remediation's name.
func (p *Proposal) Action() string {
	if p.Kind == KindRemediation && p.Remedy != nil {
		return p.Remedy.Name
	}
	return string(p.Kind)
}

// Verdicts of a Decision.
const (
	DecisionAllow = "allow"
	DecisionAsk   = "ask"
	DecisionDeny  = "deny"
)

// Decision is what the gate said of a proposal.
type Decision struct {
	// Outcome is DecisionAllow, DecisionAsk or DecisionDeny.
	Outcome string `json:"outcome"`
	// Rule is the rule that matched, "" where none did.
	Rule string `json:"rule"`
	// Reasons are in Logwright's own words, the deciding one first.
	Reasons []string `json:"reasons"`
	// Simulated says that this is only what would have been decided (mode: observe).
	Simulated bool `json:"simulated"`
	// At is when, and Inputs what else went in, so that it can be computed again.
	At     time.Time      `json:"at"`
	Inputs map[string]any `json:"inputs,omitempty"`
}

// ProposalState is where a proposal stands.
type ProposalState string

// The states of a proposal.
const (
	ProposalNew        ProposalState = "new"       // nothing was decided yet
	ProposalWaiting    ProposalState = "waiting"   // the gate asks a person
	ProposalApproved   ProposalState = "approved"  // a person said yes; the daemon decides again before it acts
	ProposalRejected   ProposalState = "rejected"  // a person said no
	ProposalDenied     ProposalState = "denied"    // the gate said no
	ProposalSimulated  ProposalState = "simulated" // decided in observe: nothing follows
	ProposalExpired    ProposalState = "expired"   // waited for too long, or its incident ended meanwhile
	ProposalActing     ProposalState = "acting"    // the intent is written
	ProposalVerifying  ProposalState = "verifying" // done; the log is watched
	ProposalDone       ProposalState = "done"      // done, and what was to be seen was seen or can't be
	ProposalFailed     ProposalState = "failed"    // done, and failed or did not help
	ProposalUnknown    ProposalState = "unknown"   // begun, and nobody knows what came of it: for a person
	ProposalAdviceOnly ProposalState = "advice"    // never to be done
)

// ProposalStates lists all states of a proposal.
func ProposalStates() []ProposalState {
	return []ProposalState{
		ProposalNew, ProposalWaiting, ProposalApproved, ProposalRejected, ProposalDenied, ProposalSimulated, ProposalExpired,
		ProposalActing, ProposalVerifying, ProposalDone, ProposalFailed, ProposalUnknown, ProposalAdviceOnly,
	}
}

// proposalTransitions lists the states that may follow each state. What is final has no line. Nothing leads back from
// acting: what was begun can't be begun again.
var proposalTransitions = map[ProposalState][]ProposalState{
	ProposalNew: {ProposalWaiting, ProposalDenied, ProposalSimulated, ProposalExpired, ProposalActing},
	// The rules may change while somebody is asked: nobody may have to be asked any more (new).
	ProposalWaiting: {ProposalNew, ProposalApproved, ProposalRejected, ProposalDenied, ProposalSimulated, ProposalExpired},
	// A yes that ended before it was used is asked for again.
	ProposalApproved:  {ProposalWaiting, ProposalDenied, ProposalSimulated, ProposalExpired, ProposalActing},
	ProposalActing:    {ProposalVerifying, ProposalDone, ProposalFailed, ProposalUnknown},
	ProposalVerifying: {ProposalDone, ProposalFailed},
}

// CanBecome says whether a proposal in state s may go to state to.
func (s ProposalState) CanBecome(to ProposalState) bool {
	return slices.Contains(proposalTransitions[s], to)
}

// Final says that nothing follows any more.
func (s ProposalState) Final() bool {
	switch s {
	case ProposalRejected, ProposalDenied, ProposalSimulated, ProposalExpired, ProposalDone, ProposalFailed, ProposalUnknown, ProposalAdviceOnly:
		return true
	}
	return false
}

// Approval is a person's yes or no to one exact proposal.
type Approval struct {
	Proposal string `json:"proposal"`
	// Digest is that of the proposal as the person saw it.
	Digest   string    `json:"digest"`
	Approved bool      `json:"approved"`
	Who      string    `json:"who"`
	Why      string    `json:"why"`
	At       time.Time `json:"at"`
	// Until is when an approval ends that was not used.
	Until time.Time `json:"until"`
}

// Action is a proposal that is being done or was: an intent, and its outcome once it is known.
type Action struct {
	// ID is Proposal.ActionID.
	ID       string       `json:"id"`
	Proposal string       `json:"proposal"`
	Incident string       `json:"incident"`
	Cluster  string       `json:"cluster"`
	Service  string       `json:"service"`
	Kind     ProposalKind `json:"kind"`
	// Name is Proposal.Action. Rule is the rule that allowed it, By the person who approved it ("" for none).
	Name string `json:"name"`
	Rule string `json:"rule"`
	By   string `json:"by,omitempty"`
	// BegunAt is when the intent was written. Until is until when its undo may run.
	BegunAt time.Time `json:"begun_at"`
	Until   time.Time `json:"until"`
	// Outcome is nil while it is not known.
	Outcome      *Outcome      `json:"outcome"`
	Verification *Verification `json:"verification"`
	// UndoneAt is when the intent to undo was written, zero where it was not; Undo what came of it.
	UndoneAt time.Time `json:"undone_at,omitzero"`
	Undo     *Outcome  `json:"undo,omitempty"`
	// ClosedAt is when a pull request was seen merged (then Merged is true) or closed; zero while it is open.
	ClosedAt time.Time `json:"closed_at,omitzero"`
	Merged   bool      `json:"merged,omitempty"`
}

// OpenPullRequest says that the action is a pull request that is open, or may be for all that is known.
func (a *Action) OpenPullRequest() bool {
	if a.Kind != KindPullRequest || !a.ClosedAt.IsZero() {
		return false
	}
	return a.Outcome == nil || a.Outcome.Result == ResultDone || a.Outcome.Result == ResultUnknown
}

// Result is how an executor ended.
type Result string

// The results. A skipped action was not begun: the operator's check said no, or it had been done before.
const (
	ResultDone    Result = "done"
	ResultFailed  Result = "failed"
	ResultSkipped Result = "skipped"
	ResultUnknown Result = "unknown"
)

// Outcome is what an executor did.
type Outcome struct {
	Result Result `json:"result"`
	// Detail is in Logwright's own words.
	Detail string `json:"detail"`
	// Exit and Output are those of a command; Output is redacted and capped.
	Exit   int    `json:"exit,omitempty"`
	Output string `json:"output,omitempty"`
	// Forge is where a pull request is; nil for others.
	Forge     *ForgeRef `json:"forge,omitempty"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
}

// ForgeRef is a pull request.
type ForgeRef struct {
	// URL is the page, or the path of the description where the forge is local. Number is its number there.
	URL    string `json:"url"`
	Number int    `json:"number"`
	Branch string `json:"branch"`
	Commit string `json:"commit"`
}

// Results of a Verification.
const (
	VerifyPending      = "pending"
	VerifyVerified     = "verified"
	VerifyInconclusive = "inconclusive"
	VerifyFailed       = "failed"
)

// Verification is what the log said after an action. Silence alone is no proof: the service has to be seen alive, and the
// cluster has to be one that would have been seen at least three times by its own rate.
type Verification struct {
	Result string `json:"result"`
	// Reasons are in Logwright's own words.
	Reasons []string `json:"reasons"`
	// From and To bound what was looked at. Expected is how many events there would have been, Seen how many there were.
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Expected float64   `json:"expected"`
	Seen     int64     `json:"seen"`
	// Before and LinesBefore are how many events of the cluster, and how many others of the service, had been counted at From.
	Before      int64 `json:"before"`
	LinesBefore int64 `json:"lines_before"`
	// Alive says how the service was seen to live ("probe", "12 other lines"), "" where it was not.
	Alive string `json:"alive"`
}

// Tied are the facts of an incident's trusted metadata and of the operator's own configuration that a remediation may be
// aimed at, by kind: "unit" to {"api.service"}. Nothing of a line's text is ever in it.
type Tied map[string][]TiedValue

// TiedValue is one such fact and where it comes from: "_SYSTEMD_UNIT", "services[0].match.units".
type TiedValue struct{ Value, From string }

// The kinds of Tied.
const (
	TiedUnit      = "unit"      // a systemd unit, with its suffix
	TiedService   = "service"   // the name of a service of agent.yaml
	TiedHost      = "host"      // journald's _HOSTNAME
	TiedContainer = "container" // journald's or the kubelet's name of a container
)

// TiedKinds lists the kinds.
func TiedKinds() []string { return []string{TiedUnit, TiedService, TiedHost, TiedContainer} }

// RemedyOption is one remediation as it is offered to who chooses: a model, or the built-in choice.
type RemedyOption struct {
	Name        string
	Description string
	Risk        string
	Params      []RemedyParam
}

// RemedyParam is one parameter of a RemedyOption.
type RemedyParam struct {
	Name string
	// Values are all that may be given, where that is a short list; Form says in words what may be given otherwise:
	// "an integer from 1 to 16".
	Values []string
	Form   string
}

// RemedyChoice is a remediation that somebody chose, unchecked.
type RemedyChoice struct {
	Name string
	Args map[string]string
	// Why is the chooser's text.
	Why string
	// Source is a model's name or SourceOffline.
	Source string
}

// ParseProposalID refuses what is no proposal's id.
func ParseProposalID(id string) error {
	if len(id) != 28 || id[:2] != "p-" {
		return fmt.Errorf("%q is not a proposal's id; one looks like p-01JC3W9T6ZK5X9M2Q8R4V7B1ND", id)
	}
	return nil
}
