package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

func ids(is []incident.Incident) (out []string) {
	for _, i := range is {
		out = append(out, i.ID)
	}
	return out
}

func TestIncidentLife(t *testing.T) {
	clock := &fakeClock{t0}
	s := openAt(t, t.TempDir(), Options{Now: clock.now})
	ctx := t.Context()
	at := t0.Truncate(time.Microsecond)
	in := newIncident("lw-a.1")
	in.Template = nasty
	update(t, s, func(tx *Tx) error { return tx.OpenIncident(in) })
	if err := s.Update(ctx, func(tx *Tx) error { return tx.OpenIncident(in) }); !errors.Is(err, ErrExists) {
		t.Error(err)
	}
	clock.at = t0.Add(time.Minute)
	d := incident.Diagnosis{Summary: "s", Category: "network", Confidence: 0.5, Culprit: &incident.Culprit{File: nasty, Line: 3},
		Evidence: []incident.Evidence{{ID: "E1", Source: "f", Line: 4, Quote: nasty}}, FixKind: "restart", NextSteps: []string{"look"}, Source: "offline", At: at}
	update(t, s, func(tx *Tx) error {
		return errors.Join(
			tx.TouchIncident("lw-a.1", 41, t0.Add(time.Hour), incident.SeverityFatal),
			tx.TouchIncident("lw-a.1", 0, t0.Add(-time.Hour), incident.SeverityInfo),
			tx.Flag("lw-a.1", "looks like orders"), tx.Flag("lw-a.1", "a later reason"),
			tx.SetDiagnosis("lw-a.1", d, "api: the network"), tx.SetDiagnosis("lw-a.1", d, ""),
			tx.SetState("lw-a.1", incident.StateDiagnosed, "logwright", ""),
			tx.SetTrigger("lw-a.1", incident.TriggerSpike, &incident.Reason{Text: "far more", Observed: 7}),
			tx.TakeIn("lw-a.1", "lw-k", "the same trace id"),
		)
	})
	want := in
	want.Clusters, want.Title, want.Severity, want.State = []string{"lw-a", "lw-k"}, "api: the network", incident.SeverityFatal, incident.StateDiagnosed
	want.Reason = &incident.Reason{Text: "far more", Observed: 7}
	want.Trigger, want.Flagged, want.FlagReason, want.Events = incident.TriggerSpike, true, "looks like orders", 42
	want.FirstSeen, want.LastSeen, want.OpenedAt, want.UpdatedAt = at, at.Add(time.Hour), at, at.Add(time.Minute)
	want.Diagnosis, want.Samples = &d, []incident.Sample{}
	got, err := s.Incident(ctx, "lw-a.1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&want, got); d != "" {
		t.Error(d)
	}
	for name, fn := range map[string]func(tx *Tx) error{
		"TouchIncident": func(tx *Tx) error { return tx.TouchIncident("lw-z.1", 1, t0, 0) },
		"SetState":      func(tx *Tx) error { return tx.SetState("lw-z.1", incident.StateOpen, "", "") },
		"SetTrigger":    func(tx *Tx) error { return tx.SetTrigger("lw-z.1", incident.TriggerSpike, nil) },
		"Flag":          func(tx *Tx) error { return tx.Flag("lw-z.1", "") },
		"SetDiagnosis":  func(tx *Tx) error { return tx.SetDiagnosis("lw-z.1", d, "") },
		"TakeIn":        func(tx *Tx) error { return tx.TakeIn("lw-z.1", "lw-a", "") },
	} {
		if err := s.Update(ctx, fn); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of no incident: %v", name, err)
		}
	}
	var te *TransitionError
	update(t, s, func(tx *Tx) error { return tx.SetState("lw-a.1", incident.StateIgnored, "user:root", "noise") })
	err = s.Update(ctx, func(tx *Tx) error { return tx.SetState("lw-a.1", incident.StateResolved, "logwright", "") })
	if !errors.As(err, &te) || err.Error() != "incident lw-a.1 is ignored and can't become resolved" {
		t.Error(err)
	}
	for _, bad := range []func(*incident.Incident){
		func(i *incident.Incident) { i.ID = "nonsense" },
		func(i *incident.Incident) { i.Episode = 3 },
		func(i *incident.Incident) { i.Clusters = nil },
		func(i *incident.Incident) { i.Clusters = []string{"lw-other"} },
	} {
		i := newIncident("lw-q.1")
		bad(&i)
		if err := s.Update(ctx, func(tx *Tx) error { return tx.OpenIncident(i) }); err == nil {
			t.Errorf("took %+v", i)
		}
	}
}

