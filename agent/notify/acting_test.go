package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/notify/fakeslack"
)

const (
	proposalOne = "p-01JC3W9T6ZK5X9M2Q8R4V7B1ND"
	proposalTwo = "p-01JC3W9T6ZK5X9M2Q8R4V7B1NE"
)

func remediation() *incident.Proposal {
	return &incident.Proposal{
		ID: proposalOne, Incident: "lw-2fa7k3q9xw5m.1", Cluster: "lw-2fa7k3q9xw5m", Service: "worker", Kind: incident.KindRemediation, At: t0,
		Title: "restart worker.service", Why: "The worker holds a lock for ever; a restart gives it back.",
		Remedy: &incident.Remedy{
			Name: "restart-worker", Args: map[string]string{"unit": "worker.service"}, Risk: "low",
			Check: []string{"systemctl", "is-enabled", "worker.service"}, Run: []string{"systemctl", "restart", "worker.service"},
			Probe: []string{"systemctl", "is-active", "worker.service"}, Timeout: time.Minute, Silence: 10 * time.Minute,
			Targets: []string{"unit=worker.service (_SYSTEMD_UNIT)"},
		},
	}
}

func patch() *incident.Proposal {
	test := []string{"go", "test", "./..."}
	return &incident.Proposal{
		ID: proposalTwo, Incident: "lw-2fa7k3q9xw5m.1", Cluster: "lw-2fa7k3q9xw5m", Service: "api", Kind: incident.KindPullRequest, At: t0,
		Title: "fix NullPointerException in OrderRepository.find", Why: "The connection is not given back.",
		Change: &incident.Change{
			Store: "/var/lib/logwright/objects/api.git", Repository: "/srv/api", Base: "main", BaseCommit: strings.Repeat("a", 40), Commit: strings.Repeat("b", 40),
			Branch: "logwright/lw-2fa7k3q9xw5m.1", Diff: "-a\n+b\n", Files: []string{"src/OrderRepository.java", "test/OrderRepositoryTest.java"},
			Tests: []string{"test/OrderRepositoryTest.java"}, Added: 14, Removed: 2, Verified: true, Reproduced: true, Rounds: 1,
			Explanation: "Closes the connection in a finally block.",
			Checks: []incident.Check{
				{Stage: incident.StageBase, Argv: test}, {Stage: incident.StageReproduce, Argv: test, Exit: 1, Output: "--- FAIL: TestFind"},
				{Stage: incident.StagePatched, Argv: test, Output: "ok"},
			},
		},
	}
}

// seenAgain proposes to say on a pull request that its fault is back.
func seenAgain() *incident.Proposal {
	return &incident.Proposal{
		ID: proposalOne, Incident: "lw-2fa7k3q9xw5m.2", Cluster: "lw-2fa7k3q9xw5m", Service: "api", Kind: incident.KindComment, At: t0,
		Title: "say on pull request #12 that it was seen again", Why: "its pull request is open already: a-01JC3W9T6ZK5X9M2Q8R4V7B1NE",
		Comment: &incident.Comment{On: pullTwelve(), Text: "The pull request is still open."},
	}
}

func pullTwelve() incident.ForgeRef {
	return incident.ForgeRef{URL: "https://github.com/acme/api/pull/12", Number: 12, Branch: "logwright/lw-2fa7k3q9xw5m.1", Commit: strings.Repeat("b", 40)}
}

func decision(outcome string, simulated bool) *incident.Decision {
	return &incident.Decision{Outcome: outcome, Rule: "restart-low", Reasons: []string{"the rule restart-low matches", "0 of 2 within 24h for the service worker"},
		Simulated: simulated, At: t0}
}

func begun(p *incident.Proposal) *incident.Action {
	return &incident.Action{ID: p.ActionID(), Proposal: p.ID, Incident: p.Incident, Cluster: p.Cluster, Service: p.Service, Kind: p.Kind, Name: p.Action(),
		Rule: "restart-low", By: "anna", BegunAt: t0}
}

func ended(p *incident.Proposal, o incident.Outcome) *incident.Action {
	a := begun(p)
	o.StartedAt, o.EndedAt = t0, t0.Add(1234*time.Millisecond)
	a.Outcome = &o
	return a
}

