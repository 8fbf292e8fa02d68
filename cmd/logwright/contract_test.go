package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// run runs a command line in this process.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = execute(t.Context(), args, streams{in: strings.NewReader(stdin), out: &out, err: &errs})
	return out.String(), errs.String(), code
}

// fits fails the test where doc does not fit the published schema of that name.
func fits(t *testing.T, schema, doc string) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join("..", "..", "docs", "schemas", schema+".json"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		t.Fatalf("%s: %v\n%s", schema, err, doc)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, doc)
	}
}

const contractLog = `2026-03-01 10:00:00,000 INFO  [main] app - started
2026-03-01 10:00:01,000 ERROR [http-1] app - dial tcp 10.0.0.5:5432: connect: connection refused
2026-03-01 10:00:02,000 ERROR [http-2] app - request failed
Traceback (most recent call last):
  File "/srv/app/views.py", line 10, in show
    return items[key]
KeyError: 'a'
no header at all
`

func TestOutputsFitTheirSchemas(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "app.log")
	if err := os.WriteFile(log, []byte(contractLog), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := run(t, "", "diagnose", "-o", "json", log)
	if code != exitDone {
		t.Fatalf("diagnose: exit %d\n%s", code, errs)
	}
	fits(t, "diagnose-1", out)
	var doc diagnoseDocument
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Incidents) != 2 {
		t.Errorf("%d incidents, want 2\n%s", len(doc.Incidents), out)
	}

	out, errs, code = run(t, "", "explain", "-o", "json", log)
	if code != exitDone {
		t.Fatalf("explain: exit %d\n%s", code, errs)
	}
	stepsFit(t, log, out)
	covered := map[int64]bool{}
	for line := range strings.Lines(out) {
		fits(t, "explain-1", line)
		var e explainDocument
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		for n := e.FirstLine; n <= e.LastLine; n++ {
			if covered[n] {
				t.Errorf("line %d is in two events", n)
			}
			covered[n] = true
		}
	}
	for n := int64(1); n <= int64(strings.Count(contractLog, "\n")); n++ {
		if !covered[n] {
			t.Errorf("line %d is in no event", n)
		}
	}

	out, errs, code = run(t, "", "prompt", "all", log, "-o", "json")
	if code != exitDone {
		t.Fatalf("prompt: exit %d\n%s", code, errs)
	}
	d := json.NewDecoder(strings.NewReader(out))
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		fits(t, "prompt-1", string(raw))
	}
}

// stepsFit: with --steps each event is what it was without, and says how it came about; with --failures only some are there.
func stepsFit(t *testing.T, log, plain string) {
	t.Helper()
	lines := strings.SplitAfter(plain, "\n")
	for _, flag := range []string{"--steps", "-v", "--failures"} {
		out, errs, code := run(t, "", "explain", "-o", "json", flag, log)
		if code != exitDone {
			t.Fatalf("explain %s: exit %d\n%s", flag, code, errs)
		}
		n := 0
		for line := range strings.Lines(out) {
			fits(t, "explain-1", line)
			var e explainDocument
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			if len(e.Steps) < 6 {
				t.Errorf("%s: %d steps: %s", flag, len(e.Steps), line)
			}
			e.Steps = nil
			var b bytes.Buffer
			if err := newJSON(&b).Encode(e); err != nil {
				t.Fatal(err)
			}
			for flag == "--failures" && n < len(lines)-1 && lines[n] != b.String() {
				n++
			}
			if n >= len(lines) || lines[n] != b.String() {
				t.Fatalf("%s changes the event:\n%s", flag, b.String())
			}
			n++
		}
		if flag != "--failures" && n != strings.Count(plain, "\n") {
			t.Errorf("%s: %d events of %d", flag, n, strings.Count(plain, "\n"))
		}
		if flag == "--failures" && !strings.Contains(errs, "loosely joined: 1") {
			t.Errorf("no count: %s", errs)
		}
	}
}
