package github

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

func TestLocalDescription(t *testing.T) {
	p := newLocalPlace(t)
	pr := p.proposal(t, 1, 1)
	out := execute(t, p.forge(t, nil), pr)
	if want := filepath.Join(p.state, "pulls", "1-"+pr.Incident+".md"); out.Forge.URL != want {
		t.Fatalf("%s, want %s", out.Forge.URL, want)
	}
	b, err := os.ReadFile(out.Forge.URL)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(p.dir, "DIR", p.base, "BASE", pr.Change.Commit, "COMMIT", short(p.base), "BASE").Replace(string(b))
	golden(t, "local.md", text)
}

// TestLocalClosedByHand: a person writes the state.
func TestLocalClosedByHand(t *testing.T) {
	p := newLocalPlace(t)
	pr := p.proposal(t, 1, 1)
	f := p.forge(t, nil)
	ref := execute(t, f, pr).Forge
	edit := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(ref.URL)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ref.URL, []byte(strings.Replace(string(b), from, to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit("state: open", "state: closed\nclosed_at: 2026-02-03T04:05:06Z")
	if s, err := f.Status(t.Context(), *ref); err != nil || s.Open || s.Merged || s.ClosedAt.Format("2006-01-02") != "2026-02-03" {
		t.Errorf("%+v, %v", s, err)
	}
	edit("state: closed", "state: merged")
	if s, err := f.Status(t.Context(), *ref); err != nil || !s.Merged {
		t.Errorf("%+v, %v", s, err)
	}
	// What can't be read keeps from opening another, rather than being passed over.
	edit("state: merged", "state: perhaps")
	if out := execute(t, f, p.proposal(t, 2, 2)); out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "perhaps") {
		t.Errorf("%+v", out)
	}
}

// TestLocalNumbers: many at once get a number each, and none that was given out before.
func TestLocalNumbers(t *testing.T) {
	p := newLocalPlace(t)
	var proposals []incident.Proposal
	for i := range 6 {
		pr := p.proposal(t, i, 1)
		pr.Cluster = fmt.Sprintf("lw-abcdefghij%02d", i)
		pr.Incident = pr.Cluster + ".1"
		pr.Change.Branch = branchOf(pr.Incident)
		proposals = append(proposals, pr)
	}
	var wg sync.WaitGroup
	for _, pr := range proposals[:5] {
		for range 2 { // each one twice
			f := p.forge(t, nil)
			g := grant(t, pr)
			wg.Go(func() {
				if out, err := f.Execute(t.Context(), g); err != nil || out.Result != incident.ResultDone {
					t.Errorf("%+v, %v", out, err)
				}
			})
		}
	}
	wg.Wait()
	pulls := p.pulls()
	if len(pulls) != 5 {
		t.Fatalf("%d descriptions", len(pulls))
	}
	for i, q := range pulls {
		if q.number != i+1 {
			t.Errorf("number %d after %d others", q.number, i)
		}
	}
	// The last one is thrown away; its number is not given again.
	matches, err := filepath.Glob(filepath.Join(p.state, "pulls", "5-*.md"))
	if err != nil || len(matches) != 1 {
		t.Fatal(matches, err)
	}
	if err := os.Remove(matches[0]); err != nil {
		t.Fatal(err)
	}
	if out := execute(t, p.forge(t, nil), proposals[5]); out.Forge == nil || out.Forge.Number != 6 {
		t.Errorf("%+v", out)
	}
	left, err := filepath.Glob(filepath.Join(p.state, "pulls", ".*.part"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestLocalLinks: a link in the directory of descriptions is not followed out of it.
func TestLocalLinks(t *testing.T) {
	p := newLocalPlace(t)
	pr := p.proposal(t, 1, 1)
	dir := filepath.Join(p.state, "pulls")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(p.dir, "outside")
	if err := os.Symlink(outside, filepath.Join(dir, ".1-"+pr.Incident+".md.part")); err != nil {
		t.Fatal(err)
	}
	out := execute(t, p.forge(t, nil), pr)
	if _, err := os.Lstat(outside); err == nil || out.Result != incident.ResultDone {
		t.Errorf("%+v, %v", out, err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "2-lw-abcdefghij99.1.md")); err != nil {
		t.Fatal(err)
	}
	if out := execute(t, p.forge(t, nil), p.proposal(t, 2, 2)); out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "is not a description") {
		t.Errorf("%+v", out)
	}
}
