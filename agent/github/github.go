// Package github opens pull requests: on GitHub, or in the local forge beside it.
//
// What it holds to:
//
//   - Nothing is written without a policy.Grant, and nothing twice: before each write it looks at what is there. A branch is
//     only ever created, never moved; a pull request is opened where none of ours is, whoever may have sent the first request.
//   - What was verified is what is proposed: the branch has the very commit, or where GitHub made another one of it, one with
//     the same tree and parent. A change whose new lines, message or names look like a secret never leaves.
//   - A description has Logwright's own words; text of strangers is escaped (see text.go).
//   - What can't be known is said to be unknown. After a crash Reconcile looks, and does nothing.
package github

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
)

// executeTimeout bounds all of one action, waits for limits and a fork included.
const executeTimeout = 15 * time.Minute

// Options is what a forge needs from outside.
type Options struct {
	// Redact takes secrets out of text. It is needed.
	Redact func(string) string
	// Transport carries the requests to GitHub. Nil is the default one.
	Transport http.RoundTripper
	// Now is the clock that grants are checked against. Nil is time.Now.
	Now func() time.Time
	// Logger is for what nobody waits for. Nil drops it.
	Logger *slog.Logger
	// StateDir is where the local forge has its descriptions if Config.Directory is empty.
	StateDir string
	// Stopped gives a reason why nothing may be written now (the kill switch is on), nil where there is none. It is asked right
	// before the first write. Nil never stops.
	Stopped func() error
	// Fault, for tests, is called before and after each write with the name of the point.
	Fault func(point string)
}

// State is where a pull request stands.
type State struct {
	Open, Merged bool
	// ClosedAt is when it was merged or closed. Zero while it is open.
	ClosedAt time.Time
}

// Forge opens pull requests and looks after them. Safe for concurrent use.
type Forge struct {
	host   host
	redact func(string) string
	now    func() time.Time
	log    *slog.Logger
	fault  func(string)
	halted func() error
}

// host is where pull requests are: GitHub, or a bare repository and a directory.
type host interface {
	// look says what is there of a pull request. It writes nothing.
	look(ctx context.Context, p *incident.Proposal) (world, error)
	// open makes what is missing of d, given what is there, and gives the pull request. An error says what was made before it.
	open(ctx context.Context, d *draft, w world) (incident.ForgeRef, string, error)
	keeper
}

// keeper looks after pull requests that are there.
type keeper interface {
	// comment adds a comment that key has not been added for.
	comment(ctx context.Context, ref incident.ForgeRef, text, key string) error
	status(ctx context.Context, ref incident.ForgeRef) (State, error)
}

// world is what is there of a pull request.
type world struct {
	// branch is the commit that the branch stands at, "" where there is none; same says that it is the proposal's, or has its
	// tree and parent.
	branch string
	same   bool
	// pulls are the pull requests of the branch, newest first; cluster is an open one for another incident of the cluster.
	pulls   []pull
	cluster *pull
}

type pull struct {
	ref      incident.ForgeRef
	state    State
	proposal string // of its marker, "" where somebody took that away
}

