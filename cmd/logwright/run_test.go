package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignals runs the real daemon: SIGHUP with a broken file changes nothing, with a good one takes it over, and SIGTERM
// ends it well.
func TestSignals(t *testing.T) {
	dir := t.TempDir()
	log, cfg := filepath.Join(dir, "api.log"), filepath.Join(dir, "agent.yaml")
	config := func(severity string) {
		t.Helper()
		write(t, cfg, fmt.Sprintf("version: 1\nstate: %s\nsources:\n- {name: files, kind: file, include: [%s], start: beginning}\n"+
			"triggers: {severity: %s}\nnotify:\n- {name: out, kind: stdout, severity: warning}\n", filepath.Join(dir, "state"), log, severity))
	}
	config("error")
	write(t, log, "2026-03-01 10:00:00 ERROR the first is broken\n2026-03-01 10:00:01 WARN the second is slow\n")
	out := filepath.Join(dir, "out")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := exec.CommandContext(t.Context(), os.Args[0], "run", "--config", cfg)
	d.Env = append(os.Environ(), beLogwright+"=1")
	d.Stdout, d.Stderr = f, f
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, out, "the first is broken", 1)
	for _, step := range []struct{ severity, want string }{
		{"loud", "refused"},
		{"warning", "msg=running"},
	} {
		seen := strings.Count(read(t, out), step.want)
		config(step.severity)
		if err := d.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		waitFor(t, out, step.want, seen+1)
	}
	appendTo(t, log, "2026-03-01 10:00:02 WARN the second is slow\n2026-03-01 10:00:03 INFO alive\n")
	waitFor(t, out, "the second is slow", 1)
	if err := d.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if text := read(t, out); strings.Contains(text, "panic") || strings.Contains(text, "DATA RACE") {
		t.Error(text)
	}
	_, _, code := run(t, "", "audit", "verify", "--config", cfg)
	if code != exitDone {
		t.Errorf("audit verify: exit %d", code)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// waitFor waits until a file holds text n times.
func waitFor(t *testing.T, path, text string, n int) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for strings.Count(read(t, path), text) < n {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%q is not there %d times:\n%s", text, n, read(t, path))
		}
	}
}
