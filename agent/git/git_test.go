package git

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// needGit skips where there is no git, but not in CI.
func needGit(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed")
	}
}

// sourceRepo is a repository of a stranger, made with the ordinary git.
type sourceRepo struct {
	t   testing.TB
	dir string
}

func newSource(t testing.TB, files map[string]string) *sourceRepo {
	t.Helper()
	needGit(t)
	s := &sourceRepo{t: t, dir: t.TempDir()}
	s.git("init", "--quiet", "--initial-branch=main")
	s.commit("first", files)
	return s
}

func (s *sourceRepo) git(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_ALLOW_PROTOCOL=file",
		"GIT_AUTHOR_NAME=A", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *sourceRepo) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sourceRepo) commit(message string, files map[string]string) string {
	s.t.Helper()
	for name, text := range files {
		s.write(name, text)
	}
	s.git("add", "--all")
	s.git("commit", "--quiet", "--allow-empty", "-m", message)
	return s.git("rev-parse", "HEAD")
}

func openStore(t testing.TB) *Store {
	t.Helper()
	needGit(t)
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.git"), Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fetch(t testing.TB, s *Store, source string) string {
	t.Helper()
	id, err := s.Fetch(t.Context(), source, "main")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// edit makes a commit on base that writes the files.
func edit(t testing.TB, s *Store, base string, files map[string]string) string {
	t.Helper()
	var changes []Change
	for name, text := range files {
		id, err := s.WriteBlob(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, Change{Path: name, Mode: ModeFile, ID: id})
	}
	tree, err := s.WriteTree(t.Context(), base, changes)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := s.Commit(t.Context(), tree, base, "Fix it\n\nMore.", time.Unix(1_700_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return commit
}

func TestWay(t *testing.T) {
	src := newSource(t, map[string]string{"a.txt": "one\ntwo\nthree\n", "dir/b.txt": "b\n", "bin": "\x00\x01"})
	src.commit("second", map[string]string{"c.txt": "c\n"})
	if err := os.Chmod(filepath.Join(src.dir, "c.txt"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(src.dir, "link")); err != nil {
		t.Fatal(err)
	}
	head := src.commit("third", nil)
	s := openStore(t)
	base := fetch(t, s, src.dir)
	if base != head {
		t.Fatalf("fetched %s, the branch is at %s", base, head)
	}
	if again := fetch(t, s, src.dir); again != base {
		t.Fatalf("fetched %s, then %s", base, again)
	}
	entries, err := s.Tree(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Mode+" "+e.Path)
	}
	want := []string{"100644 a.txt", "100644 bin", "100755 c.txt", "100644 dir/b.txt", "120000 link"}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	b, err := s.Blob(t.Context(), entries[0].ID, 100)
	if err != nil || string(b) != "one\ntwo\nthree\n" {
		t.Fatalf("%q, %v", b, err)
	}
	if _, err := s.Blob(t.Context(), entries[0].ID, 5); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("a file beyond the limit: %v", err)
	}

	files := map[string]string{"a.txt": "one\n2\nthree\n", "dir/new/d.txt": "d\n"}
	commit := edit(t, s, base, files)
	if again := edit(t, s, base, files); again != commit {
		t.Errorf("the same edits made %s and %s", commit, again)
	}
	diff, err := s.Diff(t.Context(), base, commit)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []string{"-two", "+2", "--- a/a.txt", "+++ b/dir/new/d.txt", "new file mode 100644"} {
		if !strings.Contains(diff, l+"\n") {
			t.Errorf("the diff lacks %q:\n%s", l, diff)
		}
	}
	stat, err := s.Stat(t.Context(), base, commit)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]FileStat{{"a.txt", 1, 1}, {"dir/new/d.txt", 1, 0}}, stat); d != "" {
		t.Error(d)
	}
	if err := s.Fsck(t.Context()); err != nil {
		t.Error(err)
	}
	// The source moves on.
	head = src.commit("fourth", map[string]string{"a.txt": "other\n"})
	if id := fetch(t, s, src.dir); id != head {
		t.Errorf("fetched %s, the branch is at %s", id, head)
	}
	if err := s.Fsck(t.Context()); err != nil {
		t.Error(err)
	}

	dir := t.TempDir()
	if err := s.Export(t.Context(), commit, dir); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.txt": "one\n2\nthree\n", "dir/new/d.txt": "d\n", "bin": "\x00\x01"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != text {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "link")); err != nil || to != "/etc/passwd" {
		t.Errorf("link: %q, %v", to, err)
	}
	if fi, err := os.Stat(filepath.Join(dir, "c.txt")); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("c.txt: %v, %v", fi.Mode(), err)
	}
	if _, err := os.Lstat(filepath.Join(dir, ".git")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf(".git: %v", err)
	}
	if err := s.Export(t.Context(), commit, dir); err == nil {
		t.Error("exported over what was there")
	}
}

