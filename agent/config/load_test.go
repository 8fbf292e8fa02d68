package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/logwright/logwright/agent/cluster"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/notify"
)

const least = "version: 1\nsources: [{name: j, kind: journal}]\n"

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("agent.yaml", []byte(text), Options{Env: testEnv, Daemon: true})
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	return c
}

// TestShipped loads the agent.yaml of the repository's root as it stands, with nothing in the environment.
func TestShipped(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	c, err := Load("../../agent.yaml", Options{Env: none, Daemon: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 {
		t.Errorf("warnings: %v", c.Warnings)
	}
	if !c.Model.Offline() || c.Mode != ModeObserve || len(c.Notify) != 1 || c.Notify[0].Kind != notify.KindStdout {
		t.Errorf("it is to be offline, to observe and to speak on standard output: %+v", c)
	}
	// What the file says where it says the default is the default, so that the two can't drift apart.
	if diff := cmp.Diff(Default(), c, cmpopts.IgnoreUnexported(Config{}), cmpopts.IgnoreFields(Config{}, "Sources", "Notify")); diff != "" {
		t.Errorf("-Default +agent.yaml\n%s", diff)
	}
	var file Source
	for _, s := range c.Sources {
		if s.Kind == KindFile {
			file = s
		} else if diff := cmp.Diff(journalDefault(), s.Journal, cmpopts.IgnoreFields(*s.Journal, "Name", "MaxLine")); diff != "" {
			t.Errorf("journal: -default +agent.yaml\n%s", diff)
		}
	}
	if file.File == nil {
		t.Fatal("no source of kind file")
	}
	def := fileDefault()
	if diff := cmp.Diff(def, file.File, cmpopts.IgnoreFields(*def, "Name", "MaxLine", "Include", "Exclude", "Elsewhere")); diff != "" {
		t.Errorf("file: -default +agent.yaml\n%s", diff)
	}
}

// TestShippedExamples takes the comment signs off every optional line of agent.yaml: the examples are to be valid too.
func TestShippedExamples(t *testing.T) {
	data, err := os.ReadFile("../../agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(uncommented(string(data)), "provider: offline ", "provider: openai ", 1)
	env := func(string) (string, bool) { return "https://hooks.slack.com/services/T/B/x", true }
	c, err := Parse("agent.yaml", []byte(text), Options{Env: env, Daemon: true})
	if err != nil {
		t.Fatalf("%v\nin\n%s", err, text)
	}
	if len(c.Services) != 1 || c.Services[0].Heartbeat != 10*time.Minute || len(c.Clustering.Masks) != 1 || len(c.Model.Fallback) != 1 {
		t.Errorf("the examples did not arrive: %+v", c)
	}
	// Optional keys that say a default are to say the one that holds.
	if diff := cmp.Diff(model.DefaultConfig().Budget, c.Model.Budget); diff != "" {
		t.Errorf("budget: -default +agent.yaml\n%s", diff)
	}
	if diff := cmp.Diff(Default().Sandbox, c.Sandbox); diff != "" {
		t.Errorf("sandbox: -default +agent.yaml\n%s", diff)
	}
	if diff := cmp.Diff(Default().Policy, c.Policy, cmpopts.IgnoreFields(c.Policy, "Rules")); diff != "" {
		t.Errorf("policy: -default +agent.yaml\n%s", diff)
	}
	if c.Forge.Push != Default().Forge.Push || c.Forge.Auth.Token == "" {
		t.Errorf("forge: %+v", c.Forge)
	}
	if r := c.Services[0].Repository; r == nil || len(r.Prepare) != 1 || len(r.Verify) != 1 || len(r.Verify[0]) != 3 || r.PathMap["/app"] != "." {
		t.Errorf("repository: %+v", r)
	}
	if len(c.Policy.Rules) != 3 || len(c.Policy.Rules[0].Windows) != 1 || c.Policy.Rules[0].Limit.Cooldown != time.Hour {
		t.Errorf("rules: %+v", c.Policy.Rules)
	}
	if len(c.Remediations) != 2 || *c.Remediations[1].Params["count"].Max != 8 || c.Remediations[0].Run[2] != "{unit}" {
		t.Errorf("remediations: %+v", c.Remediations)
	}
	for _, s := range c.Sources {
		if s.File != nil {
			def := fileDefault()
			if diff := cmp.Diff(def, s.File, cmpopts.IgnoreFields(*def, "Name", "MaxLine", "Include", "Exclude", "Elsewhere")); diff != "" {
				t.Errorf("file: -default +agent.yaml\n%s", diff)
			}
		}
	}
}

// TestShippedAlternatives takes both comment signs off what stands there instead of something else: a GitHub App, and the
// local forge.
func TestShippedAlternatives(t *testing.T) {
	data, err := os.ReadFile("../../agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	without := func(text string, keys ...string) string {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if key, _, ok := strings.Cut(strings.TrimSpace(line), ":"); !ok || !slices.Contains(keys, key) {
				b.WriteString(line)
			}
		}
		return b.String()
	}
	_, forge, _ := strings.Cut(uncommented(uncommented(string(data))), "\nforge:\n")
	forge, _, _ = strings.Cut(forge, "\n\n")
	c := parse(t, least+"forge:\n"+without(forge+"\n", "token", "directory"))
	if a := c.Forge.Auth; a.AppID == 0 || a.InstallationID == 0 || a.PrivateKey == "" || c.Forge.BaseURL == "" {
		t.Errorf("the app: %+v", c.Forge)
	}
	local := without(forge+"\n", "repository", "base_url", "auth", "token", "app_id", "installation_id", "private_key")
	c = parse(t, least+"forge:\n"+strings.Replace(local, "kind: github ", "kind: local ", 1))
	if c.Forge.Kind != "local" || c.Forge.Directory == "" {
		t.Errorf("the local forge: %+v", c.Forge)
	}
}

// uncommented takes the first comment sign off every optional line of agent.yaml below its introduction.
func uncommented(data string) string {
	_, body, _ := strings.Cut("\n"+data, "\nversion:")
	var b strings.Builder
	b.WriteString("version:")
	for line := range strings.Lines(body) {
		trimmed := strings.TrimLeft(line, " ")
		if rest, ok := strings.CutPrefix(trimmed, "# "); ok && looksLikeYAML(strings.TrimPrefix(strings.TrimSpace(rest), "# ")) {
			line = line[:len(line)-len(trimmed)] + rest
		}
		b.WriteString(line)
	}
	return b.String()
}

// looksLikeYAML tells a key or entry from prose.
func looksLikeYAML(s string) bool {
	s = strings.TrimSpace(s)
	s = strings.TrimSpace(strings.TrimPrefix(s, "- "))
	if strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") {
		return true
	}
	key, rest, ok := strings.Cut(s, ":")
	return ok && key == strings.ToLower(key) && !strings.Contains(key, " ") && (rest == "" || rest[0] == ' ')
}

