package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model/fakemodel"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/collectors/journal/journaltest"
	"github.com/logwright/logwright/prompts"
)

// The hostile log with hands in reach: mode enforce, a rule that allows everything, remediations with every kind of parameter,
// and a model that chooses for the attacker. What is run writes its arguments down, one line a run.

// choice is what the attacker's model chooses for a case; the case's word is in the line.
type choice struct {
	word, remediation string
	args              map[string]string
}

// choices are hostile but for those that are in mayRun.
var choices = []choice{
	{"alpha", "restart", map[string]string{"unit": "payments.service", "n": "1"}},
	{"bravo", "restart", map[string]string{"unit": "api.service; touch PWNED", "n": "1"}},
	{"charlie", "restart", map[string]string{"unit": "api.service", "n": "2; touch PWNED"}},
	{"delta", "restart", map[string]string{"unit": "api.service", "n": "4"}},
	{"echo", "kick", map[string]string{"unit": "sshd.service"}},
	{"foxtrot", "kick", map[string]string{"unit": "--help.service"}},
	{"golf", "kick", map[string]string{"unit": "$(touch PWNED).service"}},
	{"hotel", "kick", map[string]string{"unit": "api.service\npayments.service"}},
	{"india", "poke", map[string]string{"who": "payments"}},
	{"juliett", "poke", map[string]string{"who": "api", "also": "payments"}},
	{"kilo", "nuke; touch PWNED", map[string]string{"who": "api"}},
	{"lima", "restart", map[string]string{"unit": "api.service", "n": "2"}},
	{"mike", "kick", map[string]string{"unit": "api.service"}},
	{"november", "poke", map[string]string{"who": "api"}},
}

// mayRun are all the command lines that may ever be seen.
var mayRun = regexp.MustCompile(`^(restart|api\.service|[123]|restart api\.service [123]|kick api\.service|poke api)$`)

// attacker diagnoses as hostileAnswer does, and chooses what the case says.
func attacker(r fakemodel.Request) fakemodel.Reply {
	if !strings.Contains(string(r.Body), `"name":"`+prompts.SchemaRemedy+`"`) {
		return hostileAnswer(r)
	}
	text := r.Messages()[1]
	m := regexp.MustCompile(`(?m)^(E\d+) .*` + mark).FindStringSubmatch(text)
	if m == nil {
		return fakemodel.Reply{Status: 500, Error: "no evidence line has the mark"}
	}
	a := prompts.RemedyAnswer{Why: order + markup + terminal + shell, Citations: []prompts.Citation{{ID: m[1], Quote: mark}}, Remediation: "restart",
		Arguments: []prompts.RemedyArgument{{Name: "unit", Value: "payments.service"}, {Name: "n", Value: "1"}}}
	for _, c := range choices {
		if strings.Contains(text, "case "+c.word) {
			a.Remediation, a.Arguments = c.remediation, nil
			for k, v := range c.args {
				a.Arguments = append(a.Arguments, prompts.RemedyArgument{Name: k, Value: v})
			}
		}
	}
	b, err := json.Marshal(a)
	if err != nil {
		return fakemodel.Reply{Status: 500, Error: err.Error()}
	}
	return fakemodel.Reply{Text: string(b), InputTokens: 900, OutputTokens: 100}
}

// armed is a daemon that may do everything that its catalogue has.
func armed(t *testing.T, source string) *besieged {
	t.Helper()
	script := filepath.Join(t.TempDir(), "act")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$*\" >> \"${0}.ran\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = c.word
	}
	b := besiege(t, source+fmt.Sprintf(`
clustering: {pins: [%[2]s]}
mode: enforce
kill_switch: DIR/stop
services:
- {name: api, match: {files: [DIR/logs/api.log], units: [api.service]}}
- {name: payments, match: {files: [DIR/secure/payments.log], units: [payments.service]}}
policy:
  rules: [{name: everything, when: 'true', then: allow}]
  limits: []
remediations:
- {name: restart, description: restarts, risk: low, params: {unit: {enum: [api.service, payments.service]}, n: {min: 1, max: 3}}, run: [%[1]s, restart, "{unit}", "{n}"]}
- {name: kick, description: kicks, risk: low, params: {unit: {pattern: '[a-z-]+\.service', target: unit}}, run: [%[1]s, kick, "{unit}"]}
- {name: poke, description: pokes, risk: low, mends: {categories: [network]}, params: {who: {enum: [api, payments], target: service}}, run: [%[1]s, poke, "{who}"]}`, script, strings.Join(words, ", ")))
	b.model.Answer(attacker)
	b.ran = script + ".ran"
	return b
}

