// Package systemd_test checks the unit file by systemd's own tools.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// installed gives the unit as it is once installed: with a program where ExecStart says.
func installed(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v; `make test` installs it", err)
		}
		t.Skip(err)
	}
	unit, err := os.ReadFile("logwright.service")
	if err != nil {
		t.Fatal(err)
	}
	const program = "ExecStart=/usr/local/bin/logwright "
	if !strings.Contains(string(unit), program) {
		t.Fatalf("the unit has no %s", program)
	}
	file := filepath.Join(t.TempDir(), "logwright.service")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(unit), program, "ExecStart=/bin/true ")), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestUnitIsValid(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", installed(t)).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "logwright.service") {
			t.Error(strings.TrimSpace(line))
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The exposure is systemd's own figure, 10 being the worst; an ordinary service has 9.6. Half of what is left is the namespaces and
// mounts of the sandbox, which systemd can't tell from those of an attacker.
func TestUnitIsConfined(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=34", installed(t)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestUnitLeavesRoomForTheSandbox keeps well-meant tightening from ending all patches: with any of these otherwise, bubblewrap failed
// or hung when it was run by systemd with this unit, or would under a systemd that leaves no second /proc behind.
func TestUnitLeavesRoomForTheSandbox(t *testing.T) {
	unit, err := os.ReadFile("logwright.service")
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string][]string{}
	for line := range strings.Lines(string(unit)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			settings[key] = append(settings[key], value)
		}
	}
	for key, words := range map[string]string{
		"RestrictNamespaces":      "user mnt pid net ipc uts cgroup",
		"SystemCallFilter":        "mount umount2 pivot_root sethostname capset",
		"RestrictAddressFamilies": "AF_NETLINK",
		"Delegate":                "memory pids",
		"OOMPolicy":               "continue",
	} {
		got := strings.Fields(strings.Join(settings[key], " "))
		for _, w := range strings.Fields(words) {
			if !slices.Contains(got, w) {
				t.Errorf("%s=%s lacks %s", key, strings.Join(got, " "), w)
			}
		}
	}
	for _, key := range []string{
		"ProtectKernelTunables", "ProtectKernelLogs", "ProtectHostname", // cover parts of /proc
		"ProtectControlGroups", "MemoryDenyWriteExecute", "PrivateUsers", "ProcSubset",
	} {
		if v, ok := settings[key]; ok {
			t.Errorf("%s=%s", key, v)
		}
	}
}

func TestSysusers(t *testing.T) {
	if _, err := exec.LookPath("systemd-sysusers"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	conf, err := filepath.Abs("logwright.sysusers.conf")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-sysusers", "--root="+root, conf).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	users, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil {
		t.Fatal(err)
	}
	groups, err := os.ReadFile(filepath.Join(root, "etc/group"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"logwright:", "logwright-sandbox:"} {
		if !strings.Contains(string(users), name) {
			t.Errorf("no user %s\n%s", name, users)
		}
	}
	for line := range strings.Lines(string(groups)) {
		group, _, _ := strings.Cut(line, ":")
		in := strings.HasSuffix(strings.TrimSpace(line), ":logwright")
		if want := group == "adm" || group == "systemd-journal"; in != want {
			t.Errorf("members of %s", line)
		}
	}
}