func TestLayouts(t *testing.T) {
	src := newSource(t, map[string]string{"a.txt": "a\n"})
	head := src.git("rev-parse", "HEAD")
	t.Run("packed", func(t *testing.T) {
		src.t = t
		src.git("pack-refs", "--all")
		src.git("gc", "--quiet")
		if id := fetch(t, openStore(t), src.dir); id != head {
			t.Error(id)
		}
	})
	t.Run("bare", func(t *testing.T) {
		src.t = t
		bare := filepath.Join(t.TempDir(), "b.git")
		src.git("clone", "--quiet", "--bare", src.dir, bare)
		if id := fetch(t, openStore(t), bare); id != head {
			t.Error(id)
		}
	})
	t.Run("linked work tree", func(t *testing.T) {
		src.t = t
		tree := filepath.Join(t.TempDir(), "w")
		src.git("worktree", "add", "--quiet", "-b", "other", tree)
		if id := fetch(t, openStore(t), tree); id != head {
			t.Error(id)
		}
	})
	t.Run("shared objects", func(t *testing.T) {
		src.t = t
		clone := filepath.Join(t.TempDir(), `c"\:d`) // what has to be quoted
		src.git("clone", "--quiet", "--shared", src.dir, clone)
		s := openStore(t)
		fetch(t, s, clone)
		if _, err := os.Stat(filepath.Join(s.dir, "objects", "info", "alternates")); err == nil {
			t.Error("the store borrows objects")
		}
		if err := os.RemoveAll(clone); err != nil {
			t.Fatal(err)
		}
		if err := s.Fsck(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("shallow", func(t *testing.T) {
		src.t = t
		src.commit("more", nil)
		clone := filepath.Join(t.TempDir(), "s")
		src.git("clone", "--quiet", "--depth=1", "file://"+src.dir, clone)
		s := openStore(t)
		fetch(t, s, clone)
		if err := s.Fsck(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("submodule", func(t *testing.T) {
		src.t = t
		sub := newSource(t, map[string]string{"s.txt": "s\n"})
		top := newSource(t, map[string]string{"a.txt": "a\n"})
		top.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", sub.dir, "third/sub")
		top.commit("with a submodule", nil)
		s := openStore(t)
		id := fetch(t, s, top.dir)
		dir := t.TempDir()
		if err := s.Export(t.Context(), id, dir); err != nil {
			t.Fatal(err)
		}
		if names, err := os.ReadDir(filepath.Join(dir, "third", "sub")); err != nil || len(names) != 0 {
			t.Errorf("%v, %v", names, err)
		}
	})
}

func TestPush(t *testing.T) {
	src := newSource(t, map[string]string{"a.txt": "a\n"})
	s := openStore(t)
	base := fetch(t, s, src.dir)
	one := edit(t, s, base, map[string]string{"a.txt": "1\n"})
	two := edit(t, s, one, map[string]string{"a.txt": "2\n"})
	other := edit(t, s, base, map[string]string{"a.txt": "3\n"})
	target := filepath.Join(t.TempDir(), "t.git")
	src.git("clone", "--quiet", "--bare", src.dir, target)
	ran := filepath.Join(t.TempDir(), "ran")
	for _, hook := range []string{"reference-transaction", "pre-receive", "update", "post-update"} {
		if err := os.WriteFile(filepath.Join(target, "hooks", hook), []byte("#!/bin/sh\ntouch "+ran+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const branch = "logwright/lw-2fa7k3q9xw5m.1"
	push := func(commit, old string) error { return s.Push(t.Context(), commit, target, branch, old) }
	if err := push(one, ""); err != nil {
		t.Fatal(err)
	}
	if id, err := Ref(target, branch); id != one || err != nil {
		t.Fatalf("%s, %v", id, err)
	}
	for _, c := range []struct {
		name, commit, old string
		want              error
	}{
		{"again", one, "", nil},
		{"made twice", two, "", ErrMoved},
		{"elsewhere", two, base, ErrMoved},
		{"backwards", other, one, ErrMoved},
		{"on", two, one, nil},
	} {
		if err := push(c.commit, c.old); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if id, err := Ref(target, branch); id != two || err != nil {
		t.Errorf("%s, %v", id, err)
	}
	if id, err := Ref(target, "none"); id != "" || err != nil {
		t.Errorf("%s, %v", id, err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a hook ran")
	}
	check := &sourceRepo{t: t, dir: target}
	check.git("fsck", "--strict")
	if got := check.git("log", "--format=%an <%ae> %s", "-1", branch); got != "Logwright <logwright@localhost> Fix it" {
		t.Error(got)
	}
	empty := filepath.Join(t.TempDir(), "e.git")
	src.git("init", "--quiet", "--bare", empty)
	if err := s.Push(t.Context(), one, empty, branch, ""); !errors.Is(err, ErrNoParent) {
		t.Errorf("a target without the base: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	src := newSource(t, map[string]string{"a.txt": "a\n", "dir/b.txt": "b\n"})
	if err := os.Symlink("dir", filepath.Join(src.dir, "link")); err != nil {
		t.Fatal(err)
	}
	src.commit("link", nil)
	s := openStore(t)
	base := fetch(t, s, src.dir)
	id, err := s.WriteBlob(t.Context(), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{
		"../x", "/x", "a/../b", ".git/config", "sub/.GIT/hooks/x", "git~1/config", ".git /x", ".git./x", ".git::$INDEX_ALLOCATION/x",
		".g\u200cit/config", "x\ny", "x\\..\\y", "", "dir//x", "./x", "link", "link/x", "a.txt/x", "dir", "x\x00y", "aux.", "\xff",
	} {
		if _, err := s.WriteTree(t.Context(), base, []Change{{Path: p, Mode: ModeFile, ID: id}}); err == nil {
			t.Errorf("%q was written", p)
		}
	}
	for _, c := range []Change{
		{Path: "x", Mode: ModeSymlink, ID: id}, {Path: "x", Mode: ModeSubmodule, ID: base}, {Path: "x", Mode: ModeFile, ID: "HEAD"},
	} {
		if _, err := s.WriteTree(t.Context(), base, []Change{c}); err == nil {
			t.Errorf("%v was written", c)
		}
	}
	if _, err := s.Fetch(t.Context(), src.dir, "none"); !errors.Is(err, ErrNoBranch) {
		t.Errorf("no such branch: %v", err)
	}
	for _, b := range []string{"", "-x", "a..b", "../../HEAD", "a b", "a.lock", "x/.y", "@{1}", "a\n"} {
		if _, err := s.Fetch(t.Context(), src.dir, b); err == nil {
			t.Errorf("branch %q", b)
		}
	}
	for _, p := range []string{"relative", t.TempDir(), "/nonexistent"} {
		if _, err := s.Fetch(t.Context(), p, "main"); err == nil {
			t.Errorf("source %q", p)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(src.dir, ".git", "refs", "heads", "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), src.dir, "pipe"); err == nil {
		t.Error("a FIFO for a branch")
	}
}

// TestBounds: time and output of a command end.
func TestBounds(t *testing.T) {
	needGit(t)
	src := newSource(t, map[string]string{"big": strings.Repeat("0123456789abcdef", 1<<12)})
	s := openStore(t)
	base := fetch(t, s, src.dir)
	small := *s
	small.opts.MaxOutput = 10
	if _, err := small.Tree(t.Context(), base); err == nil || !strings.Contains(err.Error(), "more than 10 bytes") {
		t.Errorf("output: %v", err)
	}
	small = *s
	small.opts.MaxExport = 10
	if err := small.Export(t.Context(), base, t.TempDir()); err == nil {
		t.Error("an export beyond the limit")
	}
	tight, err := Open(t.Context(), filepath.Join(t.TempDir(), "s.git"), Options{MaxPack: 64})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tight.Fetch(t.Context(), src.dir, "main"); err == nil {
		t.Error("a pack beyond the limit")
	}
	// A git that hangs, with a child that holds its output open.
	fake := filepath.Join(t.TempDir(), "fakegit")
	if err := os.WriteFile(fake, []byte("#!/bin/sh\nsleep 1000 &\nwait\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	slow := *s
	slow.bin, slow.opts.Timeout = fake, 50*time.Millisecond
	if _, err := slow.Tree(t.Context(), base); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}
}

func TestReadBatch(t *testing.T) {
	id := strings.Repeat("a", 40)
	for _, in := range []string{"", id + " missing\n", id + " tree 3\nabc\n", id + " blob 3\nab", id + " blob 3\nabcd\n", id + " blob -1\n\n"} {
		err := readBatch(bufio.NewReader(strings.NewReader(in)), []string{id}, func(int, int64, io.Reader) error { return nil })
		if err == nil {
			t.Errorf("%q was read", in)
		}
	}
}

func FuzzTree(f *testing.F) {
	id := strings.Repeat("0", 40)
	f.Add([]byte("100644 blob " + id + "       7\ta.txt\x00120000 blob " + id + " 1\tl\x00"))
	f.Add([]byte("160000 commit " + id + "       -\tsub\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := parseTree(b)
		if err != nil {
			return
		}
		for _, e := range entries {
			if !filepath.IsLocal(e.Path) || bytes.ContainsRune([]byte(e.Path), 0) {
				t.Fatalf("%q", e.Path)
			}
		}
	})
}

func FuzzCheckPath(f *testing.F) {
	for _, s := range []string{"a/b.go", ".git/config", "..", "a/.GIT ", "git~1", ".g\u200cit", "x\\.git"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if CheckPath(p) != nil {
			return
		}
		if !filepath.IsLocal(p) || filepath.Clean(p) != p {
			t.Fatalf("%q leads elsewhere", p)
		}
		for part := range strings.SplitSeq(strings.ToLower(p), "/") {
			if part == ".git" || part == "git~1" {
				t.Fatalf("%q is .git", p)
			}
		}
	})
}
