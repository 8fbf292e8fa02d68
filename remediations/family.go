package remediations

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A command's processes are more than its process group: a grandchild with setsid(2) leaves it, and one whose parent died is a
// child of init. So /proc is read for all that have the command's session or group, descend from one that has, or carry the
// command's marker in their environment, which is inherited whatever else is changed. A child subreaper would see more, but it
// is a property of the whole daemon; a cgroup needs rights that the daemon does not have.

// procID names one process for ever (within a boot): a PID is used again, with its start it is not.
type procID struct {
	pid   int
	start uint64
}

// proc is what /proc says of a process.
type proc struct {
	procID
	ppid, group, session int
	zombie               bool
	marked               bool
}

// markerName is the variable that a command's processes carry. Its value is the action's id, which a command may log.
const markerName = "LOGWRIGHT_ACTION"

// readProc gives one process; ok is false where there is none.
func readProc(pid int) (proc, bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return proc{}, false
	}
	// The second field is the program's name in parentheses, and may have anything in it.
	i := bytes.LastIndexByte(b, ')')
	if i < 0 {
		return proc{}, false
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 20 {
		return proc{}, false
	}
	number := func(i int) int { n, _ := strconv.Atoi(f[i]); return n }
	start, err := strconv.ParseUint(f[19], 10, 64)
	if err != nil {
		return proc{}, false
	}
	return proc{
		procID: procID{pid, start}, ppid: number(1), group: number(2), session: number(3), zombie: f[0] == "Z" || f[0] == "X",
	}, true
}

// processes lists all that can be seen and began at since or later, but this one. The environment of those that are known already
// is not read again.
func processes(marker string, since uint64, known map[procID]bool) []proc {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var out []proc
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, ok := readProc(pid); ok && p.start >= since {
			p.marked = !known[p.procID] && carries(pid, marker)
			out = append(out, p)
		}
	}
	return out
}

// carries says whether the process has the marker. Those of other users can't be looked at by an unprivileged daemon, and
// could not be signalled by it either.
func carries(pid int, marker string) bool {
	f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, 1<<20))
	return slices.Contains(strings.Split(string(b), "\x00"), markerName+"="+marker)
}

// family is the processes of one command that were seen so far.
type family struct {
	leader procID
	marker string
	known  map[procID]bool
}

func newFamily(leader procID, marker string) *family {
	return &family{leader: leader, marker: marker, known: map[procID]bool{leader: true}}
}

// alive looks for members and gives those that live.
func (f *family) alive() []procID {
	all := processes(f.marker, f.leader.start, f.known)
	byPID := make(map[int]procID, len(all))
	for _, p := range all {
		byPID[p.pid] = p.procID
	}
	// Group and session mean something only while the one they are named after was not replaced by another process.
	leads := byPID[f.leader.pid] == f.leader || byPID[f.leader.pid] == procID{}
	for grew := true; grew; {
		grew = false
		for _, p := range all {
			if !f.known[p.procID] &&
				(p.marked || leads && (p.group == f.leader.pid || p.session == f.leader.pid) || f.known[byPID[p.ppid]]) {
				f.known[p.procID] = true
				grew = true
			}
		}
	}
	var out []procID
	for _, p := range all {
		if f.known[p.procID] && !p.zombie {
			out = append(out, p.procID)
		}
	}
	return out
}

// send sends sig to each of them that still is the process it was.
func send(members []procID, sig syscall.Signal) {
	for _, m := range members {
		// Found first, looked at then, signalled last: on Linux the handle stays with the process it was found for.
		p, err := os.FindProcess(m.pid)
		if err != nil {
			continue
		}
		if now, ok := readProc(m.pid); ok && now.procID == m {
			_ = p.Signal(sig)
		}
		_ = p.Release()
	}
}

// How often processes are looked at that have to end: often at first, then less so. How often SIGKILL is tried, against those
// that fork meanwhile.
const (
	pollFirst = 10 * time.Millisecond
	pollLast  = 250 * time.Millisecond
	killTries = 50
)

// stop ends the family: SIGTERM, and SIGKILL for those that live after grace. What is left could not be ended.
func (f *family) stop(grace time.Duration) (left []procID) {
	end := time.NewTimer(grace)
	defer end.Stop()
	told := make(map[procID]bool)
	poll := pollFirst
	for waiting := true; waiting; {
		members := f.alive()
		if len(members) == 0 {
			return nil
		}
		members = slices.DeleteFunc(members, func(m procID) bool { return told[m] })
		send(members, syscall.SIGTERM)
		for _, m := range members {
			told[m] = true
		}
		select {
		case <-time.After(poll):
			poll = min(2*poll, pollLast)
		case <-end.C:
			waiting = false
		}
	}
	for range killTries {
		if left = f.alive(); len(left) == 0 {
			return nil
		}
		send(left, syscall.SIGKILL)
		<-time.After(2 * pollFirst)
	}
	return f.alive()
}

// bootID names the boot; "" where it can't be read.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// lives says that the process of a run file is still there.
func (f runFile) lives() bool {
	if f.PID <= 1 || f.Start == 0 || f.Boot == "" || f.Boot != bootID() {
		return false
	}
	p, ok := readProc(f.PID)
	return ok && p.start == f.Start && !p.zombie
}
