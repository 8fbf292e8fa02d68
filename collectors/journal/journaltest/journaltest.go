// Package journaltest runs a real systemd-journald for tests: with directories and sockets of its own, in a mount namespace of
// its own, so that nothing of the host is read or changed. It needs root, systemd's journald and util-linux's unshare.
package journaltest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// script sets the namespace up and becomes journald. /run and /var/log are covered, so that journald finds only what is
// ours there. The file "flushed" tells it that /var is there, so that it writes to /var/log/journal at once.
const script = `set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/systemd/journal /var/log/journal
mount --bind "$1/run" /run/systemd/journal
mount --bind "$1/log" /var/log/journal
mkdir -p /etc/systemd
[ -e /etc/systemd/journald.conf ] || { mount -t tmpfs tmpfs /etc/systemd; : > /etc/systemd/journald.conf; }
mount --bind "$1/journald.conf" /etc/systemd/journald.conf
mount --bind "$1/machine-id" /etc/machine-id
mount --bind "$1/boot_id" /proc/sys/kernel/random/boot_id
exec "$2"
`

const config = `[Journal]
Storage=persistent
Compress=yes
ReadKMsg=no
Audit=no
ForwardToSyslog=no
ForwardToKMsg=no
ForwardToConsole=no
ForwardToWall=no
SyncIntervalSec=1s
`

// MachineID and the boot's id when Options name none are made up, the same in each test.
const (
	MachineID = "10ca1beef0000000000000000000cafe"
	BootID    = "b0070000-0000-4000-8000-000000000001"
)

// Options change what Start starts. The zero Options are what most tests want.
type Options struct {
	// Dir holds the state of an earlier Journald to go on with, "" a new temporary directory.
	Dir string
	// BootID is in the form of /proc/sys/kernel/random/boot_id; a second one makes a reboot of it.
	BootID string
	// Config is appended to journald.conf, below [Journal]. Rate limiting is off unless it says otherwise.
	Config string
}

// Journald is a systemd-journald that runs.
type Journald struct {
	t      testing.TB
	root   string
	cmd    *exec.Cmd
	conn   *net.UnixConn
	stderr bytes.Buffer
	stop   bool
	units  *units
}

// Need fails the test, or skips it outside CI, where a journald can't be run.
func Need(t testing.TB) {
	t.Helper()
	if err := missing(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func missing() error {
	if os.Geteuid() != 0 {
		return errors.New("running a systemd-journald for the test needs root")
	}
	for _, p := range []string{"unshare", "journalctl"} {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("running a systemd-journald for the test: %w; `make test` installs it", err)
		}
	}
	_, err := binaryPath()
	return err
}

func binaryPath() (string, error) {
	for _, p := range []string{"/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", errors.New("systemd-journald is not installed (Debian package systemd); `make test` installs it")
}

// Start starts a journald and waits until it takes entries. It is stopped when the test ends.
func Start(t testing.TB) *Journald { return StartWith(t, Options{}) }

// StartWith is Start with Options.
func StartWith(t testing.TB, o Options) *Journald {
	t.Helper()
	Need(t)
	if o.Dir == "" {
		// Not t.TempDir: its name has the test's in it, and a socket's path may have 107 bytes.
		dir, err := os.MkdirTemp("", "journald") //nolint:usetesting // see above
		must(t, err)
		t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
		o.Dir = dir
	}
	if o.BootID == "" {
		o.BootID = BootID
	}
	if !strings.Contains(o.Config, "RateLimit") {
		o.Config += "\nRateLimitBurst=0\n"
	}
	j := &Journald{t: t, root: o.Dir}
	must(t, os.RemoveAll(filepath.Join(o.Dir, "run")))
	for _, d := range []string{"run", "log"} {
		must(t, os.MkdirAll(filepath.Join(o.Dir, d), 0o755))
	}
	for name, text := range map[string]string{
		"run/flushed": "", "journald.conf": config + o.Config + "\n", "machine-id": MachineID + "\n", "boot_id": o.BootID + "\n",
	} {
		must(t, os.WriteFile(filepath.Join(o.Dir, name), []byte(text), 0o644))
	}
	j.start()
	return j
}

// start runs journald and waits for its word that it is ready.
func (j *Journald) start() {
	j.t.Helper()
	bin, err := binaryPath()
	must(j.t, err)
	ready, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "@" + filepath.Base(j.root) + "-ready", Net: "unixgram"})
	must(j.t, err)
	defer ready.Close()
	j.cmd = exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", j.root, bin)
	j.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NOTIFY_SOCKET=" + ready.LocalAddr().String()}
	j.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // a test that panics runs no cleanup
	j.cmd.Stderr, j.cmd.Stdout = &j.stderr, &j.stderr
	must(j.t, j.cmd.Start())
	j.t.Cleanup(j.Stop)
	must(j.t, ready.SetReadDeadline(time.Now().Add(30*time.Second)))
	buf := make([]byte, 4096)
	for {
		n, err := ready.Read(buf)
		if err != nil {
			j.Stop()
			j.t.Fatalf("systemd-journald did not start: %v\n%s", err, j.stderr.String())
		}
		if strings.Contains(string(buf[:n]), "READY=1") {
			break
		}
	}
	// Not dialled: credentials can be sent only with an address.
	j.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	must(j.t, err)
}

