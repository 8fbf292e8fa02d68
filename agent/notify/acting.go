package notify

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// What is told of proposals and actions: what it is, exactly; what the gate said and why; who answered; what came of it; and,
// where somebody is asked, how to answer. A headline says what happened and the proposal's title, which is Logwright's own;
// everything else may hold text of the log, of a model, of a command or of a forge, and stands where such text may stand.

// Bounds of what is told of an action.
const (
	maxReasons = 8    // of the gate, of a verification
	maxChecks  = 6    // commands run on a patch
	maxFiles   = 12   // names of files
	maxArgv    = 1000 // UTF-16 units of a command that a person is to judge
	maxActing  = 9000 // UTF-16 units of all texts of a message
)

// acting says for each kind of event about a proposal or action what its headline begins with; outcomes that the kind alone
// does not tell apart are told apart in headline.
var acting = map[incident.EventKind]string{
	incident.EventProposed:     "Not allowed",
	incident.EventAdvice:       "Advice, not a pull request",
	incident.EventWaiting:      "Waiting for you",
	incident.EventApproved:     "Approved",
	incident.EventRejected:     "Rejected",
	incident.EventExpired:      "Not answered in time",
	incident.EventActing:       "Doing now",
	incident.EventActed:        "Done",
	incident.EventFailed:       "Failed",
	incident.EventUnknown:      "Begun, outcome unknown",
	incident.EventVerified:     "It helped",
	incident.EventInconclusive: "Done, effect not proven",
	incident.EventUndone:       "Undone",
	incident.EventStopped:      "Every action is stopped",
	incident.EventResumed:      "Actions go on again",
}

// alwaysTold says that an event is told whatever severity a notifier asks for: somebody has to answer, or something was done,
// and whoever is told of one step has to hear how it ends. Proposals that nothing follows from have the importance of their
// incident.
func alwaysTold(kind incident.EventKind) bool {
	_, ok := acting[kind]
	return ok && kind != incident.EventProposed && kind != incident.EventAdvice
}

// judged says that somebody is to judge a proposal by the message, or hears of it for the first time: all of it is told. The
// messages that follow say in short what they are about.
func judged(kind incident.EventKind) bool {
	return kind == incident.EventWaiting || kind == incident.EventAdvice || kind == incident.EventProposed
}

// doing tells of a proposal or action.
func (v viewer) doing(out *view, e incident.Event) {
	out.headline = actingHeadline(e)
	if t := v.proposalTitle(e); t != "" {
		out.headline += ": " + t
	}
	out.headline = cut(out.headline, maxHeadline)
	out.title = out.headline
	out.says = v.line(e.Text)
	if inc := e.Incident; inc != nil {
		v.about(out, e)
	}
	if p := e.Proposal; p != nil {
		out.plan = append(out.plan, fact{"proposal", v.name(p.ID)})
		v.change(out, p, judged(e.Kind))
		v.remedy(out, p, e.Kind)
		v.comment(out, p, judged(e.Kind))
		if p.Why != "" && judged(e.Kind) {
			out.plan = append(out.plan, fact{"for", v.line(p.Why)})
		}
	}
	v.decision(out, e.Decision)
	v.approval(out, e.Approval)
	v.action(out, e)
	v.whatNow(out, e)
	v.actingMarks(out, e)
	out.fit()
}

// fit shortens what is too long in all for one message. Commands stay as they are: they are what somebody judges.
func (w *view) fit() {
	for _, most := range []int{300, 150, 80} {
		size := units(w.says)
		texts := []*string{&w.says}
		for _, list := range [][]fact{w.facts, w.why, w.plan, w.fate} {
			for i := range list {
				size += units(list[i].label) + units(list[i].text)
				if !slices.Contains(commands, list[i].label) {
					texts = append(texts, &list[i].text)
				}
			}
		}
		for _, list := range [][]string{w.log, w.output, w.next} {
			for i := range list {
				size += units(list[i])
				texts = append(texts, &list[i])
			}
		}
		if size <= maxActing {
			return
		}
		for _, t := range texts {
			*t = cut(*t, most)
		}
	}
}

