package main

import (
	"bytes"
	"io"
	"os"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// TestClean looks at what is left in a profile of this test: functions and lines, nothing of the machine.
func TestClean(t *testing.T) {
	var b bytes.Buffer
	if err := pprof.StartCPUProfile(&b); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := write(t.TempDir(), 5000); err != nil {
			t.Error(err)
		}
	}
	pprof.StopCPUProfile()
	p, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Sample) == 0 || p.Function[0].Filename == "" {
		t.Fatal("nothing to clean")
	}
	clean(p)
	tidy(t, p)
}

// TestProfile looks at the one that is kept: what it was taken of must still be there, or it is of no use any more.
func TestProfile(t *testing.T) {
	f, err := os.Open("../../cmd/logwright/default.pgo")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	tidy(t, p)
	text := p.String()
	for _, name := range []string{"agent/cluster.(*Clusterer).Add", "agent/cluster.(*scanner).scan", "collectors/events.(*Joiner).Join", "collectors/events.(*Finisher).Record"} {
		if !strings.Contains(text, "github.com/logwright/logwright/"+name) {
			t.Errorf("the profile knows nothing of %s: make pgo", name)
		}
	}
}

func tidy(t *testing.T, p *profile.Profile) {
	t.Helper()
	if err := p.CheckValid(); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if err := p.WriteUncompressed(&b); err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(&b)
	dir, _ := os.Getwd()
	for _, s := range []string{dir, os.TempDir() + "/", "/root/", "/home/"} {
		if bytes.Contains(text, []byte(s)) {
			t.Errorf("the profile holds %q, which is of the machine it was taken on", s)
		}
	}
	for _, f := range p.Function {
		if f.Filename != "" {
			t.Fatalf("the profile says that %s is in %s", f.Name, f.Filename)
		}
	}
	if len(p.Mapping) > 0 || p.TimeNanos != 0 {
		t.Error("the profile says what program it is of, or when it was taken")
	}
}
