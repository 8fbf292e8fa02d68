package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// service is the shop as it runs: a process group of its own, tied to this process by its standard input. When this process
// ends, however it ends, the pipe closes, and the shop and its mailer end of that.
type service struct {
	p    place
	cmd  *exec.Cmd
	in   io.Closer
	done chan struct{} // closed when it ended
	url  string
}

// startService starts the shop and waits until it answers.
func startService(ctx context.Context, p place) (*service, error) {
	cmd := exec.Command(p.program(), "serve", p.logs()) //nolint:gosec,noctx // our own program, ended by stop whatever becomes of ctx
	cmd.Dir = p.service()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := os.Create(filepath.Join(p.dir, "service", "run.out"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &service{p: p, cmd: cmd, in: in, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(s.done)
	}()
	err = until(ctx, 20*time.Second, func() (bool, error) {
		select {
		case <-s.done:
			return false, fmt.Errorf("it ended at once: %s; see %s", s.cmd.ProcessState, out.Name())
		default:
		}
		b, err := os.ReadFile(filepath.Join(p.run(), "address"))
		if err != nil {
			return false, nil //nolint:nilerr // not there yet
		}
		s.url = "http://" + strings.TrimSpace(string(b))
		return s.get(ctx, "/total?items=tea:300") == nil && s.mailer() != 0, nil
	})
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// mailer gives the pid of the mailer's process, 0 where it can't be known.
func (s *service) mailer() int {
	b, err := os.ReadFile(filepath.Join(s.p.run(), "mailer.pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b))) // half of a number is never there: it is renamed into place
	return pid
}

// stop ends the shop and all that it started.
func (s *service) stop() {
	_ = s.in.Close()
	select {
	case <-s.done:
	case <-time.After(2 * time.Second):
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // nobody is left where it ended in order
}

// client asks the shop. It keeps no connection, since the shop breaks some.
var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}} //nolint:gochecknoglobals // holds no state

func (s *service) get(ctx context.Context, path string) error {
	return s.send(ctx, http.MethodGet, path)
}

func (s *service) send(ctx context.Context, method, path string) error {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return errors.Join(err, resp.Body.Close())
}

func (s *service) order(ctx context.Context, mail, note string) error {
	return s.send(ctx, http.MethodPost, "/orders?mail="+url.QueryEscape(mail)+"&note="+url.QueryEscape(note))
}

// traffic is what customers do.
type traffic struct {
	s                *service
	answered, broken atomic.Int64
	end              context.CancelFunc
	all              sync.WaitGroup
}

// startTraffic asks ten times a second. Now and then somebody looks at an empty cart, which is the first fault; and after a
// while one order comes without an address, which is the second.
func startTraffic(ctx context.Context, s *service) *traffic {
	ctx, cancel := context.WithCancel(ctx)
	t := &traffic{s: s, end: cancel}
	t.all.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			t.count(ctx, t.one(ctx, n))
		}
	})
	return t
}

func (t *traffic) one(ctx context.Context, n int) error {
	switch {
	case n == 20:
		return t.s.order(ctx, "", "")
	case n%15 == 0:
		return t.s.get(ctx, "/cheapest?items=")
	case n%3 == 0:
		return t.s.order(ctx, "ann@example.com", "")
	case n%3 == 1:
		return t.s.get(ctx, "/cheapest?items=cake:450,tea:300")
	}
	return t.s.get(ctx, "/total?items=cake:450,tea:300")
}

func (t *traffic) count(ctx context.Context, err error) {
	switch {
	case err == nil:
		t.answered.Add(1)
	case ctx.Err() == nil:
		t.broken.Add(1)
	}
}

func (t *traffic) stop() {
	t.end()
	t.all.Wait()
}

// until asks again and again until f says yes or fails, at most for a time. The last error of f that came with no stop is
// not known: f keeps what it saw.
func until(ctx context.Context, most time.Duration, f func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := f()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("not within %s", most)
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}
