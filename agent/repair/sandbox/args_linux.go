//go:build amd64 || arm64

package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	workDir = "/tree"
	homeDir = "/home/sandbox"

	// The files that bubblewrap and the script get, in this order from 3 on; those of /etc follow.
	fdStatus  = 3 // the script says here that the copy is complete
	fdSeccomp = 4 // the filter
	fdInfo    = 5 // bubblewrap says here which process is the first of the namespace
	fdBlock   = 6 // and waits here until that one is held
	fdEtc     = 7
)

// reserved are the places of the sandbox's own, where no mount may be.
var reserved = []string{ //nolint:gochecknoglobals // a constant list
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/proc", "/sys", "/dev", "/run", "/var", "/root", "/home", "/tmp", workDir,
}

// check says what is wrong with j before anything is started.
func (j *Job) check() error {
	switch {
	case len(j.Argv) == 0 || j.Argv[0] == "":
		return errors.New("sandbox: a job needs a command")
	case strings.Contains(j.Argv[0], "="):
		return fmt.Errorf("sandbox: the command's name %q has a =, so it would be read as a variable", j.Argv[0])
	case j.Timeout < 0 || j.Memory < 0 || j.Disk < 0:
		return errors.New("sandbox: a limit is negative")
	case j.Dir != "" && !filepath.IsLocal(j.Dir):
		return fmt.Errorf("sandbox: the directory %q is not below %s", j.Dir, workDir)
	}
	for _, s := range j.Argv {
		if strings.ContainsRune(s, 0) {
			return errors.New("sandbox: an argument has a zero byte")
		}
	}
	for k, v := range j.Env {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.ContainsRune(v, 0) || strings.HasPrefix(k, "-") {
			return fmt.Errorf("sandbox: %q is no variable", k)
		}
	}
	for _, l := range j.Layers {
		if !filepath.IsAbs(l) {
			return fmt.Errorf("sandbox: the layer %q is no absolute path", l)
		}
	}
	for _, m := range j.Mounts {
		if !path.IsAbs(m.Inside) || path.Clean(m.Inside) != m.Inside || m.Inside == "/" || visible(m.Inside, reserved) {
			return fmt.Errorf("sandbox: nothing can be mounted at %q; take a place of its own such as /cache", m.Inside)
		}
		if !filepath.IsAbs(m.Host) {
			return fmt.Errorf("sandbox: the mount %q is no absolute path", m.Host)
		}
		if info, err := os.Lstat(m.Host); err != nil {
			return fmt.Errorf("sandbox: mount: %w", err)
		} else if !info.IsDir() {
			return fmt.Errorf("sandbox: mount: %s is no directory", m.Host)
		}
	}
	return nil
}

// etc are the files of the sandbox's /etc.
func (s *Sandbox) etc(j *Job) map[string]string {
	files := map[string]string{
		"passwd":        fmt.Sprintf("root:x:0:0:root:/root:/usr/sbin/nologin\nsandbox:x:%d:%d:sandbox:%s:/bin/sh\n", s.uid, s.gid, homeDir),
		"group":         fmt.Sprintf("root:x:0:\nsandbox:x:%d:\n", s.gid),
		"hosts":         "127.0.0.1 localhost sandbox\n::1 localhost\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
	}
	if j.Network {
		files["nsswitch.conf"] = "passwd: files\ngroup: files\nhosts: files dns\n"
		if b, err := os.ReadFile("/etc/resolv.conf"); err == nil && len(b) < 32<<10 {
			files["resolv.conf"] = string(b)
		}
	}
	return files
}

// etcSeen are what is seen of the host's /etc, read-only, where it is there: what programs below /usr keep there, and
// nothing that says anything of this host but whom it trusts.
func etcSeen() []string {
	seen := []string{"/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted", "/etc/ca-certificates"}
	java, _ := filepath.Glob("/etc/java-*-openjdk") // the pattern is good
	return append(seen, java...)
}

// variables gives the environment of a run as env(1) takes it, sorted.
func (s *Sandbox) variables(j *Job) []string {
	env := map[string]string{"PATH": s.path, "HOME": homeDir, "LANG": "C.UTF-8", "TMPDIR": "/tmp", "USER": "sandbox", "LOGNAME": "sandbox"}
	maps.Copy(env, j.Env)
	var out []string
	for _, k := range slices.Sorted(maps.Keys(env)) {
		out = append(out, k+"="+env[k])
	}
	return out
}

// script is what runs inside before the command: it unpacks the layers, says so, and becomes the command. The files it
// came with are closed by then. Its arguments are the directory, the environment and the command.
const script = `umask 022
echo 1000 >/proc/self/oom_score_adj
tar -x -f - -C ` + workDir + ` --warning=none --no-same-owner || exit 1
cd "$1" || exit 1
shift
echo go >&3
exec 3>&- </dev/null
exec env "$@"
`

// own makes the user that is dropped to the owner of its directories, as the last thing that root does.
const own = `chown "$1" ` + workDir + ` ` + homeDir + ` || exit 1
shift
exec "$@"
`