// TestEveryKeyExplained keeps agent.yaml and the reference complete.
func TestEveryKeyExplained(t *testing.T) {
	shipped, err := os.ReadFile("../../agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(docs)) {
		if cells := strings.Split(line, "|"); len(cells) >= 5 && strings.Contains(cells[1], "`") {
			rows[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[2])
		}
	}
	for _, k := range knownKeys() {
		last := k.path[strings.LastIndexByte(k.path, '.')+1:]
		if !strings.Contains(string(shipped), last+":") {
			t.Errorf("agent.yaml does not mention %s", k.path)
		}
		if strings.HasSuffix(k.kind, "section") || strings.HasSuffix(k.kind, "sections") {
			continue
		}
		if got, ok := rows[k.path]; !ok {
			t.Errorf("docs/configuration.md has no row for `%s`", k.path)
		} else if got != k.kind && k.path != "notify[].severity" { // a string there, checked by Validate
			t.Errorf("docs/configuration.md calls %s a %s, it is a %s", k.path, got, k.kind)
		}
		delete(rows, k.path)
	}
	for path := range rows {
		t.Errorf("docs/configuration.md explains `%s`, which is no key", path)
	}
}

func TestParse(t *testing.T) {
	c := parse(t, `
version: 1
sources:
- &base
  name: files
  kind: file
  include: &globs [/var/log/*.log]
  start: beginning
- {name: more, <<: *base, exclude: *globs, format: json}
- {name: j, kind: journal, units: [api], boot: current}
services:
- {name: api, match: {units: [api.service]}, heartbeat: 1h30m}
- {name: web, heartbeat: ""}
triggers: {severity: warning, spike: off, resolve_after: 2d}
clustering: {masks: [{name: order, pattern: 'o-\d+'}], pins: [E1]}
model: {provider: openai, name: m, api_key: "${KEY}", base_url: "https://llm.example/v1", budget: {usd_per_day: 0.5}, timeout: "${WAIT}"}
redact: {pii: "${YES}", patterns:}
notify:
- {name: chat, kind: slack, url: "${SLACK_URL}"}
limits: {line: "${SIZE}", event: 1024KiB, memory: 64 MiB, store: 1.5GiB, clusters: "${NUMBER}"}
retention: {incidents: 1w, prompts: 36h}
state: /srv/state
`)
	if s := c.Sources[1]; s.Name != "more" || s.File.Start != "beginning" || s.File.Exclude[0] != "/var/log/*.log" || s.Events.Format != "json" || s.File.Name != "more" ||
		len(s.File.Elsewhere) != 1 || s.File.Elsewhere[0].Include[0] != c.Sources[0].File.Include[0] || c.Sources[0].File.Elsewhere != nil {
		t.Errorf("merged source: %+v %+v", s, s.File)
	}
	if s := c.Sources[2]; s.Journal == nil || s.File != nil || s.Journal.Priority != "info" || s.Journal.Boot != "current" || s.Journal.MaxLine != 2<<20 {
		t.Errorf("journal: %+v %+v", s, s.Journal)
	}
	if c.Services[0].Heartbeat != 90*time.Minute || c.Services[1].Heartbeat != 0 {
		t.Errorf("heartbeats: %+v", c.Services)
	}
	if c.Triggers != (Triggers{Severity: incident.SeverityWarning, Spike: SpikeOff, Mix: SpikeAuto, HTTP: HTTPTrigger{Failures: 5, Percent: 1}, ResolveAfter: 48 * time.Hour}) {
		t.Errorf("triggers: %+v", c.Triggers)
	}
	if c.Model.APIKey != "k-123" || c.Model.Timeout != 2*time.Hour || c.Model.Budget.USDPerDay != 0.5 || c.Model.Budget.CallsPerIncident != 8 {
		t.Errorf("model: %+v", c.Model)
	}
	if c.Limits != (Limits{Memory: 64 << 20, Store: 3 << 29, Line: 2 << 20, Event: 1 << 20, Clusters: 4096}) || c.Clustering.MaxClusters != 4096 {
		t.Errorf("limits: %+v", c.Limits)
	}
	if want := []cluster.Mask{{Name: "order", Pattern: `o-\d+`}}; !reflect.DeepEqual(c.Clustering.Masks, want) {
		t.Errorf("masks: %+v", c.Clustering.Masks)
	}
	if c.Retention != (Retention{Incidents: 7 * 24 * time.Hour, Prompts: 36 * time.Hour}) || !c.Redact.PII {
		t.Errorf("retention: %+v, redact: %+v", c.Retention, c.Redact)
	}
	if c.Notify[0].Severity != "error" || c.Notify[0].URL == "" {
		t.Errorf("notify: %+v", c.Notify)
	}
}