func TestEpisodes(t *testing.T) {
	clock := &fakeClock{t0}
	s := openAt(t, t.TempDir(), Options{Now: clock.now})
	latest := func(cluster, want, wantRoot string, wantNext int) {
		t.Helper()
		update(t, s, func(tx *Tx) error {
			i, err := tx.LatestEpisode(cluster)
			if err != nil {
				return err
			}
			got := ""
			if i != nil {
				got = i.ID
			}
			root, next, err := tx.NextEpisode(cluster)
			if got != want || root != wantRoot || next != wantNext {
				t.Errorf("%s: latest %q, want %q; next %s.%d, want %s.%d", cluster, got, want, root, next, wantRoot, wantNext)
			}
			return err
		})
	}
	openID := func(id string, at time.Time) {
		t.Helper()
		i := newIncident(id)
		i.OpenedAt = at
		update(t, s, func(tx *Tx) error { return tx.OpenIncident(i) })
	}
	state := func(id string, to incident.State) {
		t.Helper()
		update(t, s, func(tx *Tx) error { return tx.SetState(id, to, "test", "") })
	}
	latest("lw-a", "", "lw-a", 1)
	openID("lw-a.1", t0)
	openID("lw-b.1", t0.Add(time.Minute))
	latest("lw-a", "lw-a.1", "lw-a", 2)
	state("lw-a.1", incident.StateResolved)
	openID("lw-a.2", t0.Add(2*time.Minute))
	latest("lw-a", "lw-a.2", "lw-a", 3)
	state("lw-a.2", incident.StateResolved)
	// b is merged into a: its open incident is now what stands for both, and the next episode is a's.
	update(t, s, func(tx *Tx) error { return tx.SaveClusters([]ClusterMemory{{ID: "lw-b", AliasOf: "lw-a"}}) })
	latest("lw-a", "lw-b.1", "lw-a", 3)
	latest("lw-b", "lw-b.1", "lw-a", 3)
	state("lw-b.1", incident.StateIgnored)
	latest("lw-a", "lw-a.2", "lw-a", 3)
	// A cluster taken in by correlation is stood for by that incident.
	update(t, s, func(tx *Tx) error { return tx.TakeIn("lw-a.2", "lw-k", "oom") })
	latest("lw-k", "lw-a.2", "lw-k", 1)
}

func TestIncidentsOrderAndFilter(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	add := func(id string, sev incident.Severity, events int64, last time.Time, service string, state incident.State) {
		i := newIncident(id)
		i.Severity, i.Events, i.LastSeen, i.Service, i.State = sev, events, last, service, state
		update(t, s, func(tx *Tx) error { return tx.OpenIncident(i) })
	}
	add("lw-a.1", incident.SeverityFatal, 1000, t0, "api", incident.StateResolved)
	add("lw-b.1", incident.SeverityWarning, 5000, t0, "api", incident.StateOpen)
	add("lw-c.1", incident.SeverityError, 10, t0, "web", incident.StateDiagnosed)
	add("lw-d.1", incident.SeverityError, 20, t0, "api", incident.StateOpen)
	add("lw-e.1", incident.SeverityError, 10, t0.Add(time.Hour), "api", incident.StateOpen)
	add("lw-f.1", incident.SeverityError, 10, t0, "api", incident.StateIgnored)
	update(t, s, func(tx *Tx) error { return tx.SaveClusters([]ClusterMemory{{ID: "lw-d", AliasOf: "lw-c"}}) })
	for _, tc := range []struct {
		name string
		f    Filter
		want []string
	}{
		{"all", Filter{}, []string{"lw-d.1", "lw-e.1", "lw-c.1", "lw-b.1", "lw-a.1", "lw-f.1"}},
		{"limit", Filter{Limit: 2}, []string{"lw-d.1", "lw-e.1"}},
		{"states", Filter{States: []incident.State{incident.StateDiagnosed, incident.StateIgnored}}, []string{"lw-c.1", "lw-f.1"}},
		{"service", Filter{Service: "web"}, []string{"lw-c.1"}},
		{"cluster, through its alias", Filter{Cluster: "lw-d"}, []string{"lw-d.1", "lw-c.1"}},
		{"since", Filter{Since: t0.Add(time.Minute)}, []string{"lw-e.1"}},
		{"text that is no SQL", Filter{Service: "' OR 1=1 --"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := s.Incidents(ctx, tc.f)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, ids(got)); d != "" {
				t.Error(d)
			}
			update(t, s, func(tx *Tx) error {
				in, err := tx.Incidents(tc.f)
				if d := cmp.Diff(got, in); d != "" {
					t.Error(d)
				}
				return err
			})
		})
	}
}

