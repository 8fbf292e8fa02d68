package main

import (
	"path/filepath"
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
