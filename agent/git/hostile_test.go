package git

import (
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// baited gives a repository whose config, hooks and attributes run a command wherever git asks them to, and the file that
// the command makes.
func baited(t *testing.T) (*sourceRepo, string) {
	t.Helper()
	src := newSource(t, map[string]string{"a.txt": "a\n", "b.txt": "b\n"})
	ran := filepath.Join(t.TempDir(), "ran")
	bait := filepath.Join(t.TempDir(), "bait")
	if err := os.WriteFile(bait, []byte("#!/bin/sh\necho \"$0 $*\" >> "+ran+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	src.commit("attributes", map[string]string{".gitattributes": "* filter=bait diff=bait merge=bait\n"})
	for key, value := range map[string]string{
		"core.fsmonitor": bait, "core.sshCommand": bait, "core.gitProxy": bait, "core.pager": bait, "core.editor": bait,
		"core.askPass": bait, "core.alternateRefsCommand": bait, "uploadpack.packObjectsHook": bait, "core.hooksPath": filepath.Dir(bait),
		"filter.bait.clean": bait, "filter.bait.smudge": bait, "filter.bait.process": bait, "filter.bait.required": "true",
		"diff.bait.command": bait, "diff.bait.textconv": bait, "diff.external": bait, "merge.bait.driver": bait,
		"credential.helper": bait, "gpg.program": bait, "commit.gpgSign": "true", "alias.cat-file": "!" + bait,
		"remote.origin.url": "ext::" + bait, "remote.origin.uploadpack": bait, "remote.origin.promisor": "true",
		"remote.origin.partialclonefilter": "blob:none", "extensions.partialClone": "origin", "core.repositoryFormatVersion": "1",
		"hook.bait.command": bait, "hook.bait.event": "reference-transaction", "include.path": "/dev/zero.none", "protocol.allow": "always", "protocol.ext.allow": "always",
	} {
		src.git("config", key, value)
	}
	for _, hook := range []string{
		"reference-transaction", "post-checkout", "pre-receive", "update", "post-receive", "post-update", "post-index-change", "push-to-checkout",
	} {
		for _, dir := range []string{filepath.Join(src.dir, ".git", "hooks"), filepath.Dir(bait)} {
			if err := os.WriteFile(filepath.Join(dir, hook), []byte("#!/bin/sh\n"+bait+" hook\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return src, ran
}

func bitten(t *testing.T, ran string) string {
	t.Helper()
	b, err := os.ReadFile(ran)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(b)
}

// TestHostileSource: what the config of a source names is not run.
func TestHostileSource(t *testing.T) {
	src, ran := baited(t)
	head := strings.TrimSpace(readFile(t, filepath.Join(src.dir, ".git", "refs", "heads", "main")))
	s := openStore(t)
	if id := fetch(t, s, src.dir); id != head {
		t.Errorf("fetched %s, not %s", id, head)
	}
	commit := edit(t, s, head, map[string]string{"a.txt": "x\n"})
	if _, err := s.Diff(t.Context(), head, commit); err != nil {
		t.Error(err)
	}
	if err := s.Export(t.Context(), commit, t.TempDir()); err != nil {
		t.Error(err)
	}
	if got := bitten(t, ran); got != "" {
		t.Fatalf("these ran:\n%s", got)
	}
	// An object is missing, and the config says whom to ask for it.
	blob := src.object("b.txt")
	if err := os.Remove(blob); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(t).Fetch(t.Context(), src.dir, "main"); err == nil {
		t.Error("a commit came whole without one of its files")
	}
	if got := bitten(t, ran); got != "" {
		t.Fatalf("these ran:\n%s", got)
	}
	// The bait works: plain git takes it.
	cmd := exec.Command("git", "status")
	cmd.Dir = src.dir
	cmd.Run()
	if bitten(t, ran) == "" {
		t.Error("plain git ran nothing either: this test proves nothing")
	}
}

// TestHostileTarget: nor what the config of the repository names that is pushed to.
func TestHostileTarget(t *testing.T) {
	src := newSource(t, map[string]string{"a.txt": "a\n"})
	s := openStore(t)
	base := fetch(t, s, src.dir)
	commit := edit(t, s, base, map[string]string{"a.txt": "x\n"})
	next := edit(t, s, commit, map[string]string{"a.txt": "y\n"})
	target, ran := baited(t)
	fetchInto(t, src.dir, target.dir)
	if err := os.RemoveAll(ran); err != nil {
		t.Fatal(err)
	}
	if err := s.Push(t.Context(), commit, target.dir, "b", ""); err != nil {
		t.Error(err)
	}
	if err := s.Push(t.Context(), next, target.dir, "b", commit); err != nil {
		t.Error(err)
	}
	if got := bitten(t, ran); got != "" {
		t.Fatalf("these ran:\n%s", got)
	}
	// An object is missing there, and the config says whom to ask for it.
	lacking, asked := baited(t)
	if err := os.RemoveAll(asked); err != nil {
		t.Fatal(err)
	}
	if err := s.Push(t.Context(), commit, lacking.dir, "b", ""); !errors.Is(err, ErrNoParent) {
		t.Errorf("a target without the base: %v", err)
	}
	if got := bitten(t, asked); got != "" {
		t.Fatalf("these ran:\n%s", got)
	}
	cmd := exec.Command("git", "cat-file", "-e", commit)
	cmd.Dir = lacking.dir
	cmd.Env = append(os.Environ(), "GIT_NO_LAZY_FETCH=0")
	cmd.Run()
	if bitten(t, asked) == "" {
		t.Error("plain git asked nobody either: this test proves nothing")
	}
	cmd = exec.Command("git", "update-ref", "refs/heads/c", commit)
	cmd.Dir = target.dir
	cmd.Run()
	if bitten(t, ran) == "" {
		t.Error("plain git ran nothing either: this test proves nothing")
	}
}

// TestHostileOwner: a user can't have another user's repository read by pointing there.
func TestHostileOwner(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root, to give files to others")
		}
		t.Skip("needs root, to give files to others")
	}
	src := newSource(t, map[string]string{"a.txt": "secret\n"})
	id := src.git("rev-parse", "HEAD")
	const stranger = 12345
	chown := func(t *testing.T, dir string) {
		t.Helper()
		err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(p, stranger, stranger)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	mine := func(t *testing.T) string {
		t.Helper()
		dir := t.TempDir()
		for _, d := range []string{"objects/info", "refs/heads"} {
			if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "refs/heads/main"), []byte(id+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	put := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]func(dir string){
		"alternates": func(dir string) { put(t, filepath.Join(dir, "objects/info/alternates"), src.dir+"/.git/objects\n") },
		"commondir":  func(dir string) { put(t, filepath.Join(dir, "commondir"), src.dir+"/.git\n") },
		"gitdir": func(dir string) {
			put(t, filepath.Join(dir, ".git"), "gitdir: "+src.dir+"/.git\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := mine(t)
			c(dir)
			if _, err := openStore(t).Fetch(t.Context(), dir, "main"); err != nil {
				t.Errorf("root may point where it likes: %v", err)
			}
			chown(t, dir)
			if _, err := openStore(t).Fetch(t.Context(), dir, "main"); err == nil {
				t.Error("another user's repository was read")
			}
		})
	}
	t.Run("another user's own", func(t *testing.T) {
		dir := newSource(t, map[string]string{"a.txt": "a\n"}).dir
		chown(t, dir)
		fetch(t, openStore(t), dir)
	})
}

// TestHostileObjects: objects that git would not have made don't come in.
func TestHostileObjects(t *testing.T) {
	for name, tree := range map[string]string{
		".git":      "100644 .git\x00",
		".GIT":      "100644 .GIT\x00",
		"..":        "100644 ..\x00",
		"a slash":   "100644 a/b\x00",
		"git~1":     "100644 git~1\x00",
		"no name":   "100644 \x00",
		"twice":     "",
		"zero name": "100644 .g\u200cit\x00",
	} {
		t.Run(name, func(t *testing.T) {
			src := newSource(t, map[string]string{"a.txt": "a\n"})
			blob := src.git("rev-parse", "HEAD:a.txt")
			raw := unhex(t, blob)
			body := tree + raw
			if tree == "" {
				body = "100644 a\x00" + raw + "100644 a\x00" + raw
			}
			cmd := exec.Command("git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally")
			cmd.Dir, cmd.Stdin = src.dir, strings.NewReader(body)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			commit := src.git("commit-tree", strings.TrimSpace(string(out)), "-m", "x")
			src.git("update-ref", "refs/heads/main", commit)
			s := openStore(t)
			if _, err := s.Fetch(t.Context(), src.dir, "main"); err == nil {
				t.Error("it came in")
			}
			if s.has(t.Context(), commit) {
				t.Error("it is in the store")
			}
		})
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// object is the file of a loose object of the branch.
func (s *sourceRepo) object(name string) string {
	s.t.Helper()
	cmd := exec.Command("git", "rev-parse", "HEAD:"+name)
	cmd.Dir = s.dir
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatal(err)
	}
	id := strings.TrimSpace(string(out))
	return filepath.Join(s.dir, ".git", "objects", id[:2], id[2:])
}

// fetchInto copies loose objects, with nothing that runs.
func fetchInto(t *testing.T, from, to string) {
	t.Helper()
	root := filepath.Join(from, ".git", "objects")
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, ".git", "objects", rel)
		if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
			return err
		}
		if _, err := os.Stat(dst); err == nil {
			return nil
		}
		return os.WriteFile(dst, b, 0o444)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, s string) string {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDiffHidesNothing: a zero byte makes no file binary, of which a diff shows nothing.
func TestDiffHidesNothing(t *testing.T) {
	src := newSource(t, map[string]string{"a.js": "// a\n"})
	s := openStore(t)
	base := fetch(t, s, src.dir)
	commit := edit(t, s, base, map[string]string{"a.js": "// a\x00\nprocess.exit(0)\n"})
	diff, err := s.Diff(t.Context(), base, commit)
	if err != nil || !strings.Contains(diff, "\n+process.exit(0)\n") {
		t.Errorf("%v:\n%q", err, diff)
	}
}

// TestStoreOfOthers: a store that somebody else can write to is not opened, and nothing is written through its links.
func TestStoreOfOthers(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"anybody may write": func(dir string) error { return os.Chmod(dir, 0o777) },
		"a link": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".real"), os.Symlink(dir+".real", dir))
		},
		"another user's": func(dir string) error {
			if os.Geteuid() != 0 {
				return os.Chmod(dir, 0o777) // only root can give a directory away
			}
			return os.Chown(dir, 12345, 12345)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			victim := filepath.Join(t.TempDir(), "victim")
			config := filepath.Join(s.home(), ".gitconfig")
			err := errors.Join(os.WriteFile(victim, []byte("whole"), 0o600), os.Remove(config), os.Symlink(victim, config), spoil(s.dir))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), s.dir, Options{}); err == nil {
				t.Error("it was opened")
			}
			if got := readFile(t, victim); got != "whole" {
				t.Errorf("written through a link: %q", got)
			}
		})
	}
}

