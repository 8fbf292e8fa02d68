package sandbox

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestValidate(t *testing.T) {
	if ps := DefaultConfig().Validate(); len(ps) > 0 {
		t.Errorf("the default: %v", ps)
	}
	for _, c := range []struct {
		path   string
		change func(*Config)
	}{
		{"engine", func(c *Config) { c.Engine = "docker" }},
		{"user", func(c *Config) { c.User = "" }},
		{"user", func(c *Config) { c.User = "root" }},
		{"user", func(c *Config) { c.User = "0" }},
		{"memory", func(c *Config) { c.Memory = 1 << 20 }},
		{"disk", func(c *Config) { c.Disk = -1 }},
		{"processes", func(c *Config) { c.Processes = 1 }},
		{"processes", func(c *Config) { c.Processes = 1 << 30 }},
		{"timeout", func(c *Config) { c.Timeout = 0 }},
		{"timeout", func(c *Config) { c.Timeout = 1000 * time.Hour }},
	} {
		cfg := DefaultConfig()
		c.change(&cfg)
		ps := cfg.Validate()
		if len(ps) != 1 || ps[0].Path != c.path || ps[0].Message == "" || ps[0].Hint == "" {
			t.Errorf("%s: %+v", c.path, ps)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(DefaultConfig(), Options{}); err == nil || !strings.Contains(err.Error(), "redaction") {
		t.Errorf("without redaction: %v", err)
	}
	if _, err := New(Config{}, Options{Redact: strings.ToLower}); err == nil {
		t.Error("an empty configuration was taken")
	}
}

func TestTail(t *testing.T) {
	redact := func(s string) string { return strings.ReplaceAll(s, "secret", "[redacted]") }
	long := strings.Repeat("x", 99) + "\n"
	for _, c := range []struct {
		name, in, want string
		limit          int
		cut            bool
	}{
		{"empty", "", "", 10, false},
		{"short", "a secret\n", "a [redacted]\n", 100, false},
		{"redacted before it is cut", "first\nsecret tail\n", "] tail\n", 7, true},
		{"no half lines", "first line\nsecond\n", "second\n", 12, true},
		{"one long line", "0123456789", "56789", 5, true},
		{"no half runes", "ääää", "ä", 3, true},
		{"no UTF-8", "a\xffb", "a\uFFFDb", 100, false},
		{"more than is kept", strings.Repeat(long, 20000) + "end\n", long + "end\n", 150, true},
	} {
		for _, step := range []int{1 << 30, 4096, 7} {
			var w tail
			for rest := c.in; rest != ""; {
				n := min(step, len(rest))
				w.Write([]byte(rest[:n]))
				rest = rest[n:]
			}
			if len(w.buf) > 2*outputKeep {
				t.Errorf("%s: %d bytes are kept", c.name, len(w.buf))
			}
			if got, cut := w.text(redact, c.limit); got != c.want || cut != c.cut {
				t.Errorf("%s by %d: %q, %v, want %q, %v", c.name, step, got, cut, c.want, c.cut)
			}
		}
	}
}

func FuzzTail(f *testing.F) {
	f.Add([]byte("a\nb\xff"), 3)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		if limit < 0 || limit > 1<<20 {
			t.Skip()
		}
		var w tail
		w.Write(b)
		s, cut := w.text(func(s string) string { return s }, limit)
		if len(s) > limit || !utf8.ValidString(s) || !cut && s != strings.ToValidUTF8(string(b), "\uFFFD") {
			t.Errorf("%q, %v of %q", s, cut, b)
		}
	})
}

func TestArchiveStaysInside(t *testing.T) {
	outside, layer := t.TempDir(), t.TempDir()
	os.WriteFile(filepath.Join(outside, "key"), []byte("private"), 0o600)
	os.Symlink(outside, filepath.Join(layer, "dir"))
	os.Symlink(filepath.Join(outside, "key"), filepath.Join(layer, "file"))
	os.WriteFile(filepath.Join(layer, "setuid"), []byte("x"), 0o755)
	os.Chmod(filepath.Join(layer, "setuid"), 0o755|os.ModeSetuid)
	var b bytes.Buffer
	if err := archive(&b, []string{layer}, 1<<20, false); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]tar.Header)
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = *h
	}
	if len(got) != 3 || got["dir"].Typeflag != tar.TypeSymlink || got["file"].Typeflag != tar.TypeSymlink || got["setuid"].Mode != 0o755 {
		t.Errorf("%+v", got)
	}
	if err := archive(io.Discard, []string{layer}, 0, false); !errors.Is(err, errTooLarge) {
		t.Errorf("no room: %v", err)
	}
}

func TestToolchains(t *testing.T) {
	home := t.TempDir()
	sdk := filepath.Join(home, "sdk", "go1")
	os.MkdirAll(filepath.Join(sdk, "src", "runtime"), 0o755)
	os.MkdirAll(filepath.Join(sdk, "bin"), 0o755)
	os.WriteFile(filepath.Join(sdk, "bin", "go"), nil, 0o755)
	os.MkdirAll(filepath.Join(home, "bin"), 0o755)
	os.Symlink(filepath.Join(sdk, "bin", "go"), filepath.Join(home, "bin", "go"))
	mounts, path := toolchains(strings.Join([]string{filepath.Join(home, "bin"), "/usr/games", "relative", ""}, ":"), []string{"/opt/node", "/usr/share", "/opt/node/bin/.."})
	if len(mounts) != 2 || mounts[0] != "/opt/node" || mounts[1] != sdk {
		t.Errorf("mounts %q", mounts)
	}
	if want := "/usr/games:" + filepath.Join(sdk, "bin") + ":" + strings.Join(systemPath, ":"); path != want {
		t.Errorf("PATH %q, want %q", path, want)
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		stderr   string
		root     bool
		settings map[string]string
		why, fix string
	}{
		{"bwrap: setting up uid map: Permission denied", false, map[string]string{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}, "AppArmor", "apparmor_restrict_unprivileged_userns=0"},
		{"bwrap: No permissions to create new namespace", false, map[string]string{"/proc/sys/kernel/unprivileged_userns_clone": "0"}, "forbidden to users", "sysctl -w kernel.unprivileged_userns_clone=1"},
		{"bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)", false, map[string]string{"/proc/sys/user/max_user_namespaces": "0"}, "max_user_namespaces is 0", "sysctl"},
		{"bwrap: Can't mount proc on /newroot/proc: Operation not permitted", true, nil, "/proc", "systempaths=unconfined"},
		{"bwrap: Creating new namespace failed: Operation not permitted", true, nil, "although this is root", "CAP_SYS_ADMIN"},
		{"bwrap: Creating new namespace failed: Operation not permitted", false, nil, "could not make", "RestrictNamespaces"},
		{"bwrap: Can't find source path /usr: strange", true, nil, "strange", ""},
	} {
		e := explain(c.stderr, c.root, func(p string) string { return c.settings[p] })
		if !strings.Contains(e.Why, c.why) || !strings.Contains(e.Fix, c.fix) || !strings.Contains(e.Error(), "no sandbox: ") {
			t.Errorf("%s: %+v", c.stderr, e)
		}
	}
}
