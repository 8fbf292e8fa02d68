package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/logwright/logwright/agent/incident"
)

// Fetch copies the commit that branch of the repository at source stands at, with its files and without its history, and gives
// its id. source is an absolute path; it may belong to another user and is only read. Nothing of its config is.
func (s *Store) Fetch(ctx context.Context, source, branch string) (string, error) {
	r, err := locate(source)
	if err != nil {
		return "", err
	}
	commit, err := r.branch(branch)
	if err != nil {
		return "", err
	}
	if len(commit) != 40 {
		return "", fmt.Errorf("git: %s has SHA-256 objects, which can't be read yet", source)
	}
	if s.has(ctx, commit) {
		return commit, nil
	}
	unlock, err := s.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if err := s.cutHistory(commit); err != nil {
		return "", err
	}
	other, err := quotePath(r.objects)
	if err != nil {
		return "", err
	}
	wanted := commit + "\n"
	mark := "refs/bases/" + branch
	if old := s.own(mark); old != "" && s.has(ctx, old) {
		wanted += "^" + old + "\n" // what came with it is here
	}
	from := command{
		args: []string{"pack-objects", "--quiet", "--revs", "--stdout", "--delta-base-offset"}, stdin: strings.NewReader(wanted),
		env: []string{"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + other},
	}
	if err := s.pipe(ctx, from, command{args: s.indexPack()}); err != nil {
		return "", fmt.Errorf("git: copying branch %q of %s: %w", branch, source, err)
	}
	if !s.has(ctx, commit) {
		return "", fmt.Errorf("git: branch %q of %s: commit %s did not come", branch, source, commit)
	}
	if _, err := s.run(ctx, command{args: []string{"update-ref", mark, commit}}); err != nil {
		return "", err
	}
	return commit, nil
}

// indexPack takes in a pack only if every object of it is sound and all that they name is there.
func (s *Store) indexPack() []string {
	return []string{"index-pack", "--stdin", "--strict", "--max-input-size=" + strconv.FormatInt(s.opts.MaxPack, 10)}
}

// has says that a commit of that id is in the store. All that it names is, too: packs come whole.
func (s *Store) has(ctx context.Context, commit string) bool {
	_, err := s.run(ctx, command{args: []string{"cat-file", "-e", commit + "^{tree}"}})
	return err == nil
}

// own reads a ref of the store.
func (s *Store) own(ref string) string {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return ""
	}
	defer root.Close()
	id, err := loose(root, ref)
	if err != nil {
		return ""
	}
	return id
}

// lock keeps other processes and goroutines from fetching meanwhile.
func (s *Store) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "fetch.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { f.Close() }, nil
}

// cutHistory notes that the parents of a commit are not here. It is noted before the commit comes: a note too many is nothing,
// a commit without its note is a broken store.
func (s *Store) cutHistory(commit string) error {
	file := filepath.Join(s.dir, "shallow")
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	ids := strings.Fields(string(b))
	if slices.Contains(ids, commit) {
		return nil
	}
	tmp, err := os.CreateTemp(s.dir, "shallow-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(strings.Join(append(ids, commit), "\n") + "\n")
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// quotePath gives a path as git's lists of object directories take it.
func quotePath(p string) (string, error) {
	if incident.PrintableLine(p) != p {
		return "", fmt.Errorf("git: the path %q holds control characters", p)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`, nil
}

// pipe runs from with its output as the input of to. The error is that of who failed first.
func (s *Store) pipe(ctx context.Context, from, to command) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	from.out, to.stdin = w, r
	first := make(chan error, 1)
	go func() {
		_, err := s.run(ctx, from)
		w.CloseWithError(err) // a nil one is the end of the pack
		first <- err
	}()
	_, err := s.run(ctx, to)
	r.CloseWithError(errors.New("nobody reads any more"))
	sent := <-first
	if sent != nil && (err == nil || isFailure(sent)) {
		return sent
	}
	return err
}

// isFailure says that git itself gave up, rather than that its output was no longer wanted.
func isFailure(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Exit > 0
}

// Why a Push did not happen.
var (
	// ErrMoved says that the branch does not stand where it was expected to.
	ErrMoved = errors.New("the branch does not stand where it should")
	// ErrNoParent says that the target lacks the commit that the pushed one is based on.
	ErrNoParent = errors.New("the repository does not have the commit that the change is based on; push the base branch to it first")
)

// Fsck checks every object of the store.
func (s *Store) Fsck(ctx context.Context) error {
	_, err := s.run(ctx, command{args: []string{"fsck", "--full", "--strict", "--no-progress", "--no-dangling"}})
	return err
}
