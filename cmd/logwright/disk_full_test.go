package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The disk under the state is full, for real: the daemon stops to take lines in, says so once, and goes on by itself when there
// is room again. Each event is counted once, those that it had read when the disk ran full, those that came meanwhile, and also
// where it was killed while it waited.
func TestDiskFullUnderTheState(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root, to mount a small file system")
		}
		t.Skip("needs root, to mount a small file system")
	}
	c := newCrash(t, false)
	state := filepath.Join(c.dir, "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", state).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: %s", err, out)
		}
		t.Skipf("no mounting here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		c.kill()
		if out, err := exec.Command("umount", state).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	f := c.open()
	defer f.Close()
	var buf bytes.Buffer
	next := 0
	write := func(n int) {
		if next+n > len(crashShops)*minutesEach {
			t.Fatalf("%d events were written, and the daemon still says nothing", next)
		}
		for range n {
			writeEvent(&buf, next)
			next++
		}
		c.write(f, &buf)
	}
	c.start()
	write(200)
	c.awaitFirst()

	ballast := filepath.Join(state, "ballast")
	c.fill(ballast)
	for told := 0; told == 0; told = c.said("can't keep what was read") {
		write(200) // until it has no room for what it read
		c.fill(ballast)
		c.pause("the daemon does not say that the disk is full")
	}
	// While it is full, more comes, and none of it is taken.
	write(1000)
	per, _, _ := c.counted()
	full := len(per)
	if full == 0 || full >= next {
		t.Errorf("%d of %d events are counted on a disk that is full", full, next)
	}
	if n := c.said("can't keep what was read"); n != 1 {
		t.Errorf("said %d times", n)
	}
	c.kill() // what it had read and could not keep is read again
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	running, said := c.said("msg=running"), c.said("can't keep what was read")
	c.start()
	for c.said("msg=running") == running {
		c.pause("the daemon does not start again")
	}
	// A second time, and this time it lives to see the end of it.
	for c.said("can't keep what was read") == said {
		c.fill(ballast)
		write(200)
		c.pause("the daemon does not say that the disk is full again")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	per, problems, _ := c.settle(next, int64(next*(linesEach-1)-(next+traceEvery-1)/traceEvery*6))
	var lost, doubled int
	for i := range next {
		switch n := per[i]; {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	if lost > 0 || doubled > 0 || problems != int64(next) {
		t.Errorf("of %d events %d were lost and %d doubled; %d problems were counted", next, lost, doubled, problems)
	}
	if c.said("keeping works again") == 0 {
		t.Error("it does not say that it goes on")
	}
	if c.daemon.Process.Signal(syscall.Signal(0)) != nil {
		t.Error("the daemon ended")
	}
}

// fill makes a file that takes all the room there is.
func (c *crash) fill(path string) {
	c.t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size >= 4096; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			c.t.Fatal(err)
		}
	}
}

// said is how often the daemon's own log has a text.
func (c *crash) said(text string) int {
	c.t.Helper()
	b, err := os.ReadFile(c.errors.Name())
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Count(string(b), text)
}

// pause lets the daemon have a moment, and fails once it had too many.
func (c *crash) pause(failure string) {
	c.t.Helper()
	if c.pauses++; c.pauses > 600 {
		c.t.Fatal(failure)
	}
	<-time.After(100 * time.Millisecond)
}