// commands are the labels of what a remediation runs.
var commands = []string{"check", "run", "probe", "undo"}

// actingHeadline says what happened.
func actingHeadline(e incident.Event) string {
	what := acting[e.Kind]
	var outcome, undo incident.Outcome
	var verified incident.Verification
	is := func(kind incident.ProposalKind) bool {
		return e.Proposal != nil && e.Proposal.Kind == kind || e.Action != nil && e.Action.Kind == kind
	}
	pull, comment := is(incident.KindPullRequest), is(incident.KindComment)
	if a := e.Action; a != nil {
		if a.Outcome != nil {
			outcome = *a.Outcome
		}
		if a.Undo != nil {
			undo = *a.Undo
		}
		if a.Verification != nil {
			verified = *a.Verification
		}
	}
	switch {
	case e.Decision != nil && e.Decision.Simulated && e.Kind == incident.EventProposed:
		switch e.Decision.Outcome {
		case incident.DecisionAllow:
			return "Would have done"
		case incident.DecisionAsk:
			return "Would have asked you"
		}
		return "Would have refused"
	case e.Kind == incident.EventActed && outcome.Result == incident.ResultSkipped:
		return "Not done"
	case e.Kind == incident.EventActed && pull:
		return "Pull request opened"
	case e.Kind == incident.EventActed && comment:
		return "Commented"
	case e.Kind == incident.EventFailed && outcome.Result == incident.ResultDone && verified.Result == incident.VerifyFailed:
		return "Done, but did not help"
	case e.Kind == incident.EventUndone && undo.Result != "" && undo.Result != incident.ResultDone:
		return undoFailed
	}
	return what
}

const undoFailed = "Undoing failed"

func (v viewer) proposalTitle(e incident.Event) string {
	switch {
	case e.Proposal != nil && e.Proposal.Title != "":
		return v.line(e.Proposal.Title)
	case e.Action != nil && e.Action.Name != "":
		return v.name(e.Action.Name)
	case e.Incident != nil:
		return v.line(e.Incident.Title)
	}
	return ""
}

// about tells of the incident: why it happens where somebody is to judge, else in a few words.
func (v viewer) about(out *view, e incident.Event) {
	inc := e.Incident
	add := func(label, text string) {
		if text != "" {
			out.facts = append(out.facts, fact{label, text})
		}
	}
	out.severity, out.id = inc.Severity.String(), v.name(inc.ID)
	add("about", cut(v.line(inc.Title), maxHeadline))
	add("service", v.name(inc.Service))
	if !judged(e.Kind) {
		return
	}
	add("events", events(inc))
	if r := inc.Release; r != nil {
		add("release", v.name(r.Version)+" since "+stamp(r.At))
	}
	if inc.Diagnosis == nil {
		return
	}
	v.diagnosis(out, inc.Diagnosis, e.Kind == incident.EventProposed)
	// What to do is said below; what the diagnosis would do is another matter.
	out.next = nil
}

// action tells what was done and what came of it.
func (v viewer) action(out *view, e incident.Event) {
	a := e.Action
	if a == nil {
		return
	}
	add := func(label, text string) {
		if text != "" {
			out.fate = append(out.fate, fact{label, text})
		}
	}
	add("action", v.name(a.ID))
	if e.Decision == nil && a.Rule != "" {
		add("gate", "allowed, by the rule "+v.name(a.Rule))
	}
	if e.Approval == nil && a.By != "" {
		add("approved", "by "+v.name(a.By))
	}
	if !a.BegunAt.IsZero() {
		add("begun", stamp(a.BegunAt))
	}
	if o := a.Outcome; o != nil {
		add("outcome", v.outcome(o, a.Kind))
		if f := o.Forge; f != nil && a.Kind != incident.KindComment { // what a comment is on is told already
			add("pull", v.pull(f))
		}
		out.output = v.tail(o.Output)
	}
	if c := a.Verification; c != nil {
		add("log says", v.verification(c))
		v.reasons(out, c.Reasons)
	}
	if u := a.Undo; u != nil {
		add("undo was", v.outcome(u, a.Kind))
		out.output = v.tail(u.Output)
	}
}

