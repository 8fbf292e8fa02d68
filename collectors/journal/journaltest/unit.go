package journaltest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// journald takes _SYSTEMD_UNIT from the cgroup of the process that the kernel names as the sender. A unit here is a cgroup of that
// name with a process in it that does nothing; root may send in the name of any process, so the entries need no writer of
// their own. Only the cgroup is made up: what journald does with it is what it always does.

// Unit is a unit that writes to a Journald.
type Unit struct {
	j     *Journald
	creds []byte
	procs string
}

// units are the cgroups of one Journald.
type units struct {
	slice string
	made  map[string]*Unit
}

// Unit gives the unit of that name ("api.service"), made when it is first asked for.
func (j *Journald) Unit(name string) *Unit {
	j.t.Helper()
	if j.units == nil {
		root, err := cgroupRoot()
		if err != nil {
			if os.Getenv("CI") == "true" {
				j.t.Fatal(err)
			}
			j.t.Skip(err)
		}
		slice, err := os.MkdirTemp(root, "lwtest*.slice")
		must(j.t, err)
		u := &units{slice: slice, made: make(map[string]*Unit)}
		j.units = u
		// A cgroup can be removed once its processes are gone; cleanups run last first, so theirs have ended by then.
		j.t.Cleanup(func() { must(j.t, os.Remove(u.slice)) })
	}
	if u := j.units.made[name]; u != nil {
		return u
	}
	dir := filepath.Join(j.units.slice, name)
	must(j.t, os.Mkdir(dir, 0o755))
	j.t.Cleanup(func() { must(j.t, os.Remove(dir)) })
	u := &Unit{j: j, procs: filepath.Join(dir, "cgroup.procs")}
	cmd := exec.Command("cat") // until its input ends
	stdin, err := cmd.StdinPipe()
	must(j.t, err)
	must(j.t, cmd.Start())
	j.t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	must(j.t, os.WriteFile(u.procs, []byte(strconv.Itoa(cmd.Process.Pid)), 0o644))
	u.creds = unix.UnixCredentials(&unix.Ucred{Pid: int32(cmd.Process.Pid)})
	j.units.made[name] = u
	return u
}

// Write sends an entry as a process of the unit.
func (u *Unit) Write(fields ...Field) {
	u.j.t.Helper()
	u.j.send(u.creds, encode(fields))
}

// Print writes an entry with a priority and a message.
func (u *Unit) Print(priority int, message string) {
	u.j.t.Helper()
	u.Write(Field{"PRIORITY", strconv.Itoa(priority)}, Field{"MESSAGE", message})
}

// Run runs a program as a process of the unit and hands its output to the journal as that of a service goes there: line by
// line, through a stream. It returns when journald has it. The program's output is printed by one process that lives until
// then, since journald can't tell the unit of a process that is gone when it looks.
func (u *Unit) Run(identifier string, argv ...string) {
	u.j.t.Helper()
	// journald asks the kernel who connected, so the one that connects has to be in the cgroup already.
	cmd := exec.Command("nsenter", append([]string{
		"--mount=/proc/" + strconv.Itoa(u.j.cmd.Process.Pid) + "/ns/mnt", "--wd=.",
		"sh", "-c", `read -r go; id=$1; shift; exec systemd-cat --identifier="$id" sh -c "$@"`, "sh", identifier,
		`out=$("$@" 2>&1 </dev/null); printf "%s\n" "$out"; echo >&3; read -r end`, "sh",
	}, argv...)...)
	stdin, err := cmd.StdinPipe()
	must(u.j.t, err)
	printed, fd3, err := os.Pipe()
	must(u.j.t, err)
	defer printed.Close()
	cmd.ExtraFiles = []*os.File{fd3}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	must(u.j.t, cmd.Start())
	must(u.j.t, fd3.Close())
	must(u.j.t, os.WriteFile(u.procs, []byte(strconv.Itoa(cmd.Process.Pid)), 0o644))
	_, err = io.WriteString(stdin, "go\n")
	must(u.j.t, err)
	if _, err := printed.Read(make([]byte, 1)); err != nil {
		u.j.t.Fatalf("%v did not run: %v\n%s", argv, err, stderr.String())
	}
	u.j.Sync()
	must(u.j.t, stdin.Close())
	_ = cmd.Wait() // the shell's read fails at the end of its input
}

// cgroupRoot gives the hierarchy that systemd keeps its units in, where it can be written: a pure cgroup2, the cgroup2 of
// a hybrid layout, or systemd's own hierarchy of the old layout.
func cgroupRoot() (string, error) {
	const base = "/sys/fs/cgroup"
	for _, dir := range []string{base, base + "/unified", base + "/systemd"} {
		var st syscall.Statfs_t
		if err := syscall.Statfs(dir, &st); err != nil {
			continue
		}
		if dir != base+"/systemd" && st.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		if !mounted(dir) {
			continue
		}
		if err := unix.Access(dir, unix.W_OK); err != nil {
			return "", fmt.Errorf("a unit for the test needs a writable cgroup hierarchy: %s: %w", dir, err)
		}
		return dir, nil
	}
	return "", errors.New("a unit for the test needs a cgroup hierarchy at " + base)
}

func mounted(dir string) bool {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if p := strings.Fields(s.Text()); len(p) > 1 && p[1] == dir {
			return true
		}
	}
	return false
}

// sealed gives a file in memory that can't be changed any more.
func sealed(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("journaltest", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "journaltest")
	_, werr := f.Write(data)
	_, serr := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE|unix.F_SEAL_SEAL)
	if err := errors.Join(werr, serr); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
