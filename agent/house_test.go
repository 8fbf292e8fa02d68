package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// house is a daemon in a synctest bubble: real files, a real store, the real wiring, and a clock that jumps.
type house struct {
	t    *testing.T
	dir  string
	yaml string
	out  *safeBuffer
	log  *safeBuffer
	d    *Daemon
	stop func()

	client    *http.Client
	transport http.RoundTripper
}

// safeBuffer is a bytes.Buffer that a daemon may write while a test reads.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newHouse prepares a daemon that follows dir/app.log; more is appended to its configuration.
func newHouse(t *testing.T, more string) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), out: &safeBuffer{}, log: &safeBuffer{}}
	h.yaml = fmt.Sprintf(`version: 1
state: %s
sources:
- {name: files, kind: file, include: [%s], start: beginning, watch: poll, poll_interval: 1s}
%s`, filepath.Join(h.dir, "state"), filepath.Join(h.dir, "*.log"), more)
	t.Cleanup(func() {
		if h.stop != nil {
			h.stop()
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", h.log.String())
		}
	})
	return h
}

func (h *house) config() *config.Config {
	h.t.Helper()
	cfg, err := config.Parse("agent.yaml", []byte(h.yaml), config.Options{Daemon: true})
	if err != nil {
		h.t.Fatalf("configuration:\n%v", err)
	}
	return cfg
}

// start starts the daemon. stop ends it and waits.
func (h *house) start() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	d, err := NewDaemon(ctx, h.config(), Options{
		Stdout: h.out, Logger: slog.New(slog.NewTextHandler(h.log, nil)), Client: h.client, Transport: h.transport,
		Load: func() (*config.Config, error) {
			return config.Parse("agent.yaml", []byte(h.yaml), config.Options{Daemon: true})
		},
	})
	if err != nil {
		cancel()
		h.t.Fatal(err)
	}
	h.d = d
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	h.stop = func() {
		h.stop = nil
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("the daemon: %v", err)
		}
		if err := d.Close(); err != nil {
			h.t.Error(err)
		}
	}
}

// advance lets the bubble's clock run on.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// write appends lines to a file of the house.
func (h *house) write(name string, lines ...string) {
	h.t.Helper()
	f, err := os.OpenFile(filepath.Join(h.dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := io.WriteString(f, strings.Join(lines, "\n")+"\n"); err != nil {
		h.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// errorLines gives n error lines of one cluster, dated by the bubble's clock.
func errorLines(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s ERROR [worker-%d] failed to settle order %d: ledger refused",
			time.Now().UTC().Format("2006-01-02 15:04:05"), i%3, 1000+i)
	}
	return out
}

func (h *house) incidents(f store.Filter) []incident.Incident {
	h.t.Helper()
	list, err := h.d.st.Incidents(context.Background(), f)
	if err != nil {
		h.t.Fatal(err)
	}
	return list
}

// only gives the one incident there is.
func (h *house) only() *incident.Incident {
	h.t.Helper()
	list := h.incidents(store.Filter{})
	if len(list) != 1 {
		h.t.Fatalf("%d incidents, want 1", len(list))
	}
	inc, err := h.d.st.Incident(context.Background(), list[0].ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return inc
}
