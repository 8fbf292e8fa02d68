package git

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadCommitAndMerged(t *testing.T) {
	needGit(t)
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=A B", "-c", "user.email=a@example.com", "-C", dir}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	run("init", "-q", "-b", "main", "src")
	run("-C", "src", "commit", "-q", "--allow-empty", "-m", "first")
	run("clone", "-q", "--bare", "src", "bare.git")
	bare := filepath.Join(dir, "bare.git")
	s, err := Open(t.Context(), filepath.Join(dir, "store.git"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	base, err := s.Fetch(t.Context(), bare, "main")
	if err != nil {
		t.Fatal(err)
	}
	blob, err := s.WriteBlob(t.Context(), []byte("x\n"))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.WriteTree(t.Context(), base, []Change{{Path: "x", Mode: ModeFile, ID: blob}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	id, err := s.Commit(t.Context(), tree, base, "mend x\n\nbecause", at)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.ReadCommit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	want := CommitInfo{
		Tree: tree, Parents: []string{base}, Message: "mend x\n\nbecause\n",
		AuthorName: Name, AuthorEmail: Email, AuthoredAt: at, CommitterName: Name, CommitterEmail: Email, CommittedAt: at,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	merged := func(want bool) {
		t.Helper()
		if got, err := s.Merged(t.Context(), bare, "main", id); err != nil || got != want {
			t.Fatalf("merged: %v, %v", got, err)
		}
	}
	merged(false) // the commit is not even there
	if err := s.Push(t.Context(), id, bare, "logwright/x", ""); err != nil {
		t.Fatal(err)
	}
	merged(false)
	run("-C", "bare.git", "update-ref", "refs/heads/main", id)
	merged(true)
	run("-C", "bare.git", "worktree", "add", "-q", filepath.Join(dir, "work"), "main")
	run("-C", "work", "commit", "-q", "--allow-empty", "-m", "later")
	merged(true)
	if _, err := s.Merged(t.Context(), bare, "none", id); err == nil {
		t.Error("a branch that is not there has everything merged, or nothing")
	}
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte("tree 0123456789012345678901234567890123456789\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n"))
	f.Add([]byte("author > <\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseCommit(b); err == nil && c.Tree == "" {
			t.Error("a commit without a tree")
		}
	})
}