func watched(result string, reasons ...string) *incident.Action {
	a := ended(remediation(), incident.Outcome{Result: incident.ResultDone, Detail: "the command ended"})
	a.Verification = &incident.Verification{Result: result, Reasons: reasons, From: t0, To: t0.Add(10 * time.Minute), Expected: 12.04, Alive: "12 other lines"}
	return a
}

// actingCases are the events of the golden files that are about proposals and actions.
func actingCases() map[string]incident.Event {
	of := func(kind incident.EventKind, p *incident.Proposal) incident.Event {
		inc := diagnosed()
		inc.Simulated = false
		return incident.Event{ID: "01JNF8E5G0AAAAAAAAAAAAAAAA", Kind: kind, At: t0, Incident: inc, Proposal: p}
	}
	with := func(e incident.Event, change func(e *incident.Event)) incident.Event { change(&e); return e }
	decided := func(kind incident.EventKind, p *incident.Proposal, outcome string, simulated bool) incident.Event {
		return with(of(kind, p), func(e *incident.Event) { e.Decision = decision(outcome, simulated) })
	}
	answered := func(kind incident.EventKind, yes bool, why string) incident.Event {
		return with(of(kind, remediation()), func(e *incident.Event) {
			e.Approval = &incident.Approval{Proposal: proposalOne, Approved: yes, Who: "anna", Why: why, At: t0}
		})
	}
	done := func(kind incident.EventKind, a *incident.Action) incident.Event {
		p := remediation()
		switch a.Kind {
		case incident.KindPullRequest:
			p = patch()
		case incident.KindComment:
			p = seenAgain()
		}
		return with(of(kind, p), func(e *incident.Event) { e.Action = a })
	}
	advice := patch()
	advice.Kind, advice.Change.Verified, advice.Change.Reproduced = incident.KindAdvice, false, false
	advice.Change.Stopped = "the tests fail with the patch (round 3 of 3)"
	advice.Change.Checks = append(advice.Change.Checks[:2:2], incident.Check{
		Stage: incident.StagePatched, Argv: []string{"go", "test", "./..."}, Exit: 1, Output: "=== RUN TestFind\n\n--- FAIL: TestFind password=hunter2\nFAIL\n",
	})
	nothing := advice.Clone()
	nothing.Change = &incident.Change{Stopped: "no edit of the answer fits the files (round 3 of 3)", Rounds: 3}
	undone := watched(incident.VerifyFailed, "the cluster was seen 4 times")
	undone.UndoneAt, undone.Undo = t0, &incident.Outcome{Result: incident.ResultDone, Detail: "the undo command ended"}
	scale := remediation()
	scale.Title, scale.Remedy.Reversible = "scale worker to 4", true
	scale.Remedy.Run, scale.Remedy.Undo = []string{"/usr/local/bin/scale", "worker", "4"}, []string{"/usr/local/bin/scale", "worker", "2"}
	notUndone := *undone
	notUndone.Undo = &incident.Outcome{Result: incident.ResultFailed, Exit: 3, Detail: "the undo command failed", Output: "no such unit"}
	refused := decided(incident.EventProposed, remediation(), incident.DecisionDeny, false)
	refused.Decision.Rule, refused.Decision.Reasons = "", []string{"no rule matches, and nothing is allowed by default"}
	return map[string]incident.Event{
		"proposed-refused":         refused,
		"proposed-simulated-allow": decided(incident.EventProposed, remediation(), incident.DecisionAllow, true),
		"proposed-simulated-ask":   decided(incident.EventProposed, patch(), incident.DecisionAsk, true),
		"proposed-simulated-deny":  decided(incident.EventProposed, remediation(), incident.DecisionDeny, true),
		"advice":                   of(incident.EventAdvice, advice),
		"advice-nothing":           of(incident.EventAdvice, &nothing),
		"waiting":                  decided(incident.EventWaiting, remediation(), incident.DecisionAsk, false),
		"waiting-pull":             decided(incident.EventWaiting, patch(), incident.DecisionAsk, false),
		"approved":                 answered(incident.EventApproved, true, "nobody is shopping now"),
		"rejected":                 answered(incident.EventRejected, false, "not before the import has ended; password=hunter2"),
		"expired":                  of(incident.EventExpired, remediation()),
		"acting":                   done(incident.EventActing, begun(remediation())),
		"acted":                    done(incident.EventActed, ended(remediation(), incident.Outcome{Result: incident.ResultDone, Detail: "the command ended", Output: "restarted\n"})),
		"acted-pull": done(incident.EventActed, ended(patch(), incident.Outcome{Result: incident.ResultDone, Detail: "a draft was opened", Forge: &incident.ForgeRef{
			URL: "https://github.com/acme/api/pull/12", Number: 12, Branch: "logwright/lw-2fa7k3q9xw5m.1", Commit: strings.Repeat("b", 40),
		}})),
		"waiting-comment": decided(incident.EventWaiting, seenAgain(), incident.DecisionAsk, false),
		"acted-comment": done(incident.EventActed, ended(seenAgain(), incident.Outcome{
			Result: incident.ResultDone, Detail: "commented on pull request #12", Forge: new(pullTwelve()),
		})),
		"failed-comment": done(incident.EventFailed, ended(seenAgain(), incident.Outcome{
			Result: incident.ResultFailed, Detail: "no comment was added to pull request #12: it is closed", Forge: new(pullTwelve()),
		})),
		"acted-local": done(incident.EventActed, ended(patch(), incident.Outcome{Result: incident.ResultDone, Forge: &incident.ForgeRef{URL: "/srv/pulls/1.md", Number: 1}})),
		"acted-skipped": done(incident.EventActed, ended(remediation(), incident.Outcome{
			Result: incident.ResultSkipped, Detail: "the check said no: exit 1", Exit: 1, Output: "disabled",
		})),
		"failed": done(incident.EventFailed, ended(remediation(), incident.Outcome{
			Result: incident.ResultFailed, Detail: "the command failed", Exit: 5, Output: strings.Repeat("x\n", 50) + "Failed to restart worker.service: password=hunter2\n",
		})),
		"failed-no-help": done(incident.EventFailed, watched(incident.VerifyFailed, "the cluster was seen 4 times")),
		"unknown":        done(incident.EventUnknown, ended(remediation(), incident.Outcome{Result: incident.ResultUnknown, Detail: "the daemon ended while the command ran"})),
		"verified":       done(incident.EventVerified, watched(incident.VerifyVerified, "the cluster is silent", "the service is alive")),
		"inconclusive":   done(incident.EventInconclusive, watched(incident.VerifyInconclusive, "fewer than 3 events would have been expected")),
		"undone":         with(done(incident.EventUndone, undone), func(e *incident.Event) { e.Proposal = scale }),
		"undo-failed":    done(incident.EventUndone, &notUndone),
		"stopped":        {ID: "01JNF8E5G0AAAAAAAAAAAAAAAA", Kind: incident.EventStopped, At: t0, Text: "anna: looking at the database first (/run/logwright/stop)"},
		"going-on":       {ID: "01JNF8E5G0AAAAAAAAAAAAAAAA", Kind: incident.EventResumed, At: t0, Text: "the file /run/logwright/stop is gone"},
		"waiting-bare":   {Kind: incident.EventWaiting},
		"hostile-acting": hostileActing(incident.EventWaiting),
	}
}