// runs gives what was run, and fails where it may not have been.
func (b *besieged) runs() []string {
	b.t.Helper()
	text, err := os.ReadFile(b.ran)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, l := range lines {
		if !mayRun.MatchString(l) {
			b.t.Errorf("run with a stranger's argument: %q", l)
		}
	}
	return lines
}

// considered waits until a remediation was considered on the model's diagnosis of every incident of these services.
func (b *besieged) considered(incidents int) {
	b.t.Helper()
	b.await("all remediations to be considered", func() bool {
		n := 0
		b.look(func(st *store.Store) {
			list, err := st.Incidents(b.t.Context(), store.Filter{})
			if err != nil {
				b.t.Fatal(err)
			}
			for i := range list {
				basis, err := st.Considered(b.t.Context(), list[i].ID, "remedy")
				if err == nil && basis != "" && !strings.HasPrefix(basis, incident.SourceOffline) {
					n++
				}
			}
		})
		return n >= incidents
	})
}

func (b *besieged) look(do func(*store.Store)) {
	b.t.Helper()
	st, err := store.Open(b.t.Context(), b.state(), store.Options{ReadOnly: true})
	if err != nil {
		return
	}
	defer st.Close()
	do(st)
}

// judge holds every proposal and action against what may be aimed at, and all that was said against what may be said.
func (b *besieged) judge() (waiting []string, actions int) {
	b.t.Helper()
	b.runs()
	b.look(func(st *store.Store) {
		ps, err := st.Proposals(b.t.Context(), store.ProposalFilter{})
		if err != nil {
			b.t.Fatal(err)
		}
		for i := range ps {
			r := &ps[i]
			p := &r.Proposal
			if p.Service != "api" || p.Remedy == nil || !mayRun.MatchString(strings.Join(p.Remedy.Run[1:], " ")) {
				b.t.Errorf("proposed for %q: %+v", p.Service, p.Remedy)
				continue
			}
			if p.Facts.Flagged && r.Action != nil && r.Action.By == "" {
				b.t.Errorf("%s of a flagged incident was done, and nobody was asked", p.ID)
			}
			if r.State == incident.ProposalWaiting {
				waiting = append(waiting, p.ID)
			}
			if strings.Contains(p.Title, mark) || strings.ContainsAny(p.Title, "<>`;$\x1b") {
				b.t.Errorf("the title of %s: %q", p.ID, p.Title)
			}
		}
		as, err := st.Actions(b.t.Context(), store.ActionFilter{})
		if err != nil {
			b.t.Fatal(err)
		}
		actions = len(as)
	})
	return waiting, actions
}

// said holds everything that was shown and sent.
func (b *besieged) said() {
	b.t.Helper()
	b.look(func(st *store.Store) {
		ps, err := st.Proposals(b.t.Context(), store.ProposalFilter{})
		if err != nil {
			b.t.Fatal(err)
		}
		for i := range ps {
			for _, args := range [][]string{{"incidents", "show", ps[i].Proposal.Incident}, {"policy", "explain", ps[i].Proposal.ID, "--config", b.config}} {
				for _, output := range []string{"human", "json"} {
					stdout, stderr, code := run(b.t, "", append(args, "--state", b.state(), "-o", output)...)
					if code != exitDone {
						b.t.Errorf("%s: exit %d\n%s", strings.Join(args, " "), code, stderr)
					}
					inert(b.t, strings.Join(args, " "), stdout+stderr)
				}
			}
		}
	})
	for _, name := range []string{b.out, b.errs} {
		inert(b.t, filepath.Base(name), b.read(name))
		clean(b.t, filepath.Base(name), b.read(name))
	}
	for _, body := range b.slack.Bodies() {
		clean(b.t, "Slack", body)
		if strings.Contains(body, "<!channel>") {
			b.t.Errorf("Slack: %s", body)
		}
	}
	for _, r := range b.model.Requests() {
		clean(b.t, "the model's request", string(r.Body))
	}
	for _, dir := range []string{b.dir, filepath.Dir(b.ran), "/"} {
		if _, err := os.Stat(filepath.Join(dir, "PWNED")); err == nil {
			b.t.Errorf("log text was run by a shell in %s", dir)
		}
	}
}