// What SQL says of states is what the vocabulary says.
func TestStatesInSQL(t *testing.T) {
	in := func(list string, state string) bool { return strings.Contains(list, "'"+state+"'") }
	for _, st := range incident.States() {
		if in(unfinished, string(st)) != st.Unfinished() || in(finished, string(st)) == st.Unfinished() {
			t.Errorf("%s: unfinished %s, finished %s", st, unfinished, finished)
		}
	}
	for _, st := range incident.ProposalStates() {
		if in(finalProposal, string(st)) != st.Final() {
			t.Errorf("%s: %s", st, finalProposal)
		}
	}
	s, clock := withIncidents(t)
	var unfinishedIDs, allIDs []string
	for n, st := range incident.States() {
		i := newIncident(fmt.Sprintf("lw-s%d.1", n))
		i.State, i.Title = st, string(st)
		update(t, s, func(tx *Tx) error { return tx.OpenIncident(i) })
		clock.at = clock.at.Add(time.Second)
		if allIDs = append(allIDs, i.ID); st.Unfinished() && st != incident.StateActing {
			unfinishedIDs = append(unfinishedIDs, i.ID)
		}
	}
	silent, err := s.Silent(t.Context(), clock.at)
	if err != nil {
		t.Fatal(err)
	}
	want(t, silent, unfinishedIDs...)
	update(t, s, func(tx *Tx) error {
		per, err := tx.Unfinished()
		if d := cmp.Diff(map[string]int{"api": len(incident.UnfinishedStates())}, per); d != "" {
			t.Error(d)
		}
		return err
	})
	is, err := s.Incidents(t.Context(), Filter{})
	if err != nil || len(is) != len(allIDs) {
		t.Fatal(is, err)
	}
	for k, i := range is {
		if i.State.Unfinished() != (k < len(incident.UnfinishedStates())) {
			t.Errorf("%s is number %d in the list", i.State, k)
		}
	}
}

func TestMarkSimulated(t *testing.T) {
	s, clock := withIncidents(t, "lw-a.1")
	mark := func(on bool, wantUpdated time.Time) {
		t.Helper()
		update(t, s, func(tx *Tx) error { return tx.MarkSimulated("lw-a.1", on) })
		i, err := s.Incident(t.Context(), "lw-a.1")
		if err != nil || i.Simulated != on || !i.UpdatedAt.Equal(micro(wantUpdated)) {
			t.Errorf("%+v, %v", i, err)
		}
	}
	clock.at = t0.Add(time.Minute)
	mark(false, t0)
	mark(true, clock.at)
	first := clock.at
	clock.at = t0.Add(time.Hour)
	mark(true, first)
	mark(false, clock.at)
	if err := s.Update(t.Context(), func(tx *Tx) error { return tx.MarkSimulated("lw-z.1", true) }); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

func TestIncidentByWhatIsTyped(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	for n, id := range []string{"lw-2fa7k3q9xw5m.1", "lw-2fa7k3q9xw5m.2", "lw-2fzzzzzzzzzz.1", "lw-qqqqqqqqqqqq.1"} {
		i := newIncident(id)
		i.OpenedAt = t0.Add(time.Duration(n) * time.Minute)
		update(t, s, func(tx *Tx) error { return tx.OpenIncident(i) })
	}
	update(t, s, func(tx *Tx) error {
		return tx.SaveClusters([]ClusterMemory{{ID: "lw-mmmmmmmmmmmm", AliasOf: "lw-qqqqqqqqqqqq"}})
	})
	for _, tc := range []struct{ in, want, err string }{
		{"lw-2fa7k3q9xw5m.1", "lw-2fa7k3q9xw5m.1", ""},
		{"2fa7k3q9xw5m.1", "lw-2fa7k3q9xw5m.1", ""},
		{" LW-QQ ", "lw-qqqqqqqqqqqq.1", ""},
		{"2fa", "lw-2fa7k3q9xw5m.2", ""},
		{"lw-2fa7k3q9xw5m", "lw-2fa7k3q9xw5m.2", ""},
		{"lw-mmmmmmmmmmmm", "lw-qqqqqqqqqqqq.1", ""},
		{"lw-2fa7k3q9xw5m.", "", `"lw-2fa7k3q9xw5m." is the beginning of several incidents: lw-2fa7k3q9xw5m.2, lw-2fa7k3q9xw5m.1`},
		{"2f", "", `"2f" is the beginning of several incidents: lw-2fzzzzzzzzzz.1, lw-2fa7k3q9xw5m.2, lw-2fa7k3q9xw5m.1`},
		{"lw-2fa7k3q9xw5n.1", "", `no incident "lw-2fa7k3q9xw5n.1"; near it: lw-2fa7k3q9xw5m.1, lw-2fa7k3q9xw5m.2, lw-2fzzzzzzzzzz.1, lw-qqqqqqqqqqqq.1`},
		{"", "", `no incident ""; near it: lw-qqqqqqqqqqqq.1, lw-2fzzzzzzzzzz.1, lw-2fa7k3q9xw5m.2, lw-2fa7k3q9xw5m.1`},
	} {
		got, err := s.Incident(ctx, tc.in)
		switch {
		case tc.err != "":
			if !errors.Is(err, ErrNotFound) || err.Error() != tc.err {
				t.Errorf("%q: %v\nwant %s", tc.in, err, tc.err)
			}
		case err != nil || got.ID != tc.want:
			t.Errorf("%q: %v, %v, want %s", tc.in, got, err, tc.want)
		}
	}
}
