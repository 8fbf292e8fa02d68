package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// A repository that is pushed to is somebody else's, too: the service's own by default. So git is not started in it either.
// Since 2.54 a config names hooks by itself (hook.<name>.command), and core.hooksPath does not keep those from running. What
// git does there it does from within the Store, with the target's object directory in the place of our own; the branch
// we write ourselves, as git does: a lock beside it, and then a rename.

// within gives the environment in which git works on the objects of r: with r's own idea of where history ends, not the
// Store's.
func (r repository) within() []string {
	shallow := filepath.Join(r.common, "shallow")
	if _, err := os.Lstat(shallow); err != nil {
		shallow = "" // there is none
	}
	return []string{"GIT_OBJECT_DIRECTORY=" + r.objects, "GIT_SHALLOW_FILE=" + shallow}
}

// Push puts a commit of the store onto branch of the bare repository at target, which has to have the commit's parent. The
// branch has to stand at expectOld, an ancestor of the commit; "" is that it may not exist. If it stands at commit already,
// nothing is done. Hooks of target don't run.
func (s *Store) Push(ctx context.Context, commit, target, branch, expectOld string) error {
	if err := checkIDs(commit); err != nil {
		return err
	}
	r, err := locate(target)
	if err != nil {
		return err
	}
	now, err := r.branch(branch)
	switch {
	case err != nil && !errors.Is(err, ErrNoBranch):
		return err
	case now == commit:
		return nil
	case now != expectOld:
		return fmt.Errorf("git: %s: branch %q: %w", target, branch, ErrMoved)
	}
	there := func(args ...string) error {
		_, err := s.run(ctx, command{args: args, env: r.within()})
		return err
	}
	wanted := commit + "\n"
	line, err := s.run(ctx, command{args: []string{"rev-list", "--parents", "--max-count=1", commit}})
	if err != nil {
		return err
	}
	for _, p := range strings.Fields(strings.TrimPrefix(string(line), commit)) {
		if err := there("cat-file", "-e", p+"^{tree}"); err != nil {
			return fmt.Errorf("git: %s: commit %s: %w", target, p, ErrNoParent)
		}
		wanted += "^" + p + "\n"
	}
	from := command{
		args:  []string{"pack-objects", "--quiet", "--revs", "--stdout", "--thin", "--delta-base-offset"},
		stdin: strings.NewReader(wanted),
	}
	if err := s.pipe(ctx, from, command{args: append(s.indexPack(), "--fix-thin"), env: r.within()}); err != nil {
		return fmt.Errorf("git: copying to %s: %w", target, err)
	}
	if expectOld != "" {
		if err := checkIDs(expectOld); err != nil {
			return err
		}
		if err := there("merge-base", "--is-ancestor", expectOld, commit); err != nil {
			return fmt.Errorf("git: %s: branch %q is no ancestor of %s: %w", target, branch, commit, ErrMoved)
		}
	}
	if err := r.moveBranch(ctx, branch, commit, expectOld); err != nil {
		return fmt.Errorf("git: %s: branch %q: %w: %w", target, branch, ErrMoved, err)
	}
	return nil
}

// moveBranch lets a branch stand at another commit, or makes it where old is "". os.Root keeps what is written within the
// repository, whatever symbolic links it has.
func (r repository) moveBranch(ctx context.Context, name, commit, old string) error {
	if err := CheckBranch(name); err != nil {
		return err
	}
	root, err := os.OpenRoot(r.common)
	if err != nil {
		return err
	}
	defer root.Close()
	ref := "refs/heads/" + name
	for d := path.Dir(name); d != "."; d = path.Dir(d) {
		if id, err := r.branch(d); err == nil {
			return fmt.Errorf("there is a branch %q (%s), so that none can be below it", d, id)
		} else if !errors.Is(err, ErrNoBranch) {
			return err
		}
	}
	if err := makeDirs(root, path.Dir(ref)); err != nil {
		return err
	}
	lock, err := take(ctx, root, ref+".lock")
	if err != nil {
		return err
	}
	defer func() { _ = root.Remove(ref + ".lock") }() // it is gone where it became the branch
	_, err = io.WriteString(lock, commit+"\n")
	if err = errors.Join(err, lock.Sync(), lock.Close()); err != nil {
		return err
	}
	// Others who keep to the lock can't move it any more.
	switch now, err := r.branch(name); {
	case err != nil && !errors.Is(err, ErrNoBranch):
		return err
	case now != old:
		return fmt.Errorf("it stands at %q", now)
	}
	return root.Rename(ref+".lock", ref)
}

// lockWait is how long somebody else's lock is waited for. One that stays is of a process that died.
const lockWait = 2 * time.Second

// take makes a lock.
func take(ctx context.Context, root *os.Root, name string) (*os.File, error) {
	for end := time.Now().Add(lockWait); ; {
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil || !errors.Is(err, os.ErrExist) {
			return f, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("somebody holds it, or died over it; where nobody pushes to it, remove %s: %w", filepath.Join(root.Name(), name), err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// makeDirs makes what is missing of a path, with the mode of the directory above, so that who shares the repository can write
// there as before.
func makeDirs(root *os.Root, dir string) error {
	fi, err := root.Stat(dir)
	if err == nil && !fi.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := makeDirs(root, path.Dir(dir)); err != nil {
		return err
	}
	above, err := root.Stat(path.Dir(dir))
	if err != nil {
		return err
	}
	if err := root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return root.Chmod(dir, above.Mode().Perm()|above.Mode()&os.ModeSetgid)
}