// TestTargetIsData: nothing of the config of a repository that is pushed to is read: with this one git would not even start.
func TestTargetIsData(t *testing.T) {
	src := newSource(t, map[string]string{"a.txt": "a\n"})
	s := openStore(t)
	base := fetch(t, s, src.dir)
	commit := edit(t, s, base, map[string]string{"a.txt": "x\n"})
	src.git("config", "core.repositoryFormatVersion", "99")
	if err := s.Push(t.Context(), commit, src.dir, "logwright/x", ""); err != nil {
		t.Error(err)
	}
	if merged, err := s.Merged(t.Context(), src.dir, "logwright/x", base); !merged || err != nil {
		t.Errorf("%v, %v", merged, err)
	}
	// A link of the target's leads nowhere, whoever runs this.
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(src.dir, ".git", "refs", "heads", "other")); err != nil {
		t.Fatal(err)
	}
	if err := s.Push(t.Context(), commit, src.dir, "other/x", ""); err == nil {
		t.Error("pushed through a link")
	}
	if names, err := os.ReadDir(outside); err != nil || len(names) > 0 {
		t.Errorf("written through a link: %v, %v", names, err)
	}
	// Where git would refuse a branch below another, so do we.
	if err := s.Push(t.Context(), commit, src.dir, "main/x", ""); err == nil {
		t.Error("a branch below a branch")
	}
	if err := os.WriteFile(filepath.Join(src.dir, ".git", "refs", "heads", "held.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Push(t.Context(), commit, src.dir, "held", ""); !errors.Is(err, ErrMoved) {
		t.Errorf("a lock of somebody else: %v", err)
	}
	if id, err := Ref(src.dir, "held"); id != "" || err != nil {
		t.Errorf("%s, %v", id, err)
	}
}

// TestBomb: what is small in a pack and large otherwise takes no memory of that size. This git has no more than its wrapper
// lets it have.
func TestBomb(t *testing.T) {
	needGit(t)
	src := newSource(t, map[string]string{"zero": strings.Repeat("\x00", 192<<20)})
	tight := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(tight, []byte("#!/bin/sh\nulimit -v 131072\nexec git \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "s.git"), Options{Binary: tight})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Fetch(t.Context(), src.dir, "main"); err != nil {
		t.Error(err)
	}
}