func (v viewer) outcome(o *incident.Outcome, kind incident.ProposalKind) string {
	words := map[incident.Result]string{
		incident.ResultDone: "done", incident.ResultFailed: "failed", incident.ResultSkipped: "not begun", incident.ResultUnknown: "not known",
	}
	s := cmp.Or(words[o.Result], v.name(string(o.Result)))
	if kind == incident.KindRemediation && (o.Result == incident.ResultDone || o.Result == incident.ResultFailed) {
		s += fmt.Sprintf(", exit %d", o.Exit)
	}
	if took := o.EndedAt.Sub(o.StartedAt); !o.StartedAt.IsZero() && took >= 0 && !o.EndedAt.IsZero() {
		s += ", after " + took.Round(time.Millisecond).String()
	}
	if d := v.line(o.Detail); d != "" {
		s += ": " + d
	}
	return cut(s, maxText)
}

func (v viewer) pull(f *incident.ForgeRef) string {
	s := v.line(f.URL)
	if f.Number > 0 {
		s = fmt.Sprintf("#%d ", f.Number) + s
	}
	if f.Branch != "" {
		s += ", branch " + v.name(f.Branch)
	}
	if f.Commit != "" {
		s += ", commit " + cut(v.line(f.Commit), 13)
	}
	return cut(s, maxText)
}

func (v viewer) verification(c *incident.Verification) string {
	s := cmp.Or(v.name(c.Result), "nothing yet")
	if !c.From.IsZero() && !c.To.IsZero() {
		s += ", from " + stamp(c.From) + " to " + stamp(c.To)
	}
	s += fmt.Sprintf(": %s where %.1f were to be expected", count(int(c.Seen), "event"), c.Expected)
	if c.Alive != "" {
		s += "; the service is alive by " + v.name(c.Alive)
	}
	return cut(s, maxText)
}

// proposalID is what may stand in a command that somebody pastes.
var proposalID = regexp.MustCompile(`^p-[0-9A-HJKMNP-TV-Z]{26}$`)

// whatNow says what a person has to do, and with which words.
func (v viewer) whatNow(out *view, e incident.Event) {
	id := ""
	if e.Proposal != nil && proposalID.MatchString(e.Proposal.ID) {
		id = e.Proposal.ID
	}
	switch e.Kind {
	case incident.EventWaiting:
		if id != "" {
			out.answer = []string{"logwright approve " + id, "logwright reject " + id + ` --why "…"`}
		}
	case incident.EventUnknown:
		out.next = append(out.next, "Look whether it was done. It is not run again by itself.")
	case incident.EventStopped:
		out.answer = []string{"logwright resume"}
	}
	if actingHeadline(e) == undoFailed {
		out.next = append(out.next, "Look what is left of it, and take it back by hand.")
	}
}

func (v viewer) actingMarks(out *view, e incident.Event) {
	inc := e.Incident
	switch {
	case inc != nil && inc.Flagged:
		out.marks = append(out.marks, v.flagMark(inc))
	case e.Proposal != nil && e.Proposal.Facts.Flagged:
		out.marks = append(out.marks, flaggedMark)
	}
	// An incident keeps its mark of being simulated while the mode changes: what was decided of this proposal counts.
	simulated := !alwaysTold(e.Kind) && e.Decision == nil && inc != nil && inc.Simulated
	if simulated || e.Decision != nil && e.Decision.Simulated {
		out.marks = append(out.marks, simulatedMark)
	}
}

// tail gives the last lines of what a command wrote.
func (v viewer) tail(output string) []string {
	rest := v.redact(output)
	var out []string
	for rest != "" && len(out) < maxLog {
		at := strings.LastIndexByte(rest, '\n')
		if l := v.line(rest[at+1:]); l != "" {
			out = append(out, l)
		}
		rest = rest[:max(at, 0)]
	}
	slices.Reverse(out)
	return out
}