// New makes the forge that c describes.
func New(c Config, o Options) (*Forge, error) {
	if ps := c.Validate(); len(ps) > 0 {
		return nil, fmt.Errorf("forge.%s: %s", ps[0].Path, ps[0].Message)
	}
	if o.Redact == nil {
		return nil, errors.New("forge: no redaction was given")
	}
	f := &Forge{redact: o.Redact, now: o.Now, log: o.Logger, fault: o.Fault, halted: o.Stopped}
	if f.halted == nil {
		f.halted = func() error { return nil }
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	if f.fault == nil {
		f.fault = func(string) {}
	}
	var err error
	switch c.Kind {
	case KindGitHub:
		f.host, err = newHub(c, o.Transport, f.log, f.fault)
	case KindLocal:
		f.host, err = newLocal(c, o.StateDir, f.now, f.fault)
	default:
		err = errors.New("no kind is configured, so no pull request can be opened (forge.kind: local or github)")
	}
	if err != nil {
		return nil, fmt.Errorf("forge: %w", err)
	}
	return f, nil
}

// Execute opens the pull request that g grants: branch, commit, draft. What is there already is not made again.
//
// An error says that g allows nothing here, so nothing was begun. Everything else is the outcome: done with its Forge; skipped
// where a pull request of ours for the incident was closed, or one for the cluster is open; failed, and Detail says what was
// made; unknown where GitHub did not answer and could not be asked.
func (f *Forge) Execute(ctx context.Context, g policy.Grant) (incident.Outcome, error) {
	p, err := f.granted(g)
	if err != nil {
		return incident.Outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, executeTimeout)
	defer cancel()
	out := incident.Outcome{StartedAt: f.now().UTC()}
	out.Result, out.Detail, out.Forge = f.execute(ctx, g, &p)
	out.Detail = f.say(out.Detail)
	out.EndedAt = f.now().UTC()
	return out, nil
}

// granted gives what g grants, if it is something for a forge, now.
func (f *Forge) granted(g policy.Grant) (incident.Proposal, error) {
	if err := g.Check(f.now()); err != nil {
		return incident.Proposal{}, err
	}
	p := g.Proposal()
	if g.Undo() {
		return p, errors.New("a pull request can't be undone, only closed by a person")
	}
	return p, wellFormed(&p)
}

func (f *Forge) execute(ctx context.Context, g policy.Grant, p *incident.Proposal) (incident.Result, string, *incident.ForgeRef) {
	store, err := openObjects(ctx, p.Change.Store)
	if err != nil {
		return incident.ResultFailed, "nothing was pushed: " + err.Error(), nil
	}
	d, err := prepare(ctx, p, store, f.redact)
	if err != nil {
		return incident.ResultFailed, "nothing was pushed: " + err.Error(), nil
	}
	w, err := f.host.look(ctx, p)
	if err != nil {
		return incident.ResultFailed, "nothing was pushed, since it can't be seen what is there: " + err.Error(), nil
	}
	if r, text, ref := settled(p, w); r != "" {
		return r, text, ref
	}
	// All that is to be read was read: this is the last moment before the first write.
	if err := g.Check(f.now()); err != nil {
		return incident.ResultFailed, "nothing was pushed: " + err.Error(), nil
	}
	if err := f.halted(); err != nil {
		return incident.ResultSkipped, "nothing was pushed: " + err.Error(), nil
	}
	ref, note, err := f.host.open(ctx, d, w)
	if err == nil {
		return incident.ResultDone, strings.TrimSuffix(fmt.Sprintf("opened pull request #%d as a draft, from %s; %s", ref.Number, ref.Branch, note), "; "), &ref
	}
	text := note
	if text == "" {
		text = "nothing was pushed"
	}
	text += ": " + err.Error()
	// Whatever went wrong, the world says what came of it. It is asked even where ctx has ended.
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*attemptTimeout)
	defer cancel()
	w, lookErr := f.host.look(asked, p)
	var no refusal
	switch {
	case lookErr == nil:
	case errors.As(err, &no):
		return incident.ResultFailed, text, nil
	default:
		return incident.ResultUnknown, text + "; and it can't be seen what came of it: " + lookErr.Error(), nil
	}
	if r, found, ref := settled(p, w); r == incident.ResultDone {
		return r, found, ref
	}
	return incident.ResultFailed, text, nil
}

// settled says what the world says of p, "" where nothing speaks against opening its pull request.
func settled(p *incident.Proposal, w world) (incident.Result, string, *incident.ForgeRef) {
	for _, q := range w.pulls {
		ref := q.ref
		switch {
		case q.proposal == p.ID || q.proposal == "" && w.same:
			return incident.ResultDone, fmt.Sprintf("pull request #%d is there%s", ref.Number, closed(q.state)), &ref
		case q.state.Open:
			return incident.ResultSkipped, fmt.Sprintf("pull request #%d for this incident is open", ref.Number), nil
		default:
			return incident.ResultSkipped, fmt.Sprintf("pull request #%d for this incident was%s: no other one is opened for it", ref.Number, strings.TrimPrefix(closed(q.state), ", and was")), nil
		}
	}
	if w.cluster != nil {
		return incident.ResultSkipped, fmt.Sprintf("pull request #%d (%s) for the same cluster is open", w.cluster.ref.Number, w.cluster.ref.Branch), nil
	}
	if w.branch != "" && !w.same {
		return incident.ResultFailed, fmt.Sprintf("nothing was pushed: there is a branch %s with another commit (%s); delete it if it is of no use",
			branchOf(p.Incident), short(w.branch)), nil
	}
	return "", "", nil
}

