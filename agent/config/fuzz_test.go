package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/warn/*.yaml", "../../agent.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("agent.yaml", data, Options{Env: testEnv, Daemon: true})
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v, error %v", c, err)
		}
		if err == nil {
			// What was taken is valid for those who use it.
			for _, ps := range [][]incident.Problem{c.Model.Validate(), c.Clustering.Validate(), c.Redact.Validate(), c.sources(true),
				c.Sandbox.Validate(), c.Forge.Validate(), c.Policy.Validate()} {
				if len(ps) > 0 {
					t.Fatalf("taken, but %v", ps)
				}
			}
			return
		}
		var list *Errors
		if !errors.As(err, &list) || len(list.List) == 0 {
			t.Fatalf("%T %v", err, err)
		}
		lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 2
		for _, e := range list.List {
			if e.Line < 1 || e.Column < 1 || e.Line > lines || e.Message == "" {
				t.Fatalf("%#v of %d lines", e, lines)
			}
			if text := e.Error(); !utf8.ValidString(text) || incident.Printable(text) != text {
				t.Fatalf("not printable: %q", text)
			}
		}
	})
}

// TestHostileYAML gives the parser what makes parsers recurse or blow up. Each has to end with an error before the test's own
// time does, and without a fatal stack overflow, which no recover catches.
func TestHostileYAML(t *testing.T) {
	n := maxBytes / 2
	for name, text := range map[string]string{
		"flow":      strings.Repeat("[", n),
		"flow map":  strings.Repeat("{a: ", n/4),
		"dashes":    strings.Repeat("- ", n/2),
		"dash nl":   strings.Repeat("-\n", n/2),
		"questions": strings.Repeat("? ", n/2),
		"tags":      strings.Repeat("!a ", n/3),
		"anchors":   strings.Repeat("&a ", n/3),
		"aliases":   "a: " + strings.Repeat("*a ", n/3),
		"colons":    strings.Repeat("a: ", n/3),
		"docs":      strings.Repeat("---\n", n/4),
		"keys":      strings.Repeat("a:\n", maxKeys+1),
		"stairs": func() string {
			var b strings.Builder
			for i := 0; b.Len() < n; i++ {
				b.WriteString(strings.Repeat(" ", i) + "a:\n")
			}
			return b.String()
		}(),
		"literal": "a: |\n" + strings.Repeat("  x\n", n/4),
		"quotes":  strings.Repeat("'", n),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("agent.yaml", []byte(text), Options{Env: testEnv})
			if err == nil {
				t.Fatal("taken")
			}
			// The parser is quadratic or recursive in these: the bound has to hold before it runs.
			switch name {
			case "flow", "flow map", "dash nl", "anchors", "aliases", "keys":
				if !strings.Contains(err.Error(), "nested deeper than") {
					t.Errorf("got %v", err)
				}
			case "dashes":
				if !strings.Contains(err.Error(), "beyond column") {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	// Far too many errors are cut off.
	var b strings.Builder
	for i := range 3000 {
		b.WriteString(strings.Repeat("k", 1+i%40) + ": 1\n")
	}
	_, err := Parse("agent.yaml", []byte(b.String()), Options{Env: testEnv})
	var list *Errors
	if !errors.As(err, &list) || len(list.List) != maxErrors || list.More == 0 {
		t.Errorf("got %T", err)
	}
}
