package cluster

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

// TestReasons compares what people are told of each trigger with testdata/reasons.golden.
func TestReasons(t *testing.T) {
	const e, w = incident.SeverityError, incident.SeverityWarning
	var b strings.Builder
	for _, tc := range []struct {
		name string
		r    *incident.Reason
	}{
		{"spike", Spike{From: noon, Window: spikeWindow, Count: 12340, Baseline: 11.7, Threshold: 60.8}.Reason()},
		{"spike of what hardly came", Spike{From: noon, Window: spikeWindow, Count: 21, Threshold: 20}.Reason()},
		{"spike of what came once", Spike{From: noon, Window: spikeWindow, Count: 21, Baseline: 1, Threshold: 20}.Reason()},
		{"spike of what came now and then", Spike{From: noon, Window: spikeWindow, Count: 21, Baseline: 2.25, Threshold: 20}.Reason()},
		{"mix", Share{From: noon, Window: 15 * time.Minute, Count: 412, Of: 3200, Baseline: 0.021, Threshold: 0.0733, Known: true}.MixReason()},
		{"requests", Share{From: noon, Window: spikeWindow, Count: 37, Of: 1200, Baseline: 0.0008, Threshold: 0.01, Known: true}.RequestReason()},
		{"requests, all of them", Share{From: noon, Window: spikeWindow, Count: 7, Of: 7, Baseline: 0, Threshold: 0.01, Known: true}.RequestReason()},
		{"requests, nothing known", Share{From: noon, Window: spikeWindow, Count: 6, Of: 40, Threshold: 0.01}.RequestReason()},
		{"requests, very few of very many", Share{From: noon, Window: spikeWindow, Count: 300, Of: 400000, Baseline: 0.00002, Threshold: 0.0005, Known: true}.RequestReason()},
		{"new", NewReason(noon, e, e)},
		{"new, of an unknown time", NewReason(time.Time{}, incident.SeverityFatal, w)},
		{"returned", ReturnedReason(noon.Add(27*time.Hour+time.Minute), noon)},
		{"returned, late", ReturnedReason(noon.Add(-time.Second), noon)},
		{"silence", Silence{Service: "api", Last: noon, Since: noon, Allowed: 10 * time.Minute}.Reason(noon.Add(10*time.Minute + 3*time.Second))},
		{"silence from the start", Silence{Service: "api", Since: noon, Allowed: 90 * time.Minute}.Reason(noon.Add(2 * time.Hour))},
	} {
		data, err := json.Marshal(tc.r)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString(tc.name + "\n  " + tc.r.Text + "\n  " + string(data) + "\n")
	}
	const golden = "testdata/reasons.golden"
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