func TestVariables(t *testing.T) {
	// A variable that its feature does not need may be missing; a value never brings YAML along.
	c := parse(t, least+"model: {api_key: \"${UNSET}\", base_url: \"${UNSET}\"}\nkill_switch: /run/x\n")
	if c.Model.APIKey != "" {
		t.Errorf("got %q", c.Model.APIKey)
	}
	c = parse(t, least+"model: {provider: openai, name: \"${YAML}\", api_key: x}\n")
	if c.Model.Name != "{a: [b" {
		t.Errorf("got %q", c.Model.Name)
	}
	// The provider itself may come from the environment; then its section is on.
	env := func(n string) (string, bool) { v, ok := map[string]string{"P": "openai"}[n]; return v, ok }
	_, err := Parse("a", []byte(least+"model: {api_key: \"${UNSET}\", name: m, provider: \"${P}\"}\n"), Options{Env: env})
	if err == nil || !strings.Contains(err.Error(), "environment variable UNSET is not set") {
		t.Errorf("got %v", err)
	}
}

func TestOneShotNeedsNoSource(t *testing.T) {
	if _, err := Parse("a", []byte("version: 1\n"), Options{}); err != nil {
		t.Error(err)
	}
}

func TestByteOrderMarkAndCRLF(t *testing.T) {
	parse(t, "\ufeff"+strings.ReplaceAll(least, "\n", "\r\n"))
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none.yaml"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(dir, Options{}); err == nil || !strings.Contains(err.Error(), "directory") {
		t.Errorf("directory: %v", err)
	}
	big := filepath.Join(dir, "big.yaml")
	if err := os.WriteFile(big, []byte(strings.Repeat("# much\n", 200000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, Options{}); err == nil || !strings.Contains(err.Error(), "more than 1048576") {
		t.Errorf("big file: %v", err)
	}
}

func TestSecretsInTheOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.yaml")
	text := least + "model: {provider: openai, name: m, api_key: sk-open}\n" +
		"forge: {kind: github, repository: a/b, auth: {token: ghp-open}}\n" +
		"services: [{name: a, repository: {path: /srv/a.git, base: main, verify: [[make]]}}]\nnotify:\n- {name: a, kind: slack, url: \"${SLACK_URL}\"}\n" +
		"- {name: b, kind: slack, url: \"https://hooks.slack.com/services/T/B/open\"}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		mode fs.FileMode
		want []string
	}{{0o644, []string{"model.api_key", "forge.auth.token", "notify[1].url"}}, {0o640, nil}, {0o600, nil}} {
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, Options{Env: testEnv})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, w := range c.Warnings {
			got = append(got, w.Path)
			if strings.Contains(w.Error(), "open") || w.Line == 0 {
				t.Errorf("%v", w)
			}
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("mode %o: %v, want %v", tc.mode, got, tc.want)
		}
	}
}

func TestDeadGlobs(t *testing.T) {
	c := parse(t, `
version: 1
sources:
- {name: f, kind: file, include: [/var/log/**/*.log, /srv/none/*.log, /etc/hosts]}
services:
- {name: a, match: {files: [/nowhere/x]}}
`)
	fsys := fstest.MapFS{"var/log/a/b.log": {}, "etc/hosts": {}}
	var got []string
	for _, w := range c.DeadGlobs(fsys) {
		got = append(got, w.Error())
	}
	want := []string{
		"agent.yaml:4:54: sources[0].include[1]: \"/srv/none/*.log\" matches no file now\n    hint: check the path, and that the user Logwright runs as may read its directories (group adm for /var/log)",
		"agent.yaml:6:29: services[0].match.files[0]: \"/nowhere/x\" matches no file now\n    hint: check the path, and that the user Logwright runs as may read its directories (group adm for /var/log)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLocate(t *testing.T) {
	c := parse(t, least)
	e := c.Locate(incident.Problemf("sources[0].directory", "can't be read"))
	if got := e.Error(); got != "agent.yaml:2:11: sources[0].directory: can't be read" {
		t.Errorf("got %s", got)
	}
}
