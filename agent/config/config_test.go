package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/incident"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// testEnv is the environment of every test here.
func testEnv(name string) (string, bool) {
	v, ok := map[string]string{
		"EMPTY": "", "BADSIZE": "hush-size", "BADNUM": "hush-number", "BADBOOL": "hush-bool", "BADURL": "http://example.org/hush",
		"SLACK_URL": "https://hooks.slack.com/services/T/B/x", "KEY": "k-123", "SIZE": "2MiB", "NUMBER": "4096", "YES": "true", "WAIT": "2h",
		"YAML": "{a: [b",
	}[name]
	return v, ok
}

func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 25 {
		t.Fatalf("%d ways to be bad, 25 were promised", len(files))
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse("agent.yaml", data, Options{Env: testEnv, Daemon: true})
			var list *Errors
			if !errors.As(err, &list) || len(list.List) == 0 {
				t.Fatalf("got %v, want *Errors", err)
			}
			if c != nil {
				t.Error("a bad file gave a configuration")
			}
			got := err.Error() + "\n"
			if strings.Contains(got, "hush") || strings.Contains(got, "SECRET") {
				t.Errorf("a secret is in a message:\n%s", got)
			}
			if incident.Printable(got) != got {
				t.Errorf("not printable: %q", got)
			}
			golden(t, strings.TrimSuffix(f, ".yaml")+".golden", got)
		})
	}
}

// TestWarnings is of files that are right, and say something that has no effect.
func TestWarnings(t *testing.T) {
	files, err := filepath.Glob("testdata/warn/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".yaml")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse("agent.yaml", data, Options{Env: testEnv, Daemon: true})
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, w := range c.Warnings {
				got.WriteString(w.Error() + "\n")
			}
			golden(t, strings.TrimSuffix(f, ".yaml")+".golden", got.String())
		})
	}
}

// golden compares got with a file, which -update writes.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
