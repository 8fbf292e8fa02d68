// Package systemd_test checks the unit file by systemd's own tools.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
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

// The exposure is systemd's own figure, 10 being the worst; an ordinary service has 9.6.
func TestUnitIsConfined(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=20", installed(t)).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
