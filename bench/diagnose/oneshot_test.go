package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/bench/logs"
)

// oneShot gives what the command runs, over a mixed log of mb.
func oneShot(b *testing.B, mb int64) *agent.OneShot {
	path := filepath.Join(b.TempDir(), "mix.log")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := logs.Mix.Write(f, mb*1e6); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	cfg := config.Default()
	agent.LimitMemory(cfg)
	b.SetBytes(mb * 1e6)
	return &agent.OneShot{Config: cfg, Files: []string{path}}
}

// BenchmarkDiagnose is for profiles of what `logwright diagnose` does:
//
//	go test -run '^$' -bench Diagnose -cpuprofile cpu.out ./diagnose && go tool pprof -top cpu.out
func BenchmarkDiagnose(b *testing.B) {
	o := oneShot(b, 100)
	for b.Loop() {
		if _, err := o.Diagnose(b.Context(), agent.Asking{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExplain is the same for `logwright explain`, without the writing of what it says.
func BenchmarkExplain(b *testing.B) {
	o := oneShot(b, 20)
	for b.Loop() {
		if err := o.Explain(b.Context(), func(agent.Explained) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