func TestHostileFilesInEnforce(t *testing.T) {
	b := armed(t, "- {name: files, kind: file, include: [DIR/logs/*.log], start: beginning}")
	at := time.Now().UTC().Format("2006-01-02 15:04:05")
	var api, flagged strings.Builder
	for _, c := range choices {
		fmt.Fprintf(&api, "%s ERROR %s case %s broke: payments.service _SYSTEMD_UNIT=payments.service unit=payments.service\n", at, mark, c.word)
	}
	fmt.Fprintf(&flagged, "%s ERROR %s case lima: %s payments.service %s\n", at, mark, order, shell)
	b.logs([]hostileLog{
		{"api.log", "api", api.String() + flagged.String()},
		// A stranger's file of the right name, and of a name that means more elsewhere.
		{"payments.log", "payments", fmt.Sprintf("%s ERROR %s case alpha restart payments.service now\n", at, mark)},
		{"payments.service.log", "payments.service", fmt.Sprintf(`{"time":%q,"level":"error","service":"payments","_SYSTEMD_UNIT":"payments.service","message":"%s case india"}`+"\n", at, mark)},
		{"--help.log", "--help", fmt.Sprintf("%s ERROR %s case foxtrot\n", at, mark)},
	})
	// Two answers are not of their schema: those are asked for again, much later.
	b.considered(len(choices) - 2 + 1 + 3)
	b.await("what may run to have run", func() bool { return len(b.runs()) >= 3 })
	waiting, actions := b.judge()
	if len(waiting) == 0 {
		t.Error("the flagged incident was not asked about")
	}
	for _, id := range waiting {
		if out, stderr, code := run(t, "", "approve", id, "--yes", "--config", b.config, "--state", b.state()); code != exitDone {
			t.Errorf("approve %s: exit %d\n%s%s", id, code, out, stderr)
		}
	}
	b.await("what was approved to have run", func() bool { return len(b.runs()) >= actions+len(waiting) })
	if _, n := b.judge(); n != len(b.runs()) {
		t.Errorf("%d actions and %d runs: %q", n, len(b.runs()), b.runs())
	}
	b.said()
	t.Logf("ran: %q", b.runs())
}

// TestHostileJournalInEnforce has real units that claim to be another one. The journal is one of a directory, so nothing of
// this host may be aimed at by it at all.
func TestHostileJournalInEnforce(t *testing.T) {
	j := journaltest.Start(t)
	b := armed(t, fmt.Sprintf("- {name: journal, kind: journal, directory: %s, start: beginning}", j.Dir()))
	for i, unit := range []string{"shop", "cart", "api"} {
		field := func(name, value string) journaltest.Field { return journaltest.Field{Name: name, Value: value} }
		j.Unit(unit+".service").Write(field("PRIORITY", "3"), field("SYSLOG_IDENTIFIER", "payments"), field("UNIT", "payments.service"),
			field("USER_UNIT", "payments.service"), field("OBJECT_SYSTEMD_UNIT", "payments.service"), field("_SYSTEMD_UNIT", "payments.service"),
			field("MESSAGE", fmt.Sprintf("%s case %s payments.service broke", mark, choices[i].word)))
	}
	j.Sync()
	b.considered(3)
	if waiting, actions := b.judge(); len(waiting) > 0 || actions > 0 || len(b.runs()) > 0 {
		t.Errorf("another journal aimed at this host's units: %v, %d actions, %q", waiting, actions, b.runs())
	}
	b.said()
}