// Stop ends journald and waits for it: what it took is in its files then. It may be called more than once.
func (j *Journald) Stop() {
	if j.stop {
		return
	}
	j.stop = true
	_ = j.cmd.Process.Signal(syscall.SIGTERM)
	_ = j.cmd.Wait()
	if j.conn != nil {
		_ = j.conn.Close()
	}
}

// Root is the directory of everything, for Options.Dir of a later one.
func (j *Journald) Root() string { return j.root }

// Dir is the directory of the journal files, for journalctl --directory.
func (j *Journald) Dir() string { return filepath.Join(j.root, "log") }

// Files gives the journal files, oldest first by name within their kind.
func (j *Journald) Files() []string {
	j.t.Helper()
	files, err := filepath.Glob(filepath.Join(j.Dir(), "*", "*.journal*"))
	must(j.t, err)
	return files
}

// Field is one field of an entry, as the writer sends it. Names that begin with an underscore can be sent; journald is to
// refuse them.
type Field struct{ Name, Value string }

// Write sends an entry from the test's own process, by journald's native protocol.
func (j *Journald) Write(fields ...Field) {
	j.t.Helper()
	j.send(nil, encode(fields))
}

// Print writes an entry with a priority and a message.
func (j *Journald) Print(priority int, message string) {
	j.t.Helper()
	j.Write(Field{"PRIORITY", fmt.Sprint(priority)}, Field{"MESSAGE", message})
}

// encode gives the fields in the native protocol; values with a newline go with their length.
func encode(fields []Field) []byte {
	var b []byte
	for _, f := range fields {
		b = append(b, f.Name...)
		if strings.Contains(f.Value, "\n") {
			b = append(b, '\n')
			b = binary.LittleEndian.AppendUint64(b, uint64(len(f.Value)))
		} else {
			b = append(b, '=')
		}
		b = append(b, f.Value...)
		b = append(b, '\n')
	}
	return b
}

// send sends a datagram, with credentials oob where given. What is too large for one goes as a sealed file, as sd_journal_send does.
func (j *Journald) send(oob, data []byte) {
	j.t.Helper()
	to := &net.UnixAddr{Name: filepath.Join(j.root, "run/socket"), Net: "unixgram"}
	_, _, err := j.conn.WriteMsgUnix(data, oob, to)
	if errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.ENOBUFS) {
		f, ferr := sealed(data)
		must(j.t, ferr)
		defer f.Close()
		_, _, err = j.conn.WriteMsgUnix(nil, append(syscall.UnixRights(int(f.Fd())), oob...), to)
	}
	must(j.t, err)
}

// Sync returns when everything sent before is in the journal's files.
func (j *Journald) Sync() { j.call("io.systemd.Journal.Synchronize") }

// Rotate closes the journal files and opens new ones. What was sent before is in the closed ones.
func (j *Journald) Rotate() {
	j.Sync()
	j.call("io.systemd.Journal.Rotate")
}

// Vacuum deletes every archived journal file.
func (j *Journald) Vacuum() {
	j.t.Helper()
	j.Journalctl("--vacuum-size=1")
}

// Journalctl runs journalctl on Dir and gives its output.
func (j *Journald) Journalctl(args ...string) string {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "journalctl", append([]string{"--directory=" + j.Dir(), "--no-pager"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		j.t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	return string(out)
}

// call makes a varlink call and waits for the answer.
func (j *Journald) call(method string) {
	j.t.Helper()
	conn, err := net.Dial("unix", filepath.Join(j.root, "run/io.systemd.journal"))
	must(j.t, err)
	defer conn.Close()
	must(j.t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = conn.Write(append([]byte(`{"method":"`+method+`"}`), 0))
	must(j.t, err)
	var answer struct{ Error string }
	must(j.t, json.NewDecoder(conn).Decode(&answer))
	if answer.Error != "" {
		j.t.Fatalf("%s: %s", method, answer.Error)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
