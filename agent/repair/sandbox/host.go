package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// nobodysUID is whom commands run as where the daemon is root and the configured user does not exist. Debian reserves the
// numbers around it, systemd's dynamic users end below it.
const nobodysUID = 65531

// account gives the user and the group to drop to.
func account(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		if n, e := strconv.Atoi(name); e == nil && n > 0 {
			return n, n, nil
		}
		var unknown user.UnknownUserError
		if errors.As(err, &unknown) {
			return nobodysUID, nobodysUID, nil
		}
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	if gid, err = strconv.Atoi(u.Gid); err != nil {
		return 0, 0, err
	}
	if uid == 0 || gid == 0 {
		return 0, 0, errors.New("user " + name + " is root, or of its group")
	}
	return uid, gid, nil
}

// systemPath is where the sandbox's own tools are looked for, and the end of every run's PATH.
var systemPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} //nolint:gochecknoglobals // a constant list

// visible says whether p lies below one of roots.
func visible(p string, roots []string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return p == r || strings.HasPrefix(p, strings.TrimRight(r, "/")+"/") })
}

// goRoot gives the root of the Go that is found in one of dirs, if its tree looks like one.
func goRoot(dirs []string) (string, bool) {
	for _, d := range dirs {
		if !filepath.IsAbs(d) {
			continue
		}
		file, err := filepath.EvalSymlinks(filepath.Join(d, "go"))
		if err != nil {
			continue
		}
		root := filepath.Dir(filepath.Dir(file))
		if info, err := os.Stat(filepath.Join(root, "src", "runtime")); err == nil && info.IsDir() {
			return root, true
		}
	}
	return "", false
}

// toolchains gives what beside /usr has to be seen for the tools in operatorPath, and the PATH of every run.
func toolchains(operatorPath string, extra []string) (mounts []string, runPath string) {
	dirs := filepath.SplitList(operatorPath)
	roots := []string{"/usr", "/bin", "/sbin"}
	for _, e := range extra {
		if filepath.IsAbs(e) && !visible(filepath.Clean(e), append(slices.Clone(roots), mounts...)) {
			mounts = append(mounts, filepath.Clean(e))
		}
	}
	var ends []string
	if root, ok := goRoot(append(slices.Clone(dirs), "/usr/local/go/bin", "/usr/lib/go/bin")); ok {
		if !visible(root, append(slices.Clone(roots), mounts...)) {
			mounts = append(mounts, root)
		}
		ends = append(ends, filepath.Join(root, "bin"))
	}
	var out []string
	for _, d := range slices.Concat(dirs, ends, systemPath) {
		if filepath.IsAbs(d) && visible(filepath.Clean(d), append(slices.Clone(roots), mounts...)) && !slices.Contains(out, filepath.Clean(d)) {
			out = append(out, filepath.Clean(d))
		}
	}
	return mounts, strings.Join(out, ":")
}

// find gives the path of a tool of the system, "" where it is not there.
func find(name string) string {
	for _, d := range systemPath {
		if p, err := exec.LookPath(filepath.Join(d, name)); err == nil {
			return p
		}
	}
	return ""
}

// explain says why bubblewrap, which is there, could not make a sandbox: stderr is what it wrote, setting reads a file below
// /proc ("" where it is not there), and root is who we are.
func explain(stderr string, root bool, setting func(string) string) *UnavailableError {
	said := strings.TrimSpace(lastLine(stderr))
	zero := func(name string) bool { return setting("/proc/sys/"+name) == "0" }
	switch {
	case strings.Contains(stderr, "proc") && strings.Contains(stderr, "mount"):
		return &UnavailableError{
			Why: "the kernel refuses a new /proc (" + said + "), as it does where a container hides parts of its own",
			Fix: "run Logwright outside of the container, or with one whose /proc is whole (docker: --security-opt systempaths=unconfined)",
		}
	case !strings.Contains(stderr, "namespace") && !strings.Contains(stderr, "uid map") && !strings.Contains(stderr, "not permitted") && !strings.Contains(stderr, "ermission"):
		return &UnavailableError{Why: "bubblewrap could not make a sandbox (" + said + ")"}
	case root:
		return &UnavailableError{
			Why: "bubblewrap may not make namespaces although this is root (" + said + ")",
			Fix: "in a systemd unit leave out RestrictNamespaces=, PrivateUsers= and a CapabilityBoundingSet= without CAP_SYS_ADMIN; in a container give it CAP_SYS_ADMIN",
		}
	case zero("kernel/unprivileged_userns_clone"):
		return &UnavailableError{Why: "user namespaces are forbidden to users (kernel.unprivileged_userns_clone is 0)", Fix: "sysctl -w kernel.unprivileged_userns_clone=1"}
	case zero("user/max_user_namespaces"):
		return &UnavailableError{Why: "user namespaces are forbidden (user.max_user_namespaces is 0)", Fix: "sysctl -w user.max_user_namespaces=10000"}
	case setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		return &UnavailableError{
			Why: "AppArmor forbids user namespaces to programs without a profile (kernel.apparmor_restrict_unprivileged_userns is 1)",
			Fix: "give bwrap a profile that allows userns (Ubuntu: apt-get install apparmor-profiles, then enable bwrap-userns-restrict), or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
		}
	}
	return &UnavailableError{
		Why: "bubblewrap could not make a sandbox (" + said + ")",
		Fix: "in a systemd unit leave out RestrictNamespaces= and a SystemCallFilter= without @mount; in a container allow user namespaces",
	}
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