// hostileActing has a stranger's text wherever one can get it: in a model's words, a command's output, a forge's answer, names of
// files, a person's reason.
func hostileActing(kind incident.EventKind) incident.Event {
	inc := hostile()
	evil := inc.Service
	p := patch()
	p.Title, p.ID = "fix error in checkout", evil
	p.Why, p.Facts.Flagged = evil, true
	c := p.Change
	c.Files, c.Branch, c.Base, c.Repository, c.Stopped, c.Explanation = []string{evil, evil}, evil, evil, evil, evil, evil
	c.Verified = false
	c.Checks = []incident.Check{{Stage: evil, Argv: []string{evil, "hunter2", "a b"}, Exit: -1, Reason: evil, Output: evil}}
	r := remediation().Remedy
	r.Run, r.Check, r.Probe, r.Undo = []string{evil, "--password", "hunter2"}, []string{evil}, []string{evil}, []string{evil}
	r.Risk, r.Targets = evil, []string{evil}
	p.Remedy = r
	p.Comment = &incident.Comment{On: incident.ForgeRef{URL: evil, Branch: evil, Commit: evil}, Text: evil}
	out := incident.Outcome{Result: incident.Result(evil), Detail: evil, Output: evil, Forge: &incident.ForgeRef{URL: evil, Branch: evil, Commit: evil}}
	a := &incident.Action{ID: evil, Name: evil, Rule: evil, By: evil, Outcome: &out, Undo: &out,
		Verification: &incident.Verification{Result: evil, Reasons: []string{evil}, Alive: evil}}
	return incident.Event{
		ID: "01JNF8E5G0AAAAAAAAAAAAAAAA", Kind: kind, At: t0, Incident: inc, Proposal: p, Action: a, Text: evil,
		Decision: &incident.Decision{Outcome: evil, Rule: evil, Reasons: []string{evil, evil}},
		Approval: &incident.Approval{Who: evil, Why: evil},
	}
}

