package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/store"
)

// TestOneShotPromptsGoInTheirTime: the prompts of diagnose have no daemon that drops them.
func TestOneShotPromptsGoInTheirTime(t *testing.T) {
	dir := t.TempDir()
	cfg := config.Default()
	old, err := store.Open(t.Context(), filepath.Join(dir, "diagnose"), store.Options{
		Now: func() time.Time { return time.Now().Add(-cfg.Retention.Prompts - time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.BeginCall(t.Context(), store.Call{ID: "c1", Incident: "lw-a.1", Prompt: "p"}, store.Budget{}); err != nil {
		t.Fatal(err)
	}
	if err := old.EndCall(t.Context(), "c1", store.Answer{Text: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := (&app{state: dir}).promptStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	calls, err := st.Calls(t.Context(), "lw-a.1")
	if err != nil || len(calls) != 1 || !calls[0].Pruned || calls[0].Prompt != "" {
		t.Errorf("a prompt older than retention.prompts is kept: %+v, %v", calls, err)
	}
}

// TestPromptShowsWhatEachCallWasFor: an incident costs several calls, each for something else.
func TestPromptShowsWhatEachCallWasFor(t *testing.T) {
	dir, _ := actingState(t)
	st, err := store.Open(t.Context(), filepath.Join(dir, "state"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	purposes := []string{"diagnose", "repair-answer", "remedy", "patch", "patch-again", "novel\x1b[2J"}
	for i, p := range purposes {
		c := store.Call{ID: fmt.Sprint("call-", i), Incident: "lw-aaaaaaaaaaaa.1", Purpose: p, Model: "fake-1", Prompt: "asked " + p}
		if err := st.BeginCall(t.Context(), c, store.Budget{}); err != nil {
			t.Fatal(err)
		}
		if p == "patch-again" { // its answer never comes
			continue
		}
		if err := st.EndCall(t.Context(), c.ID, store.Answer{Text: "answered " + p + "\n<<<<<<< SEARCH"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "agent.yaml")
	out, errs, code := run(t, "", "prompt", "lw-aaaa", "--config", config)
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	at := 0
	for _, want := range []string{
		"(for a diagnosis, call ", "asked diagnose", "answered diagnose", "(for the same answer, in the form that was asked for, call ",
		"(which remediation mends it, call ", "asked remedy", "(for a patch, call ", "answered patch\n<<<<<<< SEARCH",
		"(for the patch again, with what came of it, call ", "No answer yet.", `(novel\x1b[2J, call `,
	} {
		i := strings.Index(out[at:], want)
		if i < 0 {
			t.Fatalf("%q is not there, or not in its place:\n%s", want, out)
		}
		at += i
	}
	out, errs, code = run(t, "", "prompt", "lw-aaaa", "--config", config, "-o", "json")
	if code != exitDone {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	fits(t, "prompt-1", out)
	for _, p := range purposes[:5] {
		if !strings.Contains(out, `"purpose": "`+p+`"`) {
			t.Errorf("%s is not in\n%s", p, out)
		}
	}
}
