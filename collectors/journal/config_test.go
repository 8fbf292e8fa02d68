package journal

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/journal/journaltest"
)

func discard(collectors.Batch) error { return nil }

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want []string
	}{
		{Config{}, nil},
		{Config{Units: []string{"api", "worker@*.service", "a-b\\x2dc.service"}, Priority: "err", Boot: "all", Start: "end", Directory: "/x"}, nil},
		{Config{Units: []string{"", "a/b", "[", "ok"}}, []string{"units[0]", "units[1]", "units[2]"}},
		{Config{Identifiers: []string{"sshd", "", "a\nb"}}, []string{"identifiers[1]", "identifiers[2]"}},
		{Config{Priority: "error", Boot: "last", Start: "now", Directory: "x", MaxLine: -1}, []string{"priority", "boot", "start", "directory", "max_line"}},
	} {
		var got []string
		for _, p := range c.cfg.Validate() {
			got = append(got, p.Path)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.cfg, got, c.want)
		}
	}
}

func TestMangleUnit(t *testing.T) {
	for in, want := range map[string]string{
		"api": "api.service", "api.service": "api.service", "init.scope": "init.scope", "worker@1": "worker@1.service", "api*": "api*",
		"a.b": "a.b.service",
	} {
		if got := mangleUnit(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestServiceOfCgroup(t *testing.T) {
	for in, want := range map[string]string{
		"0::/system.slice/logwright.service\n":                                       "logwright.service",
		"0::/system.slice/system-logwright.slice/logwright@1.service/sub\n":          "logwright@1.service",
		"0::/user.slice/user-0.slice/session-3.scope\n":                              "",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n":     "",
		"12:memory:/other.service\n1:name=systemd:/system.slice/logwright.service\n": "logwright.service",
		"0::/system.slice/containerd.service/kubepods/pod1\n":                        "containerd.service",
		"0::/\n": "", "": "", "garbage": "", "0::/docker/abc/logwright.service\n": "",
	} {
		if got := serviceOfCgroup(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestServiceAndSeverity(t *testing.T) {
	for _, c := range []struct {
		fields, service string
		severity        incident.Severity
	}{
		{"_SYSTEMD_UNIT=api.service PRIORITY=3", "api", incident.SeverityError},
		{"_SYSTEMD_UNIT=session-12.scope PRIORITY=0", "session", incident.SeverityFatal},
		{"_SYSTEMD_UNIT=init.scope _PID=1 UNIT=api.service PRIORITY=4", "api", incident.SeverityWarning},
		{"_SYSTEMD_UNIT=evil.service _PID=2 UNIT=api.service PRIORITY=5", "evil", incident.SeverityInfo},
		{"_SYSTEMD_UNIT=evil.service _PID=1 UNIT=api.service PRIORITY=7", "evil", incident.SeverityDebug},
		{"_TRANSPORT=kernel PRIORITY=2", "kernel", incident.SeverityFatal},
		{"_TRANSPORT=stdout PRIORITY=6", "", incident.SeverityUnset},
		{"_TRANSPORT=stdout PRIORITY=4", "", incident.SeverityWarning},
		{"SYSTEMD_UNIT=x.service PRIORITY=9", "", incident.SeverityUnset},
		{"_SYSTEMD_UNIT=user@1000.service _SYSTEMD_USER_UNIT=api.service PRIORITY=6", "user@1000", incident.SeverityInfo},
	} {
		var e entry
		if err := newExportReader(strings.NewReader(strings.ReplaceAll(c.fields, " ", "\n") + "\n\n")).next(&e); err != nil {
			t.Fatal(err)
		}
		if e.service() != c.service || e.severity() != c.severity {
			t.Errorf("%s: %q %v", c.fields, e.service(), e.severity())
		}
	}
}

func TestPositions(t *testing.T) {
	p, err := decodePosition(position{Cursor: "s=1", Next: true}.encode())
	if err != nil || p.Cursor != "s=1" || !p.Next {
		t.Errorf("%+v %v", p, err)
	}
	for _, bad := range []string{"", "{", `{"v":2,"cursor":"x"}`, `[]`} {
		if _, err := decodePosition([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
		c := newCollector(t, Config{Directory: t.TempDir()}, Options{Journalctl: "true"})
		if err := c.Collect(t.Context(), collectors.Cursor{stream: []byte(bad)}, discard); err == nil {
			t.Errorf("%q was taken for a position", bad)
		}
	}
}

func TestAvailable(t *testing.T) {
	if err := available("/nonexistent/journalctl", ""); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("no journalctl: %v", err)
	}
	j := journaltest.Start(t)
	j.Print(3, "x")
	j.Sync()
	if err := available("", j.Dir()); err != nil {
		t.Errorf("readable: %v", err)
	}
	// As somebody who may not read the files.
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(j.Root(), 0o755); err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(j.Root(), "journalctl-as-nobody")
	script := "#!/bin/sh\nexec setpriv --reuid=" + nobody.Uid + " --regid=" + nobody.Gid + " --clear-groups journalctl \"$@\"\n"
	if err := os.WriteFile(fake, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Access(fake, 1); err != nil {
		t.Fatal(err)
	}
	if err := available(fake, j.Dir()); err == nil || !strings.Contains(err.Error(), "systemd-journal") {
		t.Errorf("as nobody: %v", err)
	}
}