func actingKinds() []incident.EventKind {
	var out []incident.EventKind
	for kind := range acting {
		out = append(out, kind)
	}
	return out
}

// Every kind has its golden file in both media.
func TestEveryKindIsTold(t *testing.T) {
	told := map[incident.EventKind]bool{}
	for _, e := range actingCases() {
		told[e.Kind] = true
	}
	for _, kind := range []incident.EventKind{
		incident.EventProposed, incident.EventAdvice, incident.EventWaiting, incident.EventApproved, incident.EventRejected, incident.EventExpired,
		incident.EventActing, incident.EventActed, incident.EventFailed, incident.EventUnknown, incident.EventVerified, incident.EventInconclusive,
		incident.EventUndone, incident.EventStopped, incident.EventResumed,
	} {
		if acting[kind] == "" || !told[kind] {
			t.Errorf("%s is not told of", kind)
		}
	}
}

// Strangers' text of a proposal or action stands in text elements of rich text and nowhere else.
func TestHostileActingStaysOut(t *testing.T) {
	for _, kind := range actingKinds() {
		m := message(hostileActing(kind), viewer{redactTest})
		if strings.Contains(m.Text, "evil") {
			t.Errorf("%s: the fallback text quotes a stranger: %q", kind, m.Text)
		}
		for _, b := range m.Blocks.BlockSet {
			if b.BlockType() == "rich_text" {
				continue
			}
			raw, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			if s := string(raw); strings.Contains(s, "mrkdwn") || strings.Contains(s, "evil") || strings.Contains(s, "channel") {
				t.Errorf("%s: %s", kind, s)
			}
		}
		w := viewer{redactTest}.view(hostileActing(kind))
		for _, s := range append(w.answer, w.next...) {
			if strings.Contains(s, "evil") || strings.Contains(s, "bold") {
				t.Errorf("%s: a stranger's text is to be pasted: %q", kind, s)
			}
		}
	}
}

// A message with more of everything than fits keeps to Slack's limits, and still says how to answer.
func TestLongActing(t *testing.T) {
	fill := strings.Repeat("ü😀<&>", 400)
	fake := fakeslack.New(t)
	n, err := New(Config{Name: "chat", Kind: KindSlack, URL: fake.URL}, Options{Redact: redactTest})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range actingKinds() {
		e := hostileActing(kind)
		e.Resend = true
		e.Proposal.ID, e.Proposal.Title, e.Proposal.Why, e.Text = proposalOne, fill, fill, fill
		e.Incident.Title, e.Incident.Service, e.Incident.FlagReason, e.Incident.Release.Version = fill, fill, fill, fill
		d := e.Incident.Diagnosis
		d.Summary, d.RootCause, d.Degraded, d.Culprit.File, d.Culprit.Function = fill, fill, fill, fill, fill
		c, r := e.Proposal.Change, e.Proposal.Remedy
		c.Branch, c.Base, c.Repository, c.Stopped, c.Explanation = fill, fill, fill, fill, fill
		e.Decision.Outcome, e.Decision.Rule, e.Approval.Who, e.Approval.Why = fill, fill, fill, fill
		for range 60 {
			d.Evidence = append(d.Evidence, incident.Evidence{Source: fill, Line: 1, Quote: fill})
			c.Files = append(c.Files, fill)
			c.Checks = append(c.Checks, incident.Check{Stage: fill, Argv: []string{fill, fill}, Exit: 1, Reason: fill, Output: fill + "\n" + fill})
			r.Run, r.Check, r.Probe, r.Undo, r.Targets = append(r.Run, fill), append(r.Check, fill), append(r.Probe, fill), append(r.Undo, fill), append(r.Targets, fill)
			e.Decision.Reasons = append(e.Decision.Reasons, fill)
			e.Action.Verification.Reasons = append(e.Action.Verification.Reasons, fill)
		}
		out := e.Action.Outcome
		out.Detail, out.Output, out.Forge.URL, out.Forge.Branch = fill, strings.Repeat(fill+"\n", 20), fill, fill
		if err := n.Notify(t.Context(), e); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		bodies := fake.Bodies()
		last := bodies[len(bodies)-1]
		if kind == incident.EventWaiting && (!strings.Contains(last, "logwright approve "+proposalOne) || !strings.Contains(last, "longer than a message")) {
			t.Errorf("nobody is told how to answer, or that the command was cut:\n%s", last)
		}
	}
}

