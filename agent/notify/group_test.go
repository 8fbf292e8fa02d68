package notify

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/logwright/logwright/agent/incident"
)

func eventOf(id string, kind incident.EventKind, inc string, sev incident.Severity, n int64) incident.Event {
	e := incident.Event{ID: id, Kind: kind, At: t0}
	if inc != "" {
		e.Incident = &incident.Incident{ID: inc, Severity: sev, Events: n, FirstSeen: t0}
	}
	return e
}

// shape writes events as "kind(incident …)".
func shape(events []incident.Event) []string {
	var out []string
	for _, e := range events {
		s := string(e.Kind)
		var in []string
		if e.Incident != nil {
			in = append(in, e.Incident.ID)
		}
		for _, g := range e.Grouped {
			in = append(in, g.ID)
		}
		out = append(out, fmt.Sprint(s, in))
	}
	return out
}

func TestGroup(t *testing.T) {
	const o, d, r, s, g = incident.EventOpened, incident.EventDiagnosed, incident.EventResolved, incident.EventStorm, incident.EventGap
	e, f := incident.SeverityError, incident.SeverityFatal
	opened3 := []incident.Event{eventOf("1", o, "a", e, 1), eventOf("2", o, "b", f, 1), eventOf("3", o, "c", e, 9)}
	for _, tc := range []struct {
		name string
		in   []incident.Event
		max  int
		want []string
	}{
		{"nothing", nil, 2, nil},
		{"few pass as they are", opened3, 3, []string{"opened[a]", "opened[b]", "opened[c]"}},
		{"more become a storm, worst first", opened3, 2, []string{"storm[b c a]"}},
		{"off", opened3, 0, []string{"opened[a]", "opened[b]", "opened[c]"}},
		{
			"kinds stay apart", append(slices.Clone(opened3), eventOf("4", r, "x", e, 1), eventOf("5", r, "y", e, 1)), 2,
			[]string{"storm[b c a]", "resolved[x]", "resolved[y]"},
		},
		{
			"opened comes before what follows from it",
			[]incident.Event{
				eventOf("1", o, "a", e, 3), eventOf("2", d, "a", e, 3), eventOf("3", o, "b", e, 2), eventOf("4", d, "b", e, 2), eventOf("5", g, "", e, 0),
			}, 1,
			[]string{"storm[a b]", "storm[a b]", "gap[]"},
		},
		{
			"one incident told of twice counts once",
			[]incident.Event{eventOf("1", incident.EventSpike, "a", e, 3), eventOf("2", incident.EventSpike, "a", e, 7), eventOf("3", incident.EventSpike, "b", e, 5)}, 2,
			[]string{"storm[a b]"},
		},
		{"storms pass", []incident.Event{eventOf("1", s, "a", e, 1), eventOf("2", s, "b", e, 1)}, 1, []string{"storm[a]", "storm[b]"}},
		{"gaps too", []incident.Event{eventOf("1", g, "", e, 0), eventOf("2", g, "", e, 0)}, 1, []string{"storm[]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := shape(tc.in)
			got := Group(tc.in, tc.max)
			if diff := cmp.Diff(tc.want, shape(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(before, shape(tc.in)); diff != "" {
				t.Errorf("the input was changed: %s", diff)
			}
		})
	}
}

// TestGapStorm: what a stranger may have named stays out of the headline.
func TestGapStorm(t *testing.T) {
	var in []incident.Event
	for i := range 3 {
		e := eventOf(fmt.Sprint("id", i), incident.EventGap, "", 0, 0)
		e.Text = fmt.Sprintf("/var/log/<!channel>%d.log was cut", i)
		in = append(in, e)
	}
	w := viewer{redactTest}.view(Group(in, 2)[0])
	if w.headline != "Storm: 3 gaps, where logs may be missing" || w.says != "one of them: /var/log/<!channel>0.log was cut" {
		t.Errorf("got %+v", w)
	}
}

func TestGroupIsDeterministic(t *testing.T) {
	var in []incident.Event
	for i := range 9 {
		e := eventOf(fmt.Sprint("id", i), incident.EventOpened, fmt.Sprint("lw-", i), incident.SeverityError, int64(i%2))
		e.At = t0.Add(time.Duration(i) * time.Second)
		e.Resend = i == 4
		in = append(in, e)
	}
	a := Group(in, 3)
	slices.Reverse(in)
	b := Group(in, 3)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("order matters: %s", diff)
	}
	if len(a) != 1 || !a[0].Resend || !a[0].At.Equal(t0.Add(8*time.Second)) || a[0].Text != "9 incidents opened" {
		t.Errorf("got %+v", a)
	}
	id, err := ulid.ParseStrict(a[0].ID)
	if err != nil || id.Time() != uint64(a[0].At.UnixMilli()) {
		t.Errorf("id %q: %v", a[0].ID, err)
	}
	if other := Group(in[1:], 3); other[0].ID == a[0].ID {
		t.Error("other events, same id")
	}
}
