package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/store"
)

// examined runs doctor on a configuration and gives its findings by name.
func examined(t *testing.T, text string) (map[string]finding, int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "agent.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := run(t, "", "doctor", "-o", "json", "--config", file)
	if code == exitUsage {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	fits(t, "doctor-1", out)
	var doc doctorDocument
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	byName := map[string]finding{}
	for _, f := range doc.Checks {
		// Of several with one name the worst counts.
		if old, ok := byName[f.Name]; !ok || old.Status == statusOK || f.Status == statusFailed {
			byName[f.Name] = f
		}
	}
	return byName, code
}

// bare is a configuration that asks for no action, with a state directory of its own.
func bare(t *testing.T) (text, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.log"), []byte("INFO x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`version: 1
state: %s/state
kill_switch: %[1]s/run/stop
sources: [{name: files, kind: file, include: ["%[1]s/*.log"]}]
notify: [{name: out, kind: stdout}]
`, dir), dir
}

func TestDoctorOfABareConfigurationIsQuiet(t *testing.T) {
	text, _ := bare(t)
	got, code := examined(t, text)
	for name, f := range got {
		if f.Status != statusOK {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for _, name := range []string{"policy", "kill switch", "git", "sandbox", "forge", "user"} {
		if f, ok := got[name]; ok {
			t.Errorf("nobody asked for %+v", f)
		}
	}
	if code != exitDone {
		t.Errorf("exit %d", code)
	}
}

func TestDoctorOnActing(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	text, dir := bare(t)
	repo := filepath.Join(dir, "api.git")
	inGit := func(args ...string) string {
		cmd := exec.Command(git, append([]string{"-c", "user.name=a", "-c", "user.email=a@b.c"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	inGit("init", "--quiet", "--bare", "--initial-branch=main", repo)
	commit := inGit("-C", repo, "commit-tree", "-m", "x", inGit("-C", repo, "mktree"))
	inGit("-C", repo, "update-ref", "refs/heads/main", commit)
	open := filepath.Join(dir, "open")
	if err := os.WriteFile(open, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o757); err != nil {
		t.Fatal(err)
	}
	text += fmt.Sprintf(`services:
- {name: api, repository: {path: %[1]s, base: main, verify: [[go, test, ./...]]}}
- {name: gone, repository: {path: %[2]s/gone.git, base: main, verify: [[go, test, ./...]]}}
- {name: branch, repository: {path: %[1]s, base: trunk, verify: [[go, test, ./...]]}}
model: {provider: openai, name: m, base_url: "http://127.0.0.1:1"}
forge: {kind: local, repository: %[1]s}
remediations:
- {name: there, risk: low, mends: {services: [api]}, run: [/bin/true]}
- {name: path, risk: low, mends: {services: [api]}, run: [sh, -c, "true"]}
- {name: missing, risk: low, mends: {services: [api]}, run: [/bin/true], verify: {probe: [no-such-program-anywhere]}}
- {name: open, risk: low, mends: {services: [api]}, run: [%[3]s]}
policy:
  rules:
  - {name: a, when: 'kind == "remediation"', then: allow}
`, repo, dir, open)
	got, code := examined(t, text)
	for name, want := range map[string]string{
		"repository api": "ok main stands at", "repository gone": "failed not a repository", "repository branch": "failed no branch trunk",
		"git": "ok git", "forge": "ok local, descriptions in " + dir + "/state/pulls",
		"remediation there": "ok /bin/true", "remediation path": "ok /", "remediation missing": "failed no-such-program-anywhere",
		"remediation open": "warning every user of the host can change",
		"policy":           "ok observe, 1 rule", "kill switch": "ok off",
	} {
		status, part, _ := strings.Cut(want, " ")
		if f := got[name]; f.Status != status || !strings.Contains(f.Detail, part) || status != statusOK && f.Fix == "" {
			t.Errorf("%s: %+v, want %q", name, f, want)
		}
	}
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	// Whether there can be a sandbox depends on the host. If not, doctor has to say what to do.
	if f := got["sandbox"]; f.Status != statusOK && (f.Status != statusFailed || f.Fix == "") {
		t.Errorf("sandbox: %+v", f)
	}
}

func TestDoctorOnThePolicy(t *testing.T) {
	text, dir := bare(t)
	policy := func(t *testing.T, more, want string) {
		t.Helper()
		got, _ := examined(t, text+more)
		if f := got["policy"]; !strings.HasPrefix(f.Status+" "+f.Detail, want) {
			t.Errorf("%+v, want %q", f, want)
		}
	}
	policy(t, "mode: enforce\n", "warning enforce, without rules: everything is denied")
	policy(t, "mode: enforce\npolicy: {rules: [{name: a, when: 'flagged', then: deny}, {name: b, when: 'verified', then: ask, mode: observe}]}\n",
		"warning enforce, 2 rules, and each denies")
	policy(t, "mode: enforce\npolicy: {rules: [{name: a, when: 'verified', then: ask}]}\n", "ok enforce, 1 rule")

	// The kill switch is seen in the most silent of configurations too: by its file, and in the state.
	if err := os.MkdirAll(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	stop := filepath.Join(dir, "run", "stop")
	if err := os.WriteFile(stop, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, code := examined(t, text)
	if f := got["kill switch"]; f.Status != statusWarning || !strings.Contains(f.Detail, "stop exists") || code != exitDone {
		t.Errorf("%+v, exit %d", f, code)
	}
	if err := os.Remove(stop); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(t.Context(), filepath.Join(dir, "state"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Update(t.Context(), func(tx *store.Tx) error { return tx.SetStopped(true, "ada", "deploy") }); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	got, _ = examined(t, text)
	if f := got["kill switch"]; f.Status != statusWarning || !strings.Contains(f.Detail, "by ada") {
		t.Errorf("%+v", f)
	}
	if err := os.Chmod(filepath.Join(dir, "state"), 0o755); err != nil {
		t.Fatal(err)
	}
	got, _ = examined(t, text)
	if f := got["state"]; f.Status != statusWarning || !strings.Contains(f.Fix, "chmod 700") {
		t.Errorf("%+v", f)
	}
}
