//go:build amd64 || arm64

package sandbox

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// watchEvery is how often a run is looked at, unless looking takes longer than a tenth of that.
	watchEvery = 50 * time.Millisecond
	// inodeBytes is what a file of the tmpfs takes beside its content, about.
	inodeBytes = 1 << 10
)

// usage is what a run takes, or the most it took.
type usage struct {
	memory int64 // of processes, in bytes
	tasks  int
	full   bool // the disk
}

// watch looks at the run until stop, and ends it when it takes more than it may.
func (r *run) watch(stop <-chan struct{}) {
	limit := r.s.memory(r.j)
	if !r.s.without.on(guardMemory) || !r.s.without.on(guardPIDs) { // without, its /proc has the whole host
		limit = 1 << 62
	}
	floor := availableFloor()
	var mounts mountWatch
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		begin := time.Now()
		// Until then the process may still have the host's root, and the sum would be the host's.
		if !r.begun.Load() {
			timer.Reset(watchEvery)
			continue
		}
		if u, ok := r.look(limit); ok {
			r.peak.tasks, r.peak.full = max(r.peak.tasks, u.tasks), r.peak.full || u.full
			if u.memory > limit || available() < floor {
				r.kill(ReasonMemory)
				return
			}
		}
		if mounts.due(r.j.Mounts) && mounts.size(r.j.Mounts) > r.s.disk(r.j) && r.s.without.on(guardDisk) {
			r.kill(ReasonDisk)
			return
		}
		timer.Reset(max(watchEvery, 10*time.Since(begin)))
	}
}

// look adds up what the namespace takes. It reads the sandbox's own /proc, where only its processes are; ok is false where
// the namespace is gone.
func (r *run) look(limit int64) (u usage, ok bool) {
	root := fmt.Sprintf("/proc/%d/root", r.pid)
	procs, err := os.ReadDir(root + "/proc")
	if err != nil {
		return usage{}, false
	}
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		return usage{}, false
	}
	u.full = st.Bfree <= st.Blocks/100 || st.Ffree == 0
	u.memory = int64(st.Files-st.Ffree) * inodeBytes
	var dirs []string
	for _, p := range procs {
		if c := p.Name()[0]; c < '0' || c > '9' {
			continue
		}
		dir := filepath.Join(root, "proc", p.Name())
		m, tasks := status(dir)
		u.memory += m
		u.tasks += tasks
		dirs = append(dirs, dir)
	}
	if u.memory > limit {
		// Pages that processes share were counted for each of them. This is dearer, and exact.
		u.memory = int64(st.Files-st.Ffree) * inodeBytes
		for _, dir := range dirs {
			u.memory += proportional(dir)
		}
	}
	// The id was not given to another process meanwhile.
	fds := []unix.PollFd{{Fd: int32(r.init), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return u, n == 0 && err == nil
}

// status gives a process's own memory, shared pages included, and its threads. A process that is gone has none.
func status(dir string) (memory int64, tasks int) {
	b, err := os.ReadFile(dir + "/status")
	if err != nil {
		return 0, 0
	}
	return 1024 * fields(b, "RssAnon:", "RssShmem:", "VmSwap:"), int(fields(b, "Threads:"))
}

// proportional gives a process's share of the memory it has, and where that can't be read, all of it.
func proportional(dir string) int64 {
	b, err := os.ReadFile(dir + "/smaps_rollup")
	if err != nil {
		m, _ := status(dir)
		return m
	}
	return 1024 * fields(b, "Pss_Anon:", "Pss_Shmem:", "SwapPss:")
}

// fields adds up the numbers behind names, each at the beginning of a line.
func fields(b []byte, names ...string) (sum int64) {
	for line := range bytes.Lines(b) {
		for _, name := range names {
			if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
				number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
				n, err := strconv.ParseInt(string(number), 10, 64)
				if err == nil {
					sum += n
				}
			}
		}
	}
	return sum
}

// available is the memory that the host can still give, in bytes; a great number where nobody says.
func available() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 1 << 62
	}
	if n := fields(b, "MemAvailable:"); n > 0 {
		return n * 1024
	}
	return 1 << 62
}

// availableFloor is what has to stay available for a run to go on: a thirty-second of the host's memory, or half of what is
// there now on a host that has less.
func availableFloor() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return min(fields(b, "MemTotal:")*1024/32, fields(b, "MemAvailable:")*1024/2)
}

// mountWatch measures the writable mounts, which are on the host's disk and have no size of their own.
type mountWatch struct{ next time.Time }

func (w *mountWatch) due(ms []Mount) bool {
	for _, m := range ms {
		if m.Writable {
			return !time.Now().Before(w.next)
		}
	}
	return false
}

func (w *mountWatch) size(ms []Mount) (sum int64) {
	begin := time.Now()
	for _, m := range ms {
		if m.Writable {
			sum += occupied(m.Host)
		}
	}
	w.next = time.Now().Add(max(500*time.Millisecond, 10*time.Since(begin)))
	return sum
}

// occupied is what the files below dir take on disk, each counted as half a KiB at least. It follows no link, and what it
// can't read counts for nothing.
func occupied(dir string) (sum int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // a command is at work in there: names come and go
		}
		if info, err := d.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				sum += max(st.Blocks, 1) * 512
			}
		}
		return nil
	})
	return sum
}