// Where Slack does not accept the message, the plain line still says how to answer.
func TestWaitingPlainAgain(t *testing.T) {
	fake := fakeslack.New(t)
	fake.Answer(fakeslack.Answer{Status: 400, Body: "invalid_blocks"})
	e := actingCases()["waiting"]
	e.Proposal.Title = strings.Repeat("restart a worker ", 50)
	if err := slackNotifier(t, fake.URL, nil).Notify(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if b := fake.Bodies(); len(b) != 2 || !strings.Contains(b[1], "logwright approve "+proposalOne+" or logwright reject "+proposalOne) {
		t.Errorf("got %q", b)
	}
}

// What somebody has to answer or has to know is told whatever severity a notifier asks for; what was only thought of is not.
func TestActionsPassTheFilter(t *testing.T) {
	for name, e := range actingCases() {
		if e.Incident == nil {
			continue
		}
		low := *e.Incident
		low.Severity = incident.SeverityInfo
		e.Incident = &low
		var b bytes.Buffer
		n, err := New(Config{Name: "out", Kind: KindStdout, Severity: "fatal"}, Options{Redact: redactTest, Stdout: &b})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Notify(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		follows := e.Kind == incident.EventProposed || e.Kind == incident.EventAdvice
		if (b.Len() == 0) != follows {
			t.Errorf("%s: told %q", name, b.String())
		}
	}
}

// However many wait at once, each is told with its id.
func TestActionsAreNoStorm(t *testing.T) {
	var in []incident.Event
	for _, kind := range actingKinds() {
		for i := range 9 {
			p := remediation()
			p.ID = fmt.Sprintf("%s%d", proposalOne[:27], i)
			in = append(in, incident.Event{ID: fmt.Sprint(kind, i), Kind: kind, At: t0, Proposal: p,
				Incident: &incident.Incident{ID: fmt.Sprint("lw-", i), Severity: incident.SeverityError},
				Decision: &incident.Decision{Outcome: incident.DecisionDeny, Simulated: i < 4}})
		}
	}
	left := map[incident.EventKind]int{}
	ids := map[string]bool{}
	for _, e := range Group(in, 5) {
		left[e.Kind]++
		if e.Kind == incident.EventWaiting {
			for _, a := range (viewer{redactTest}).view(e).answer {
				ids[a] = true
			}
		}
		if e.Kind == incident.EventStorm && strings.Contains(e.Text, "proposal") && e.Text != "9 incidents with a proposal that nobody has to answer; 4 decisions simulated only; 5 proposals refused" {
			t.Errorf("text %q", e.Text)
		}
	}
	for _, kind := range actingKinds() {
		want := 9
		if kind == incident.EventProposed || kind == incident.EventAdvice {
			want = 0
		}
		if left[kind] != want {
			t.Errorf("%d events of kind %s, want %d", left[kind], kind, want)
		}
	}
	if left[incident.EventStorm] != 2 || len(ids) != 18 {
		t.Errorf("%d storms, %d commands to answer with", left[incident.EventStorm], len(ids))
	}
}

// What is simulated says so, and what was really done does not, whatever mark its incident has.
func TestSimulatedSaysSo(t *testing.T) {
	for name, e := range actingCases() {
		if e.Incident != nil {
			inc := *e.Incident
			inc.Simulated = true
			e.Incident = &inc
		}
		got := plain(e, viewer{redactTest})
		simulated := e.Decision != nil && e.Decision.Simulated || e.Decision == nil && e.Kind == incident.EventAdvice
		if strings.Contains(got, simulatedMark[11:]) != simulated || strings.Contains(got, "Would have") != (simulated && e.Kind == incident.EventProposed) {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestArgv(t *testing.T) {
	v := viewer{redactTest}
	for _, tc := range []struct {
		in   []string
		want string
	}{
		{[]string{"systemctl", "restart", "worker@1.service"}, "systemctl restart worker@1.service"},
		{[]string{"a b", "", "c\"d", "$(x)", "*", "-e\n"}, `"a b" "" "c\"d" "$(x)" "*" "-e\n"`},
		{[]string{"curl", "-phunter2"}, `curl "-p[redacted]"`},
		{[]string{"\x1b[2J", "\u202e", "\xff"}, `"\x1b[2J" "\u202e" "\xff"`},
	} {
		if got := v.argv(tc.in, maxArgv); got != tc.want {
			t.Errorf("%q: %s, want %s", tc.in, got, tc.want)
		}
	}
	// A secret that spans two arguments, and one of several lines.
	pair := viewer{func(s string) string { return strings.ReplaceAll(s, "--password x", "--password [redacted]") }}
	if got := pair.argv([]string{"mysql", "--password", "x"}, maxArgv); got != "mysql --password [redacted]" {
		t.Errorf("got %s", got)
	}
	lines := viewer{func(s string) string { return strings.ReplaceAll(s, "BEGIN\nKEY", "[key]") }}
	if got := lines.argv([]string{"x", "BEGIN\nKEY"}, maxArgv); got != `x "[key]"` {
		t.Errorf("got %s", got)
	}
}

// A secret of several lines in what a command wrote is taken out as one.
func TestOutputIsRedactedWhole(t *testing.T) {
	const pem = "-----BEGIN KEY-----\nMIIB\n-----END KEY-----"
	v := viewer{func(s string) string { return strings.ReplaceAll(s, pem, "[key]") }}
	for in, want := range map[string]string{
		"a\n" + pem + "\nb\n": "a|[key]|b", "": "", "\n\n": "", "one": "one", "\n x": "x", "1\n2\n3\n4\n\n5\n6\n7\n": "2|3|4|5|6|7",
	} {
		if got := strings.Join(v.tail(in), "|"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzActing puts a stranger's text everywhere it can get, and holds the message to Slack's rules.
func FuzzActing(f *testing.F) {
	f.Add("*b* <!channel> \x1b[0m \u202e", uint8(3))
	f.Add(strings.Repeat("&<>", 500), uint8(40))
	f.Add("\xff\x00\r\n```", uint8(0))
	kinds := actingKinds()
	slices.Sort(kinds)
	f.Fuzz(func(t *testing.T, s string, n uint8) {
		e := hostileActing(kinds[int(n)%len(kinds)])
		e.Text, e.Incident.Title, e.Incident.Service, e.Proposal.ID, e.Proposal.Title, e.Proposal.Why = s, s, s, s, s, s
		c, r := e.Proposal.Change, e.Proposal.Remedy
		c.Files, c.Branch, c.Stopped, c.Explanation, c.Commit, c.Store = []string{s}, s, s, s, s, s
		c.Checks = []incident.Check{{Stage: s, Argv: []string{s, s}, Reason: s, Output: s}}
		r.Run, r.Check, r.Targets, r.Risk = []string{s, s}, []string{s}, []string{s}, s
		e.Decision.Rule, e.Decision.Reasons, e.Decision.Simulated = s, []string{s}, n%2 == 0
		e.Approval.Who, e.Approval.Why, e.Approval.Approved = s, s, n%3 == 0
		e.Action.Outcome.Detail, e.Action.Outcome.Output, e.Action.Outcome.Forge.URL = s, s, s
		e.Action.Verification.Reasons, e.Action.Verification.Expected = []string{s}, math.Inf(int(n)-20)
		v := viewer{redactTest}
		body, err := json.Marshal(message(e, v))
		if err != nil {
			t.Fatal(err)
		}
		if ps := fakeslack.Check(body); len(ps) > 0 {
			t.Fatalf("%q\n%s", ps, body)
		}
		if got := plain(e, v); incident.Printable(got) != got {
			t.Fatalf("not printable: %q", got)
		}
	})
}
