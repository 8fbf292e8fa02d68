package diagnose

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/logwright/logwright/agent/incident"
)

var update = flag.Bool("update", false, "write signatures.json and the golden files anew")

// signatureFile is one YAML file: the failures of one field.
type signatureFile struct {
	// Source must be "authored": it says that the examples are written by hand, not taken from somebody's system.
	Source     string       `yaml:"source"`
	Signatures []*Signature `yaml:"signatures"`
}

// authored reads signatures/*.yaml, by field.
func authored(t testing.TB) map[string][]*Signature {
	t.Helper()
	names, err := filepath.Glob("signatures/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no signatures: %v", err)
	}
	out := map[string][]*Signature{}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f signatureFile
		if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Source != "authored" {
			t.Errorf("%s: source is %q, want authored", name, f.Source)
		}
		for _, s := range f.Signatures {
			if p := s.prepare(); len(p) > 0 {
				t.Errorf("%s: %s: %s", name, s.ID, p)
			}
		}
		out[strings.TrimSuffix(filepath.Base(name), ".yaml")] = f.Signatures
	}
	return out
}

// builtin gives all signatures by id, as they are authored: with examples.
func builtin(t testing.TB) []*Signature {
	t.Helper()
	var all []*Signature
	for _, sigs := range authored(t) {
		all = append(all, sigs...)
	}
	slices.SortFunc(all, func(a, b *Signature) int { return strings.Compare(a.ID, b.ID) })
	for i := range all {
		if i > 0 && all[i].ID == all[i-1].ID {
			t.Errorf("two signatures are called %s", all[i].ID)
		}
	}
	return all
}

func TestBuiltinIsCurrent(t *testing.T) {
	want, err := json.MarshalIndent(builtin(t), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("signatures.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want, builtinJSON) {
		t.Error("signatures.json is not what signatures/*.yaml say: run go test -run TestBuiltinIsCurrent -update ./agent/diagnose")
	}
	if _, err := loadBuiltin(); err != nil {
		t.Error(err)
	}
}

func eventOf(text string) *eventText {
	return newEventText(&incident.Record{Raw: text, Message: text})
}

func ids(hits []hit) []string {
	var out []string
	for _, h := range hits {
		out = append(out, h.sig.ID)
	}
	return out
}

// fields are those that every release has signatures for.
var fields = []string{
	"linux", "systemd", "network", "tls", "disk", "memory", "postgresql", "mysql", "redis", "nginx", "docker", "kubernetes",
	"django", "flask", "fastapi", "express", "spring", "play", "go", "python", "node", "java",
}

func TestSignaturesCoverTheFields(t *testing.T) {
	byField := authored(t)
	for _, f := range fields {
		if n := len(byField[f]); n < 4 {
			t.Errorf("field %s has %d signatures, want 4 or more", f, n)
		}
	}
}

// changes matches commands that change something: captured text has no place in them.
var changes = regexp.MustCompile(`\b(rm|mkfs\S*|dd|kill|pkill|truncate|chmod|chown|mv|cp|tee|restart|stop|delete|drop|xfs_repair|fsck|migrate|install|vacuum|prune|reset-failed)\b|[^2&]>[^&]`)

func TestSignaturesAreWellWritten(t *testing.T) {
	id := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	sigs := builtin(t)
	byID := map[string]*Signature{}
	for _, s := range sigs {
		byID[s.ID] = s
	}
	for _, s := range sigs {
		t.Run(s.ID, func(t *testing.T) {
			if _, err := s.compileAll(); err != nil {
				t.Error(err)
			}
			if !id.MatchString(s.ID) {
				t.Errorf("id %q", s.ID)
			}
			if s.Title == "" || len(s.Title) > 72 || strings.ContainsAny(s.Title, "{}[]<>`@#*\n") || strings.HasSuffix(s.Title, ".") {
				t.Errorf("title %q", s.Title)
			}
			if s.Specificity < 0.4 || s.Specificity > 0.97 {
				t.Errorf("specificity %v", s.Specificity)
			}
			for name, text := range map[string]string{"summary": s.Summary, "root_cause": s.RootCause} {
				if len(text) < 20 || len(text) > 320 || !strings.HasSuffix(text, ".") {
					t.Errorf("%s %q", name, text)
				}
			}
			if len(s.NextSteps) < 2 || len(s.Examples) < 2 || len(s.Counterexamples) < 1 {
				t.Errorf("%d steps, %d examples, %d counterexamples", len(s.NextSteps), len(s.Examples), len(s.Counterexamples))
			}
			for key, c := range s.Captures {
				if captureKinds[c.Kind] == nil {
					t.Errorf("capture %s is of unknown kind %q", key, c.Kind)
				}
				if re, err := regexp.Compile(c.Pattern); err == nil && re.NumSubexp() < 1 {
					t.Errorf("capture %s has no group", key)
				}
			}
			for _, text := range append([]string{s.Summary, s.RootCause}, s.NextSteps...) {
				for _, m := range placeholder.FindAllStringSubmatch(strings.ReplaceAll(text, "%{", "%"), -1) { // curl's %{time_total}
					if _, ok := s.Captures[m[1]]; !ok && m[1] != "service" {
						t.Errorf("%q names {%s}, which is not captured", text, m[1])
					}
				}
			}
			for _, text := range s.NextSteps {
				for _, command := range strings.Split(text, ";") {
					if placeholder.MatchString(command) && changes.MatchString(command) {
						t.Errorf("captured text in a command that changes something: %q", command)
					}
				}
			}
			for _, a := range s.Also {
				if byID[a] == nil {
					t.Errorf("also names %q, which does not exist", a)
				}
			}
		})
	}
}

func TestSignaturesMatchTheirExamples(t *testing.T) {
	sigs := builtin(t)
	set := newSignatureSet(sigs)
	for _, s := range sigs {
		for _, ex := range s.Examples {
			hits := set.match(eventOf(ex))
			got := ids(hits)
			switch {
			case !slices.Contains(got, s.ID):
				t.Errorf("%s does not match its example\n\t%s\n\tmatched: %v", s.ID, ex, got)
			case got[0] != s.ID && !slices.Contains(s.Also, got[0]):
				t.Errorf("%s is not the best match of its example, %s is\n\t%s\n\tmatched: %v", s.ID, got[0], ex, got)
			}
		}
	}
}

func TestSignaturesLeaveCounterexamplesAlone(t *testing.T) {
	sigs := builtin(t)
	set := newSignatureSet(sigs)
	for _, s := range sigs {
		for _, ex := range s.Counterexamples {
			if got := ids(set.match(eventOf(ex))); len(got) > 0 {
				t.Errorf("counterexample of %s is matched by %v\n\t%s", s.ID, got, ex)
			}
		}
	}
}

// The prefilter may only ever say no where the patterns would.
func TestPrefilterLosesNothing(t *testing.T) {
	sigs := builtin(t)
	set := newSignatureSet(sigs)
	for _, s := range sigs {
		for _, ex := range s.Examples {
			e := eventOf(ex)
			candidates := set.filter.owners(e.lower)
			for i, other := range sigs {
				if _, ok := other.match(e); ok && !candidates[i] {
					t.Errorf("%s matches without any of its literals %q in\n\t%s", other.ID, other.literals, ex)
				}
			}
		}
	}
}
