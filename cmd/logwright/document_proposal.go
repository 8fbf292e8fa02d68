package main

import (
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// proposalDocument is a proposal with what was decided and done about it.
type proposalDocument struct {
	ID       string                 `json:"id"`
	Kind     incident.ProposalKind  `json:"kind"`
	Incident string                 `json:"incident"`
	Service  string                 `json:"service"`
	Action   string                 `json:"action"`
	Title    string                 `json:"title"`
	Why      string                 `json:"why"`
	State    incident.ProposalState `json:"state"`
	At       *time.Time             `json:"at"`
	// Digest is what an approval is bound to.
	Digest       string                `json:"digest"`
	Decision     *decisionDocument     `json:"decision"`
	Approval     *approvalDocument     `json:"approval"`
	Change       *changeDocument       `json:"change"`
	Remedy       *remedyDocument       `json:"remedy"`
	Outcome      *outcomeDocument      `json:"outcome"`
	Verification *verificationDocument `json:"verification"`
	Undo         *outcomeDocument      `json:"undo"`
}

type decisionDocument struct {
	Outcome   string     `json:"outcome"`
	Rule      string     `json:"rule"`
	Reasons   []string   `json:"reasons"`
	Simulated bool       `json:"simulated"`
	At        *time.Time `json:"at"`
}

type approvalDocument struct {
	Approved bool       `json:"approved"`
	Who      string     `json:"who"`
	Why      string     `json:"why"`
	At       *time.Time `json:"at"`
	Until    *time.Time `json:"until"`
}

type changeDocument struct {
	Base        string          `json:"base"`
	BaseCommit  string          `json:"base_commit"`
	Commit      string          `json:"commit"`
	Branch      string          `json:"branch"`
	Diff        string          `json:"diff"`
	Files       []string        `json:"files"`
	Added       int             `json:"added"`
	Removed     int             `json:"removed"`
	Verified    bool            `json:"verified"`
	Reproduced  bool            `json:"reproduced"`
	Checks      []checkDocument `json:"checks"`
	Rounds      int             `json:"rounds"`
	Stopped     string          `json:"stopped"`
	Explanation string          `json:"explanation"`
}

type checkDocument struct {
	Stage   string   `json:"stage"`
	Argv    []string `json:"argv"`
	Exit    int      `json:"exit"`
	Reason  string   `json:"reason"`
	Output  string   `json:"output"`
	Seconds float64  `json:"seconds"`
}

type remedyDocument struct {
	Name           string            `json:"name"`
	Args           map[string]string `json:"args"`
	Risk           string            `json:"risk"`
	Reversible     bool              `json:"reversible"`
	Check          []string          `json:"check"`
	Run            []string          `json:"run"`
	Probe          []string          `json:"probe"`
	Undo           []string          `json:"undo"`
	TimeoutSeconds float64           `json:"timeout_seconds"`
	SilenceSeconds float64           `json:"silence_seconds"`
	Targets        []string          `json:"targets"`
}

type outcomeDocument struct {
	Result      incident.Result    `json:"result"`
	Detail      string             `json:"detail"`
	Exit        int                `json:"exit"`
	Output      string             `json:"output"`
	PullRequest *incident.ForgeRef `json:"pull_request"`
	StartedAt   *time.Time         `json:"started_at"`
	EndedAt     *time.Time         `json:"ended_at"`
}

type verificationDocument struct {
	Result   string     `json:"result"`
	Reasons  []string   `json:"reasons"`
	From     *time.Time `json:"from"`
	To       *time.Time `json:"to"`
	Expected float64    `json:"expected"`
	Seen     int64      `json:"seen"`
	Alive    string     `json:"alive"`
}

func newDecisionDocument(d *incident.Decision) *decisionDocument {
	if d == nil {
		return nil
	}
	return &decisionDocument{d.Outcome, d.Rule, orEmpty(d.Reasons), d.Simulated, timeOrNull(d.At)}
}

func newProposalDocument(r *store.ProposalRecord) proposalDocument {
	p := &r.Proposal
	d := proposalDocument{
		ID: p.ID, Kind: p.Kind, Incident: p.Incident, Service: p.Service, Action: p.Action(), Title: p.Title, Why: p.Why, State: r.State,
		At: timeOrNull(p.At), Digest: r.Digest, Decision: newDecisionDocument(r.Decision),
	}
	if a := r.Approval; a != nil {
		d.Approval = &approvalDocument{a.Approved, a.Who, a.Why, timeOrNull(a.At), timeOrNull(a.Until)}
	}
	if c := p.Change; c != nil {
		d.Change = &changeDocument{
			Base: c.Base, BaseCommit: c.BaseCommit, Commit: c.Commit, Branch: c.Branch, Diff: c.Diff, Files: orEmpty(c.Files), Added: c.Added,
			Removed: c.Removed, Verified: c.Verified, Reproduced: c.Reproduced, Checks: make([]checkDocument, len(c.Checks)), Rounds: c.Rounds,
			Stopped: c.Stopped, Explanation: c.Explanation,
		}
		for i, k := range c.Checks {
			d.Change.Checks[i] = checkDocument{k.Stage, orEmpty(k.Argv), k.Exit, k.Reason, k.Output, k.Duration.Seconds()}
		}
	}
	if m := p.Remedy; m != nil {
		d.Remedy = &remedyDocument{
			Name: m.Name, Args: m.Args, Risk: m.Risk, Reversible: m.Reversible, Check: orEmpty(m.Check), Run: orEmpty(m.Run), Probe: orEmpty(m.Probe),
			Undo: orEmpty(m.Undo), TimeoutSeconds: m.Timeout.Seconds(), SilenceSeconds: m.Silence.Seconds(), Targets: orEmpty(m.Targets),
		}
		if m.Args == nil {
			d.Remedy.Args = map[string]string{}
		}
	}
	if a := r.Action; a != nil {
		d.Outcome, d.Undo = newOutcomeDocument(a.Outcome), newOutcomeDocument(a.Undo)
		if v := a.Verification; v != nil {
			d.Verification = &verificationDocument{v.Result, orEmpty(v.Reasons), timeOrNull(v.From), timeOrNull(v.To), v.Expected, v.Seen, v.Alive}
		}
	}
	return d
}

func newOutcomeDocument(o *incident.Outcome) *outcomeDocument {
	if o == nil {
		return nil
	}
	return &outcomeDocument{o.Result, o.Detail, o.Exit, o.Output, o.Forge, timeOrNull(o.StartedAt), timeOrNull(o.EndedAt)}
}

func proposalDocuments(rs []store.ProposalRecord) []proposalDocument {
	out := make([]proposalDocument, len(rs))
	for i := range rs {
		out[i] = newProposalDocument(&rs[i])
	}
	return out
}
