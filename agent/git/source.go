package git

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A repository of somebody else is read here without git: where it is, where its branch stands, where its objects are.

// ErrNoBranch says that a repository has no such branch.
var ErrNoBranch = errors.New("the repository has no such branch")

// repository is where the parts of a repository are.
type repository struct {
	common  string // refs and config
	objects string
}

// maxSmall bounds the small files of a repository: refs, pointers to other directories.
const maxSmall = 64 << 10

// maxPackedRefs bounds packed-refs.
const maxPackedRefs = 64 << 20

// locate finds the repository at path: bare, with a work tree, or a linked work tree. What points elsewhere has to belong to
// whom the pointer belongs to, so that a user can't have another user's repository read by pointing there.
func locate(path string) (repository, error) {
	fail := func(err error) (repository, error) {
		return repository{}, fmt.Errorf("git: %s is not a repository that can be read: %w", path, err)
	}
	if !filepath.IsAbs(path) {
		return fail(errors.New("the path is not absolute"))
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fail(err)
	}
	gitDir := path
	dot := filepath.Join(path, ".git")
	if fi, err := os.Lstat(dot); err == nil {
		gitDir = dot
		if !fi.IsDir() {
			b, err := readSmall(dot, maxSmall)
			if err != nil {
				return fail(err)
			}
			to, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "gitdir: ")
			if !ok {
				return fail(errors.New(".git does not name a directory"))
			}
			gitDir = absolute(path, to)
			if err := sameOwner(dot, gitDir); err != nil {
				return fail(err)
			}
		}
	}
	common := gitDir
	if b, err := readSmall(filepath.Join(gitDir, "commondir"), maxSmall); err == nil {
		common = absolute(gitDir, strings.TrimSpace(string(b)))
		if err := sameOwner(gitDir, common); err != nil {
			return fail(err)
		}
	}
	r := repository{common: common, objects: filepath.Join(common, "objects")}
	for _, dir := range []string{r.objects, filepath.Join(common, "refs")} {
		if fi, err := os.Lstat(dir); err != nil {
			return fail(err)
		} else if !fi.IsDir() {
			return fail(fmt.Errorf("%s is not a directory", dir))
		}
	}
	if fi, err := os.Lstat(filepath.Join(r.objects, "pack")); err == nil && !fi.IsDir() {
		return fail(fmt.Errorf("%s is not a directory", filepath.Join(r.objects, "pack")))
	}
	if err := checkAlternates(r.objects, 0); err != nil {
		return fail(err)
	}
	return r, nil
}

func absolute(from, to string) string {
	if !filepath.IsAbs(to) {
		to = filepath.Join(from, to)
	}
	return filepath.Clean(to)
}

func owner(path string) (uint32, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, fmt.Errorf("the owner of %s can't be told", path)
	}
	return st.Uid, nil
}

// sameOwner refuses a pointer from one user's file to another's directory.
func sameOwner(from, to string) error {
	a, err := owner(from)
	if err != nil {
		return err
	}
	b, err := owner(to)
	if err != nil {
		return err
	}
	if a != b && a != 0 {
		return fmt.Errorf("%s points to %s, which belongs to somebody else", from, to)
	}
	return nil
}

// maxAlternates is how deep git follows them, too.
const maxAlternates = 5

// checkAlternates looks at the other object directories that this one names.
func checkAlternates(objects string, depth int) error {
	file := filepath.Join(objects, "info", "alternates")
	b, err := readSmall(file, maxSmall)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if depth == maxAlternates {
		return fmt.Errorf("%s: alternates of alternates of alternates", objects)
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		to := absolute(objects, line)
		if err := sameOwner(file, to); err != nil {
			return err
		}
		if err := checkAlternates(to, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// readSmall reads a regular file; a FIFO in its place does not block.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, nil
}

// branch gives the commit that a branch stands at.
func (r repository) branch(name string) (string, error) {
	if err := CheckBranch(name); err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(r.common, "reftable")); err == nil {
		return "", fmt.Errorf("git: %s keeps its branches as a reftable, which can't be read yet (git refs migrate --ref-format=files)", r.common)
	}
	root, err := os.OpenRoot(r.common)
	if err != nil {
		return "", err
	}
	defer root.Close()
	ref := "refs/heads/" + name
	// A branch may be packed between the two looks; it is loose or packed at the third.
	for range 2 {
		id, err := loose(root, ref)
		if err != nil || id != "" {
			return id, err
		}
		if id, err = r.packed(ref); err != nil || id != "" {
			return id, err
		}
	}
	return "", fmt.Errorf("git: %s: branch %q: %w", r.common, name, ErrNoBranch)
}

// loose reads a ref's own file; os.Root keeps symbolic links within the repository.
func loose(root *os.Root, ref string) (string, error) {
	for range 5 {
		f, err := root.OpenFile(ref, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			// Missing, or a directory's part: the branch may be packed.
			return "", nil //nolint:nilerr // a ref without a file of its own is looked up in packed-refs
		}
		fi, err := f.Stat()
		if err != nil || !fi.Mode().IsRegular() {
			f.Close()
			return "", err
		}
		b, err := io.ReadAll(io.LimitReader(f, 4096))
		f.Close()
		if err != nil {
			return "", err
		}
		text := strings.TrimSpace(string(b))
		to, symbolic := strings.CutPrefix(text, "ref: refs/heads/")
		switch {
		case symbolic && CheckBranch(to) == nil:
			ref = "refs/heads/" + to
		case isID(text):
			return text, nil
		default:
			return "", fmt.Errorf("git: %s does not name a commit", ref)
		}
	}
	return "", fmt.Errorf("git: %s names a branch that names a branch, and so on", ref)
}

func (r repository) packed(ref string) (string, error) {
	b, err := readSmall(filepath.Join(r.common, "packed-refs"), maxPackedRefs)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		if id, name, ok := strings.Cut(sc.Text(), " "); ok && name == ref && isID(id) {
			return id, nil
		}
	}
	return "", sc.Err()
}

// Ref gives the commit that a branch of the repository at path stands at, "" where there is no such branch.
func Ref(path, branch string) (string, error) {
	r, err := locate(path)
	if err != nil {
		return "", err
	}
	id, err := r.branch(branch)
	if errors.Is(err, ErrNoBranch) {
		return "", nil
	}
	return id, err
}
