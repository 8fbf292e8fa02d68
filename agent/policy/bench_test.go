package policy

import (
	"fmt"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// BenchmarkDecide has 20 rules, of which the last decides, the default limits, and 200 actions to count.
func BenchmarkDecide(b *testing.B) {
	c := DefaultConfig()
	for i := range 19 {
		c.Rules = append(c.Rules, Rule{Name: fmt.Sprintf("r%d", i), When: fmt.Sprintf(`service == "s%d" && verified && any(files, # startsWith "db/")`, i), Then: "ask"})
	}
	c.Rules = append(c.Rules, Rule{Name: "last", When: `kind == "pull-request"`, Then: "allow", Windows: []string{"Mon-Fri 09:00-17:00"}})
	p := must(b, c, ModeEnforce)
	pr := pullRequest()
	var h History
	for i := range 200 {
		h.Actions = append(h.Actions, other(pr, fmt.Sprint(i), noon.Add(-time.Duration(i)*time.Hour), incident.ResultFailed))
	}
	b.ReportAllocs()
	for b.Loop() {
		if d := p.Decide(noon, pr, h).Decision(); d.Rule != "last" {
			b.Fatal(d)
		}
	}
}
