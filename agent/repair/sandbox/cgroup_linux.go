//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Control groups, where this process may make some. Version 2 needs a group that is delegated to us (Delegate=yes in the
// unit); there a group with processes can't have children with limits, so the daemon's own processes move to a group
// beside the runs'. With version 1, root makes a group below its own in the memory hierarchy.

const (
	daemonGroup = "logwright-daemon" // where our own processes go, version 2
	runGroup    = "logwright-sandbox-"
)

// groups is where control groups for runs can be made.
type groups struct {
	dir string // the parent of runs' groups
	v2  bool
}

// group is one run's.
type group struct {
	dir string
	v2  bool
}

// findGroups gives where groups can be made, nil where they can't.
func findGroups(log *slog.Logger) *groups {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	g, err := groupsIn("/sys/fs/cgroup", string(own), os.Getpid())
	if err != nil {
		log.Debug("no control groups for the sandbox", "err", err)
		return nil
	}
	g.sweep(time.Now())
	return g
}

// sweep removes what a daemon that was killed left behind. The kernel removes none with a process in it; those of a moment
// ago may be waiting for theirs.
func (g *groups) sweep(now time.Time) {
	left, _ := filepath.Glob(filepath.Join(g.dir, runGroup+"*")) // the pattern is good
	for _, dir := range left {
		if info, err := os.Lstat(dir); err == nil && now.Sub(info.ModTime()) > time.Minute {
			_ = os.Remove(dir) // the next sweep tries again
		}
	}
}

// groupsIn looks below mount, where control groups are mounted; own is /proc/self/cgroup.
func groupsIn(mount, own string, pid int) (*groups, error) {
	for line := range strings.Lines(own) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		switch {
		case f[0] == "0" && f[1] == "":
			dir := filepath.Join(mount, f[2])
			if !strings.Contains(readWord(filepath.Join(dir, "cgroup.controllers")), "memory") {
				continue // version 1 has the memory
			}
			return delegated(dir, pid)
		case strings.Contains(","+f[1]+",", ",memory,"):
			dir := filepath.Join(mount, "memory", f[2])
			if err := unix.Access(filepath.Join(dir, "memory.limit_in_bytes"), unix.W_OK); err != nil {
				return nil, fmt.Errorf("%s: %w", dir, err)
			}
			return &groups{dir: dir}, nil
		}
	}
	return nil, errors.New("no memory controller")
}

// delegated prepares a group of version 2. It touches none that was not given to us: root may write every group of the host,
// but only a delegated one is marked as such.
func delegated(dir string, pid int) (*groups, error) {
	if filepath.Base(dir) == daemonGroup { // an earlier Sandbox of this process moved us
		return &groups{dir: filepath.Dir(dir), v2: true}, nil
	}
	if !delegatedMark(dir) {
		return nil, fmt.Errorf("%s is not delegated", dir)
	}
	leaf := filepath.Join(dir, daemonGroup)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := put(filepath.Join(leaf, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
		return nil, err
	}
	if err := put(filepath.Join(dir, "cgroup.subtree_control"), "+memory +pids"); err != nil {
		return nil, err
	}
	return &groups{dir: dir, v2: true}, nil
}

// delegatedMark: systemd marks a group that it gave away with an extended attribute. Where we are no root, a group that can
// be written was given to us by somebody.
func delegatedMark(dir string) bool {
	b := make([]byte, 8)
	for _, attr := range []string{"trusted.delegate", "user.delegate"} {
		if n, err := unix.Getxattr(dir, attr, b); err == nil && string(b[:n]) == "1" {
			return true
		}
	}
	return os.Geteuid() != 0 && unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil && unix.Access(dir, unix.W_OK) == nil
}

// make makes a group and puts pid into it, with everything it will start. memory is in bytes.
func (g *groups) make(pid int, memory int64, processes int) (*group, error) {
	if g == nil {
		return nil, nil
	}
	dir, err := os.MkdirTemp(g.dir, runGroup)
	if err != nil {
		return nil, err
	}
	one := &group{dir: dir, v2: g.v2}
	err = one.limit(memory, processes)
	if err == nil {
		err = put(filepath.Join(one.dir, "cgroup.procs"), strconv.Itoa(pid))
	}
	if err != nil {
		_ = os.Remove(one.dir)
		return nil, err
	}
	return one, nil
}

func (g *group) limit(memory int64, processes int) error {
	bytes := strconv.FormatInt(memory, 10)
	if !g.v2 {
		if err := put(filepath.Join(g.dir, "memory.limit_in_bytes"), bytes); err != nil {
			return err
		}
		// Hosts that don't count swap have no such file.
		return ifThere(put(filepath.Join(g.dir, "memory.memsw.limit_in_bytes"), bytes))
	}
	if err := put(filepath.Join(g.dir, "memory.max"), bytes); err != nil {
		return err
	}
	// Threads of bubblewrap and of the tools before the command count here too.
	return errors.Join(
		ifThere(put(filepath.Join(g.dir, "memory.swap.max"), "0")),
		ifThere(put(filepath.Join(g.dir, "memory.oom.group"), "1")),
		ifThere(put(filepath.Join(g.dir, "pids.max"), strconv.Itoa(processes+8))),
	)
}

func ifThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ranOut says that the kernel killed for want of memory.
func (g *group) ranOut() bool {
	name := "memory.oom_control"
	if g.v2 {
		name = "memory.events"
	}
	b, err := os.ReadFile(filepath.Join(g.dir, name))
	return err == nil && fields(b, "oom_kill ") > 0
}

// remove removes the group once nothing is in it, which the end of the namespace brings about.
func (g *group) remove(log *slog.Logger) {
	var err error
	timer := time.NewTimer(0)
	defer timer.Stop()
	for range 100 {
		<-timer.C
		if err = os.Remove(g.dir); err == nil || errors.Is(err, fs.ErrNotExist) {
			return
		}
		timer.Reset(10 * time.Millisecond)
	}
	log.Warn("a control group of the sandbox is left", "dir", g.dir, "err", err)
}

func put(name, value string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|unix.O_CLOEXEC, 0) // never create: these files are the kernel's
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(value)
	return err
}

func readWord(name string) string {
	b, _ := os.ReadFile(name) // "" where it is not there
	return string(bytes.TrimSpace(b))
}