// arguments gives bubblewrap's, without its name. etc are the names of the files in /etc, in the order of their descriptors.
func (s *Sandbox) arguments(j *Job, etc []string) []string {
	on := s.without.on
	a := []string{"--die-with-parent", "--new-session", "--hostname", "sandbox", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"}
	if on(guardEnv) {
		a = append(a, "--clearenv")
	}
	a = append(a, "--setenv", "PATH", strings.Join(systemPath, ":"))
	if on(guardPIDs) {
		a = append(a, "--unshare-pid")
	}
	if on(guardNetwork) && !j.Network {
		a = append(a, "--unshare-net")
	}
	if s.root {
		a = append(a, "--cap-drop", "ALL")
		for _, c := range []string{"CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_CHOWN"} {
			a = append(a, "--cap-add", c)
		}
	} else {
		a = append(a, "--unshare-user", "--cap-drop", "ALL")
		if s.disableUserns && on(guardSeccomp) {
			a = append(a, "--disable-userns")
		}
	}
	a = append(a, s.mounts(j)...)
	for i, name := range etc {
		a = append(a, "--perms", "0644", "--file", strconv.Itoa(fdEtc+i), "/etc/"+name)
	}
	if on(guardSeccomp) {
		a = append(a, "--seccomp", strconv.Itoa(fdSeccomp))
	}
	a = append(a, "--info-fd", strconv.Itoa(fdInfo), "--block-fd", strconv.Itoa(fdBlock), "--chdir", workDir, "--")
	if s.root {
		a = append(a, s.tools["sh"], "-c", own, "sh", fmt.Sprintf("%d:%d", s.uid, s.gid), s.tools["setpriv"])
		if on(guardUser) {
			a = append(a, fmt.Sprintf("--reuid=%d", s.uid), fmt.Sprintf("--regid=%d", s.gid), "--clear-groups",
				"--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all")
		}
		a = append(a, "--no-new-privs", "--")
	}
	a = append(a, s.tools["prlimit"], "--nofile=4096:4096", "--memlock=65536:65536")
	if on(guardProcesses) {
		a = append(a, fmt.Sprintf("--nproc=%d:%[1]d", s.c.Processes))
	}
	if on(guardDisk) {
		a = append(a, fmt.Sprintf("--fsize=%d:%[1]d", s.disk(j)))
	}
	a = append(a, "--", s.tools["sh"], "-c", script, "sh", path.Join(workDir, j.Dir))
	if on(guardEnv) {
		a = append(a, "-i")
	}
	a = append(a, s.variables(j)...)
	return append(a, j.Argv...)
}

// mounts gives the part of the arguments that says what is seen.
func (s *Sandbox) mounts(j *Job) []string {
	on := s.without.on
	var a []string
	if on(guardDisk) {
		a = append(a, "--size", strconv.FormatInt(s.disk(j), 10))
	}
	// One tmpfs for everything that can be written, so that one size bounds it all; /dev is in it, too.
	a = append(a, "--perms", "0755", "--tmpfs", "/")
	ro := "--ro-bind"
	if !on(guardReadOnly) {
		ro = "--bind"
	}
	a = append(a, ro, "/usr", "/usr")
	for _, d := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		info, err := os.Lstat(d)
		if err != nil {
			continue
		}
		if to, err := os.Readlink(d); err == nil {
			a = append(a, "--symlink", to, d)
		} else if info.IsDir() {
			a = append(a, ro, d, d)
		}
	}
	// Directories on the way to a mount that bubblewrap makes unasked can be root's alone.
	inside := slices.Concat(etcSeen(), s.seen)
	for _, m := range j.Mounts {
		inside = append(inside, m.Inside)
	}
	for _, d := range ancestors(inside) {
		a = append(a, "--perms", "0755", "--dir", d)
	}
	for _, p := range slices.Concat(etcSeen(), s.seen) {
		a = append(a, ro+"-try", p, p)
	}
	if !on(guardMounts) {
		for _, d := range []string{"/etc/shadow", "/root", "/var", "/run"} {
			a = append(a, ro+"-try", d, d)
		}
		a = append(a, "--bind", os.TempDir(), os.TempDir())
	}
	a = append(a, "--proc", "/proc", "--dir", "/dev")
	for _, d := range []string{"null", "zero", "full", "random", "urandom"} {
		a = append(a, "--dev-bind", "/dev/"+d, "/dev/"+d)
	}
	a = append(a, "--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/proc/self/fd/0", "/dev/stdin",
		"--symlink", "/proc/self/fd/1", "/dev/stdout", "--symlink", "/proc/self/fd/2", "/dev/stderr",
		"--perms", "1777", "--dir", "/dev/shm", "--perms", "1777", "--dir", "/tmp", "--dir", homeDir, "--dir", workDir)
	for _, m := range j.Mounts {
		if m.Writable {
			a = append(a, "--bind", m.Host, m.Inside)
		} else {
			a = append(a, ro, m.Host, m.Inside)
		}
	}
	return a
}

// ancestors gives the directories above paths, the upper ones first.
func ancestors(paths []string) []string {
	var out []string
	for _, p := range paths {
		for d := path.Dir(p); d != "/"; d = path.Dir(d) {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (s *Sandbox) disk(j *Job) int64 {
	if j.Disk > 0 {
		return j.Disk
	}
	return s.c.Disk
}

func (s *Sandbox) memory(j *Job) int64 {
	if j.Memory > 0 {
		return j.Memory
	}
	return s.c.Memory
}
