package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

func TestCodec(t *testing.T) {
	for _, s := range []string{"", "plain", nasty, escape, escape + "--", escape + "ff", "\xff", "\ufffd", `\ufffd`, strings.Repeat("\xe2\x28", 100)} {
		b, err := encode(incident.Event{ID: s, Text: s, Incident: &incident.Incident{Clusters: []string{s}}})
		if err != nil {
			t.Fatal(err)
		}
		var got incident.Event
		if err := decode(b, &got); err != nil || got.Text != s || got.ID != s || got.Incident.Clusters[0] != s {
			t.Errorf("%q came back as %q (%s), %v", s, got.Text, b, err)
		}
	}
	if b, err := encode("plain \ufffd"); err != nil || string(b) != "\"plain \ufffd\"" {
		t.Errorf("plain text is not kept as it is: %s, %v", b, err)
	}
}

func FuzzCodec(f *testing.F) {
	f.Add("plain", nasty, int64(0))
	f.Add(escape, escape+"--", int64(1<<40))
	f.Add("\xf4\x8f\xbf", "\xbf"+escape+"f", int64(-1))
	f.Fuzz(func(t *testing.T, a, b string, sec int64) {
		in := incident.Sample{Cluster: a, Record: incident.Record{Message: b, Raw: a + b, Severity: incident.SeverityError, Time: jsonTime(time.Unix(sec, 0)),
			Trusted: map[string]string{a: b, b: a}, Frames: []incident.Frame{{File: b}}}, Before: []incident.Context{{Text: b + a}}}
		body, err := encode(in)
		if err != nil {
			t.Fatal(err)
		}
		var out incident.Sample
		if err := decode(body, &out); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(in, out); d != "" {
			t.Error(d)
		}
	})
}

// What is in the database may be anything, if the disk is bad: reading it must give an error and nothing worse.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"cluster":"lw-a","Record":{"Message":"` + escape + `ff` + escape + `--` + escape + `"}}`))
	f.Add([]byte(`{"incident":{"diagnosis":null,"samples":[{}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{new(incident.Sample), new(incident.Event), new(incident.Diagnosis)} {
			if decode(b, v) == nil {
				if _, err := encode(v); err != nil && !strings.Contains(err.Error(), "year") {
					t.Error(err)
				}
			}
		}
	})
}