func closed(s State) string {
	switch {
	case s.Merged:
		return ", and was merged"
	case !s.Open:
		return ", and was closed"
	}
	return ""
}

// Reconcile says what came of an action whose outcome was never written, by looking; it does nothing. The pull request is
// there: done. The branch alone: failed, since it takes another Grant to go on. Nothing: skipped, it was not begun. The bool
// is false where that can't be seen now, and the error says why; it is worth asking again then.
func (f *Forge) Reconcile(ctx context.Context, a incident.Action, p incident.Proposal) (incident.Outcome, bool, error) {
	if err := wellFormed(&p); err != nil {
		return incident.Outcome{}, false, err
	}
	if a.ID != p.ActionID() {
		return incident.Outcome{}, false, fmt.Errorf("action %s is not that of proposal %s", a.ID, p.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, executeTimeout)
	defer cancel()
	out := incident.Outcome{StartedAt: a.BegunAt, EndedAt: f.now().UTC()}
	w, err := f.host.look(ctx, &p)
	if err != nil {
		return incident.Outcome{}, false, errors.New(f.say(fmt.Sprintf("it can't be seen what came of action %s: %v", a.ID, err)))
	}
	r, text, ref := settled(&p, w)
	switch {
	case r == incident.ResultDone:
		out.Result, out.Detail, out.Forge = r, text, ref
	case w.branch != "" && w.same:
		out.Result, out.Detail = incident.ResultFailed, fmt.Sprintf("the branch %s is there, and no pull request of it", branchOf(p.Incident))
	case w.branch != "":
		out.Result, out.Detail = incident.ResultFailed, text
	default:
		out.Result, out.Detail = incident.ResultSkipped, "not begun: there is neither the branch nor a pull request"
	}
	out.Detail = f.say(out.Detail)
	return out, true, nil
}

// Comment tells an open pull request that what it is for was seen again. It is a write, so it takes a Grant: of a comment, on
// a pull request of the same cluster. Done a second time it adds nothing.
func (f *Forge) Comment(ctx context.Context, g policy.Grant) (incident.Outcome, error) {
	if err := g.Check(f.now()); err != nil {
		return incident.Outcome{}, err
	}
	p := g.Proposal()
	if g.Undo() || p.Kind != incident.KindComment || p.Comment == nil {
		return incident.Outcome{}, refusef("the grant is not one for a comment")
	}
	ref, text := p.Comment.On, p.Comment.Text
	if !clusterForm.MatchString(p.Cluster) || !strings.HasPrefix(ref.Branch, branchOf(p.Cluster)+".") {
		return incident.Outcome{}, refusef("pull request #%d (%s) is not one for cluster %s", ref.Number, ref.Branch, p.Cluster)
	}
	ctx, cancel := context.WithTimeout(ctx, executeTimeout)
	defer cancel()
	out := incident.Outcome{StartedAt: f.now().UTC(), Forge: &ref}
	if err := f.halted(); err != nil {
		out.Result, out.Detail, out.EndedAt = incident.ResultSkipped, f.say("nothing was said: "+err.Error()), f.now().UTC()
		return out, nil
	}
	key := "<!-- logwright: comment=" + p.ActionID() + " -->"
	if err := f.host.comment(ctx, ref, seenAgain(&p, text, f.redact)+key+"\n", key); err != nil {
		out.Result, out.Detail = incident.ResultFailed, f.say(fmt.Sprintf("no comment was added to pull request #%d: %v", ref.Number, err))
	} else {
		out.Result, out.Detail = incident.ResultDone, fmt.Sprintf("commented on pull request #%d", ref.Number)
	}
	out.EndedAt = f.now().UTC()
	return out, nil
}

// Status says where a pull request stands.
func (f *Forge) Status(ctx context.Context, ref incident.ForgeRef) (State, error) {
	s, err := f.host.status(ctx, ref)
	if err != nil {
		return State{}, errors.New(f.say(fmt.Sprintf("pull request #%d: %v", ref.Number, err)))
	}
	return s, nil
}

// say makes a detail safe to keep and show: errors quote what servers and git wrote.
func (f *Forge) say(s string) string {
	return incident.CutText(incident.PrintableLine(f.redact(s)), 1000)
}
