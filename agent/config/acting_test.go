package config

import (
	"go/parser"
	"go/token"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/logwright/logwright/agent/policy"
)

const acting = `version: 1
mode: enforce
sources: [{name: j, kind: journal}]
services:
- {name: web}
- {name: api, repository: {path: /srv/api.git, base: main, verify: [[go, test, ./...]]}}
remediations:
- {name: restart, risk: low, params: {unit: {enum: [api.service]}}, run: [systemctl, restart, "{unit}"]}
- {name: clean, risk: high, mends: {services: [api]}, timeout: 5s, run: [/usr/local/bin/clean]}
policy:
  rules:
  - {name: a, when: 'action == "clean"', then: deny}
  - {name: b, when: 'kind == "remediation"', then: allow, windows: ["Mon-Fri 09:00-17:00 Europe/Berlin"]}
`

func TestActing(t *testing.T) {
	c := parse(t, acting)
	if !c.Enforce() || parse(t, least).Enforce() {
		t.Error("the mode is not what the file says")
	}
	if r := c.Repository("api"); r == nil || r.Path != "/srv/api.git" || r != c.Services[1].Repository {
		t.Errorf("api: %+v", r)
	}
	for _, name := range []string{"web", "db", ""} {
		if r := c.Repository(name); r != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if i, s, ok := c.ServiceConfigured("api"); !ok || i != 1 || s != &c.Services[1] {
		t.Errorf("api: %d %+v %v", i, s, ok)
	}
	if i, s, ok := c.ServiceConfigured("db"); ok || s != nil || i != -1 {
		t.Errorf("db: %d %+v %v", i, s, ok)
	}
	if r := c.Remediations; r[0].Timeout != time.Minute || r[0].Verify.Silence != 10*time.Minute || r[1].Timeout != 5*time.Second {
		t.Errorf("the defaults of remediations: %+v", r)
	}
	o := c.PolicyOptions()
	if diff := cmp.Diff([]string{"restart", "clean"}, o.Remediations); diff != "" || o.Mode != ModeEnforce {
		t.Errorf("%s %s", o.Mode, diff)
	}
	if _, ps := policy.New(c.Policy, o); len(ps) > 0 {
		t.Errorf("what was taken makes no policy: %v", ps)
	}
	if o := parse(t, least).PolicyOptions(); o.Remediations == nil {
		t.Error("where no remediation is known, a rule could name any")
	}
}

func TestZone(t *testing.T) {
	c := Default()
	for _, name := range []string{"UTC", "Europe/Berlin", "America/St_Johns"} {
		if l, err := c.Zone(name); err != nil || l.String() != name {
			t.Errorf("%s: %v %v", name, l, err)
		}
	}
	for _, name := range []string{"", "Local", "Europe/Berln", "../../etc/passwd", "/etc/localtime", "CEST"} {
		if l, err := c.Zone(name); err == nil {
			t.Errorf("%q is %v", name, l)
		}
	}
}

// TestZonesAreEmbedded looks at the import itself: the zone files of the host that runs the tests would hide that it is gone.
func TestZonesAreEmbedded(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "acting.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, imp := range f.Imports {
		if imp.Path.Value == `"time/tzdata"` {
			return
		}
	}
	t.Error("time/tzdata is not imported")
}
