package remediations

import (
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/logwright/logwright/agent/incident"
)

// The example in the documentation is one that loads, and binds as the text says.
func TestDocumentedCatalogue(t *testing.T) {
	text, err := os.ReadFile("../docs/remediations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(text), "```yaml\n")
	block, _, ok := strings.Cut(block, "```")
	if !ok {
		t.Fatal("there is no example")
	}
	var raw struct {
		Remediations []yaml.RawMessage `yaml:"remediations"`
	}
	if err := yaml.Unmarshal([]byte(block), &raw); err != nil {
		t.Fatal(err)
	}
	var cs []Config
	for _, m := range raw.Remediations {
		c := DefaultConfig()
		if err := yaml.UnmarshalWithOptions(m, &c, yaml.Strict()); err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	c, ps := New(cs, CatalogueOptions{Services: []string{"api", "web"}})
	if len(ps) > 0 || len(c.Names()) != 3 {
		t.Fatal(ps)
	}
	tied := incident.Tied{
		incident.TiedUnit: {{Value: "worker@1.service"}}, incident.TiedHost: {{Value: "web1"}}, incident.TiedService: {{Value: "api"}},
	}
	for _, tc := range []struct {
		d    incident.Diagnosis
		want string
	}{
		{incident.Diagnosis{FixKind: "restart"}, "systemctl --no-ask-password restart worker@1.service"},
		{incident.Diagnosis{Category: "network"}, "/usr/local/bin/balancer drain web1 --for=30s"},
		{incident.Diagnosis{Category: "resource-exhaustion"}, "/usr/local/bin/rotate-logs"},
	} {
		got := c.Suggest(incident.Incident{Diagnosis: &tc.d}, tied)
		if len(got) != 1 {
			t.Fatalf("%+v: %v", tc.d, got)
		}
		if m, err := c.Bind(got[0], tied); err != nil || strings.Join(m.Run, " ") != tc.want {
			t.Errorf("%q, %v", m.Run, err)
		}
	}
}
