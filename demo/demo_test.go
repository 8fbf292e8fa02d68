package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/repair/sandbox"
	"github.com/logwright/logwright/agent/store"
)

// transcript is where a demo's progress goes; a test that fails shows it.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *transcript) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *transcript) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func newTranscript(t *testing.T, dir string) *transcript {
	t.Helper()
	w := &transcript{}
	t.Cleanup(func() {
		if t.Failed() {
			log, err := os.ReadFile(filepath.Join(dir, "daemon.log"))
			t.Logf("the demo said:\n%s\nits daemon's log (%v):\n%s", w, err, log)
		}
	})
	return w
}

// ready skips a test where the demo can't run; in CI it has to.
func ready(t *testing.T) {
	t.Helper()
	err := tools()
	if err == nil {
		no, sandboxErr := unavailable(sandbox.DefaultConfig())
		if err = sandboxErr; no != nil {
			err = no
		}
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
}

// TestBroken: with a patch that mends nothing and a restart that restarts nothing, the demo says so at just these steps.
func TestBroken(t *testing.T) {
	ready(t)
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	wrong := strings.Replace(authoredPatch, "return Item{}, ErrEmpty", "return Item{}, nil", 1)
	if wrong == authoredPatch {
		t.Fatal("the patch was not spoilt")
	}
	r, err := Run(t.Context(), Options{Dir: dir, Progress: newTranscript(t, dir), breakage: breakage{
		patch: wrong, restart: []string{"/usr/bin/env", "true", "{worker}"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r.OK || !r.Kept {
		t.Errorf("ok %v, kept %v", r.OK, r.Kept)
	}
	want := []struct {
		name, detail string
		ok           bool
	}{
		{"service", "the shop answers", true},
		{"incidents", "are open", true},
		{"diagnosis", "each found in the log", true},
		{"reproduction", "--- FAIL: TestCheapestOfEmptyCart", true},
		{"patch", "cart/cart.go, cart/empty_test.go", true},
		{"green", "the patch is not proven: the verify commands fail with the patch (after 3 of 3 rounds)", false},
		{"pull-request", "not reached: green is not ok", false},
		{"remediation", "the mailer was not restarted", false},
		{"stranger", "not reached: remediation is not ok", false},
		{"silence", "failed: the cluster was seen again", false},
		{"audit", "entries hold", true},
	}
	if len(r.Steps) != len(want) {
		t.Fatalf("%d steps, want %d: %+v", len(r.Steps), len(want), r.Steps)
	}
	for i, w := range want {
		if s := r.Steps[i]; s.Name != w.name || s.OK != w.ok || !strings.Contains(s.Detail, w.detail) {
			t.Errorf("step %d is %+v; want %+v", i+1, s, w)
		}
	}
	if out, err := gitOutput(t.Context(), filepath.Join(dir, "repo.git"), "for-each-ref", "--format=%(refname)"); err != nil || strings.TrimSpace(out) != "refs/heads/main" {
		t.Errorf("the branches are %q, %v; want main alone", out, err)
	}
}

// TestObserve: a full run of the demo's logs in mode observe changes nothing outside of the state directory. What would have
// been done is the same as in the demo: a pull request, a restart.
func TestObserve(t *testing.T) {
	ready(t)
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	// What would be written elsewhere by habit is seen, too.
	home, temp := filepath.Join(base, "home"), filepath.Join(base, "tmp")
	for _, d := range []string{home, temp} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p, _, err := newPlace(filepath.Join(base, "demo"))
	if err != nil {
		t.Fatal(err)
	}
	s := &show{o: Options{Dir: p.dir, Progress: newTranscript(t, p.dir), breakage: breakage{observe: true}}, p: p, begun: time.Now(), report: &Report{}}
	if err := s.prepare(t.Context()); err != nil { // Go's build cache is in the real home
		t.Fatal(err)
	}
	if s.service, err = startService(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	defer s.service.stop()
	s.traffic = startTraffic(t.Context(), s.service)
	defer s.traffic.stop()
	t.Setenv("HOME", home)
	t.Setenv("TMPDIR", temp)

	// What the service itself writes, and the two files of the demo's own, don't count.
	files := func() map[string]string {
		return listing(t, base, p.state(), p.logs(), p.run(), p.daemonLog(), p.told())
	}
	filesBefore, processesBefore := files(), processes(t)

	d, err := startDaemon(t.Context(), p, s.cfg, s.transport())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.stop() }()
	if s.st, err = store.Open(t.Context(), p.state(), store.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.st.Close()
	var all []store.ProposalRecord
	err = until(t.Context(), 10*time.Minute, func() (bool, error) {
		if all, err = s.st.Proposals(t.Context(), store.ProposalFilter{}); err != nil || len(all) < 2 {
			return false, err
		}
		return !slices.ContainsFunc(all, func(r store.ProposalRecord) bool { return r.Decision == nil }), nil
	})
	if err != nil {
		t.Fatalf("%v: %+v", err, all)
	}
	// And for a while longer than any decision waits to be made again.
	seen := s.traffic.answered.Load()
	if err := until(t.Context(), time.Minute, func() (bool, error) { return s.traffic.answered.Load() >= seen+80, nil }); err != nil {
		t.Fatal(err)
	}
	would := map[incident.ProposalKind]string{}
	if all, err = s.st.Proposals(t.Context(), store.ProposalFilter{}); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		r := &all[i]
		if r.State != incident.ProposalSimulated || !r.Decision.Simulated || r.Action != nil {
			t.Errorf("%s is %s: %+v %+v", r.Proposal.ID, r.State, r.Decision, r.Action)
		}
		would[r.Proposal.Kind] = r.Decision.Outcome
	}
	if want := map[incident.ProposalKind]string{incident.KindPullRequest: "allow", incident.KindRemediation: "ask"}; !maps.Equal(would, want) {
		t.Errorf("the gate would have said %v; want %v", would, want)
	}
	if err := d.stop(); err != nil {
		t.Error(err)
	}
	if after := processes(t); !slices.Equal(after, processesBefore) {
		t.Errorf("the processes were %v and are %v", processesBefore, after)
	}
	after := files()
	for name, sum := range after {
		if filesBefore[name] != sum {
			t.Errorf("%s is new or was changed", name)
		}
	}
	for name := range filesBefore {
		if _, ok := after[name]; !ok {
			t.Errorf("%s is gone", name)
		}
	}
	if len(after) < 20 {
		t.Errorf("only %d files were compared", len(after))
	}
}

// listing gives everything below dir but what lies below except, with mode, time of change and contents.
func listing(t *testing.T, dir string, except ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(except, path) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		what := fi.Mode().String()
		if fi.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %x %s", sha256.Sum256(b), fi.ModTime())
		}
		out[path] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// processes gives the processes that descend from this one.
func processes(t *testing.T) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	parent, name := map[int]int{}, map[int]string{}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		head, tail, _ := strings.Cut(string(b), ") ")
		pidText, comm, _ := strings.Cut(head, " (")
		f := strings.Fields(tail)
		pid, err1 := strconv.Atoi(pidText)
		ppid, err2 := strconv.Atoi(f[1])
		if errors.Join(err1, err2) != nil {
			t.Fatalf("%s: %q", path, b)
		}
		parent[pid], name[pid] = ppid, comm
	}
	var out []string
	for pid := range parent {
		for up := parent[pid]; up > 1; up = parent[up] {
			if up == os.Getpid() {
				out = append(out, fmt.Sprintf("%d %s", pid, name[pid]))
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

func TestPlace(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), Options{Dir: full, Progress: newTranscript(t, full)}); err == nil || !strings.Contains(err.Error(), "not empty: it holds mine") {
		t.Errorf("a directory that is not empty: %v", err)
	}
	p, temporary, err := newPlace("")
	if err != nil || !temporary {
		t.Fatalf("%v, %v", temporary, err)
	}
	sealed := filepath.Join(p.dir, "sealed")
	if err := errors.Join(os.Mkdir(sealed, 0o700), os.WriteFile(filepath.Join(sealed, "x"), nil, 0o400), os.Chmod(sealed, 0o500)); err != nil {
		t.Fatal(err)
	}
	if err := p.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestNoTools(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	for _, have := range []string{"git", "go"} {
		var need *NeedError
		if err := tools(); !errors.As(err, &need) || !strings.Contains(need.What, "no "+have+" ") || need.Fix == "" {
			t.Errorf("without %s: %v", have, err)
		}
		program(t, bin, have, "exit 0")
	}
	if err := tools(); err != nil {
		t.Error(err)
	}
}

// program puts a shell script on the PATH.
func program(t *testing.T, bin, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestInstall: bubblewrap is asked for as root or by sudo, which is said before; a package list that is too old is renewed. The
// apt-get here is a fake: packages come over the network.
func TestInstall(t *testing.T) {
	const refuseOnce = `echo "apt-get $*" >>"$CALLS"; case $1 in update) : >"$CALLS.updated";; install) [ -e "$CALLS.updated" ];; esac`
	for _, tc := range []struct {
		name  string
		root  bool
		fakes map[string]string
		calls string
		need  string
	}{
		{"root", true, map[string]string{"apt-get": `echo "apt-get $*" >>"$CALLS"`}, "apt-get install -y --no-install-recommends bubblewrap\n", ""},
		{"an old list", true, map[string]string{"apt-get": refuseOnce},
			"apt-get install -y --no-install-recommends bubblewrap\napt-get update\napt-get install -y --no-install-recommends bubblewrap\n", ""},
		{"sudo", false, map[string]string{"sudo": `echo "sudo $*" >>"$CALLS"`, "apt-get": "exit 1"},
			"sudo apt-get install -y --no-install-recommends bubblewrap\n", ""},
		{"neither root nor sudo", false, map[string]string{"apt-get": `echo "apt-get $*" >>"$CALLS"`}, "", "bubblewrap is not installed"},
		{"no apt-get", true, nil, "", "bubblewrap is not installed"},
		{"refused", true, map[string]string{"apt-get": `echo "apt-get $1" >>"$CALLS"; exit 1`}, "apt-get install\napt-get update\n", "could not be"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bin := t.TempDir()
			calls := filepath.Join(bin, "calls")
			for name, script := range tc.fakes {
				program(t, bin, name, script)
			}
			t.Setenv("PATH", bin)
			t.Setenv("CALLS", calls)
			said := ""
			err := installBubblewrap(t.Context(), tc.root, func(format string, args ...any) {
				if _, err := os.Stat(calls); err == nil {
					t.Error("it is said after it is done")
				}
				said += fmt.Sprintf(format, args...)
			}, new(transcript))
			b, _ := os.ReadFile(calls)
			if string(b) != tc.calls {
				t.Errorf("called:\n%swant:\n%s", b, tc.calls)
			}
			var need *NeedError
			if errors.As(err, &need) != (tc.need != "") || tc.need != "" && (!strings.Contains(need.What, tc.need) || need.Fix == "") {
				t.Errorf("%v; want %q", err, tc.need)
			}
			if first, _, _ := strings.Cut(tc.calls, "\n"); first != "" && !strings.HasPrefix(first, "apt-get install\n") && tc.need == "" && !strings.Contains(said, first) {
				t.Errorf("said %q, did %q", said, first)
			}
		})
	}
}

// TestInterrupted: whoever ends the demo early finds no process and no directory of it.
func TestInterrupted(t *testing.T) {
	ready(t)
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := newTranscript(t, "")
	before := processes(t)
	go func() {
		_ = until(ctx, time.Minute, func() (bool, error) { return strings.Contains(w.String(), "ok     1 service"), nil })
		cancel()
	}()
	if r, err := Run(ctx, Options{Progress: w}); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v; want that it was cancelled", r, err)
	}
	if after := processes(t); !slices.Equal(after, before) {
		t.Errorf("processes are left: %v, there were %v", after, before)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestModel: a model that is named is asked over the network with the key, which gets into no file; and nothing is called authored.
func TestModel(t *testing.T) {
	ready(t)
	const key = "demo-key-0123456789"
	var asked atomic.Int64
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+key {
			t.Errorf("Authorization is %q", got)
		}
		asked.Add(1)
		resp, err := authored{patch: authoredPatch}.RoundTrip(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		b, _ := io.ReadAll(resp.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.ReplaceAll(b, []byte(authoredName), []byte("fake-1")))
	}))
	defer fake.Close()
	dir := filepath.Join(t.TempDir(), "demo")
	w := newTranscript(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_ = until(ctx, 2*time.Minute, func() (bool, error) { return strings.Contains(w.String(), " 3 diagnosis"), nil })
		cancel() // the rest is as with authored answers
	}()
	ep := model.Endpoint{Provider: model.ProviderOpenAI, Name: "fake-1", BaseURL: fake.URL + "/v1", APIKey: key}
	if _, err := Run(ctx, Options{Dir: dir, Model: ep, Progress: w}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want that it was cancelled", err)
	}
	said := w.String()
	if !strings.Contains(said, "ok     3 diagnosis") || !strings.Contains(said, "by fake-1") || strings.Contains(said, "authored") || asked.Load() < 2 {
		t.Errorf("%d requests", asked.Load())
	}
	for name := range listing(t, dir, filepath.Join(dir, "repo.git")) {
		b, err := os.ReadFile(name)
		if err == nil && bytes.Contains(b, []byte(key)) {
			t.Errorf("the key is in %s", name)
		}
	}
}
