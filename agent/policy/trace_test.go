package policy

import (
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

func TestTrace(t *testing.T) {
	c := config(
		Rule{Name: "none", When: "verified", Then: "allow"},
		Rule{Name: "night", When: `kind == "remediation"`, Then: "allow", Windows: []string{"22:00-06:00", "11:00-13:00"}, Limit: Limit{Per: PerRule, Count: 1, Within: time.Hour}},
		Rule{Name: "broken", When: "1 % added == 0", Then: "allow"},
		Rule{Name: "rest", When: "true", Then: "deny", Mode: ModeObserve},
	)
	c.Limits = []Limit{{Per: PerAll, Cooldown: time.Hour}}
	c.OpenPullRequests = 0
	p := must(t, c, ModeEnforce)
	rem := remediation()
	ts := p.Trace(noon, rem, History{Actions: []incident.Action{other(rem, "1", noon.Add(-time.Minute), incident.ResultDone)}})
	golden(t, "trace.golden", encode(t, ts))

	pr := pullRequest()
	ts = p.Trace(noon, pr, History{})
	if len(ts) != 4 || !ts[0].Decides || len(ts[0].PullRequests) != 1 || ts[1].Matched {
		t.Errorf("%+v", ts)
	}
	ts = p.Trace(noon, pr, History{Stopped: "by ana"})
	for _, r := range ts {
		if r.Decides {
			t.Errorf("while stopped: %+v", r)
		}
	}
}

// What Trace says decides is what Decide names.
func TestTraceAgreesWithDecide(t *testing.T) {
	for seed := range uint64(60) {
		w := newWorld(seed)
		for range 40 {
			w.step()
			pr := *w.one()
			h := w.history(pr.ID)
			d := w.policy.Decide(w.now, pr, h).Decision()
			name := ""
			for _, r := range w.policy.Trace(w.now, pr, h) {
				if r.Decides {
					name = r.Name
					if r.Simulated != d.Simulated {
						t.Errorf("seed %d: %+v and %+v", seed, r, d)
					}
				}
			}
			if name != d.Rule {
				t.Fatalf("seed %d: %q decides, Decide says %q", seed, name, d.Rule)
			}
		}
	}
}
