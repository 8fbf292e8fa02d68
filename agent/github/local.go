package github

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
)

// The local forge: a branch in a bare repository, and a Markdown file beside it for each pull request. It is what the demo and
// who has no forge use; what is read and closed there, is read and closed with an editor and git.
//
// A description is `<number>-<incident>.md` and begins with lines of `key: value` between two lines of `---`. It is written
// beside, synced, and then linked to its name, which fails where the name is taken: there is never half of one, and never two
// for one incident. Numbers are given out under a lock that ends with the process; one that was given out is never given again.

const (
	lockFile       = ".numbers"
	maxDescription = 1 << 20
)

// States in a description's head.
const (
	stateOpen   = "open"
	stateMerged = "merged"
	stateClosed = "closed"
)

type local struct {
	repository string // "" is the change's
	dir        string
	now        func() time.Time
	fault      func(string)
}

func newLocal(c Config, stateDir string, now func() time.Time, fault func(string)) (*local, error) {
	l := &local{repository: c.Repository, dir: c.Directory, now: now, fault: fault}
	if l.dir == "" {
		if !filepath.IsAbs(stateDir) {
			return nil, errors.New("the local forge needs the state directory, or forge.directory")
		}
		l.dir = filepath.Join(stateDir, "pulls")
	}
	return l, nil
}

// described is a description that is there.
type described struct {
	number                       int
	file                         string
	incident, proposal           string
	state                        string
	repository, base             string
	branch, commit, objectsStore string
	closedAt                     time.Time
	text                         string // all of the file
}

var fileForm = regexp.MustCompile(`^([1-9][0-9]{0,8})-(lw-[a-z0-9]{1,40}\.[1-9][0-9]{0,8})\.md$`)

// all reads the descriptions, newest first. One that can't be read is an error: nothing is doubled for want of looking.
func (l *local) all() ([]described, error) {
	root, err := os.OpenRoot(l.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	var out []described
	for _, e := range entries {
		if !fileForm.MatchString(e.Name()) {
			continue
		}
		d, err := readDescription(root, e.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b described) int { return b.number - a.number })
	return out, nil
}

func readDescription(root *os.Root, name string) (described, error) {
	fi, err := root.Lstat(name)
	if err != nil {
		return described{}, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > maxDescription {
		return described{}, fmt.Errorf("%s is not a description", name)
	}
	b, err := root.ReadFile(name)
	if err != nil {
		return described{}, err
	}
	return parseDescription(name, string(b))
}

func parseDescription(name, text string) (described, error) {
	m := fileForm.FindStringSubmatch(name)
	head, ok := strings.CutPrefix(text, "---\n")
	head, _, end := strings.Cut(head, "\n---\n")
	if m == nil || !ok || !end {
		return described{}, fmt.Errorf("%s has no head: its first line is ---, and so is the one after its last key", name)
	}
	d := described{file: name, incident: m[2], text: text}
	d.number, _ = strconv.Atoi(m[1]) // its form was checked
	for line := range strings.SplitSeq(head, "\n") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "state":
			d.state = value
		case "repository":
			d.repository = value
		case "objects":
			d.objectsStore = value
		case "base":
			d.base = value
		case "branch":
			d.branch = value
		case "commit":
			d.commit = value
		case "closed_at":
			d.closedAt, _ = time.Parse(time.RFC3339, value) // a person may have written anything; then it is not known
		case "proposal":
			d.proposal = value
		}
	}
	switch d.state {
	case stateOpen, stateMerged, stateClosed:
		return d, nil
	}
	return d, fmt.Errorf("%s: state is %q, one of open, merged, closed", name, d.state)
}

func (l *local) path(p *incident.Proposal) string {
	if l.repository != "" {
		return l.repository
	}
	return p.Change.Repository
}

func (l *local) look(ctx context.Context, p *incident.Proposal) (world, error) {
	var w world
	at, err := git.Ref(l.path(p), branchOf(p.Incident))
	if err != nil {
		return w, err
	}
	w.branch, w.same = at, at == p.Change.Commit
	all, err := l.all()
	if err != nil {
		return w, err
	}
	for _, d := range all {
		switch {
		case d.incident == p.Incident:
			s, err := l.stateOf(ctx, d)
			if err != nil {
				return w, err
			}
			w.pulls = append(w.pulls, pull{ref: l.ref(d), state: s, proposal: d.proposal})
		case w.cluster == nil && strings.HasPrefix(d.incident, p.Cluster+"."):
			s, err := l.stateOf(ctx, d)
			if err != nil {
				return w, err
			}
			if s.Open {
				w.cluster = &pull{ref: l.ref(d), state: s, proposal: d.proposal}
			}
		}
	}
	return w, nil
}

func (l *local) ref(d described) incident.ForgeRef {
	return incident.ForgeRef{URL: filepath.Join(l.dir, d.file), Number: d.number, Branch: d.branch, Commit: d.commit}
}

// stateOf asks the description first, which a person may have closed, and then the repository.
func (l *local) stateOf(ctx context.Context, d described) (State, error) {
	s := State{ClosedAt: d.closedAt}
	if s.ClosedAt.IsZero() {
		s.ClosedAt = l.now().UTC() // when it was seen; git does not tell more
	}
	switch d.state {
	case stateMerged:
		s.Merged = true
		return s, nil
	case stateClosed:
		return s, nil
	}
	store, err := openObjects(ctx, d.objectsStore)
	if err != nil {
		return s, err
	}
	if s.Merged, err = store.Merged(ctx, d.repository, d.base, d.commit); err != nil || s.Merged {
		return s, err
	}
	at, err := git.Ref(d.repository, d.branch)
	if err != nil {
		return s, err
	}
	if at == "" {
		return s, nil
	}
	return State{Open: true}, nil
}

func (l *local) status(ctx context.Context, ref incident.ForgeRef) (State, error) {
	d, err := l.find(ref)
	if err != nil {
		return State{}, err
	}
	return l.stateOf(ctx, d)
}

func (l *local) find(ref incident.ForgeRef) (described, error) {
	all, err := l.all()
	if err != nil {
		return described{}, err
	}
	for _, d := range all {
		if d.number == ref.Number && d.branch == ref.Branch {
			return d, nil
		}
	}
	return described{}, fmt.Errorf("there is no description with its number in %s", l.dir)
}

func (l *local) open(ctx context.Context, d *draft, w world) (incident.ForgeRef, string, error) {
	repository := l.path(&d.p)
	// What is written to a line of the head is one line.
	if strings.ContainsFunc(repository+d.store.Dir(), func(r rune) bool { return r < ' ' }) {
		return incident.ForgeRef{}, "", errors.New("the repository's path has a control character")
	}
	if w.branch == "" {
		l.fault("before branch")
		if err := d.store.Push(ctx, d.commit, repository, d.branch, ""); err != nil {
			// Somebody may have pushed the same commit meanwhile.
			if at, refErr := git.Ref(repository, d.branch); refErr != nil || at != d.commit {
				return incident.ForgeRef{}, "", err
			}
		}
		l.fault("after branch")
	}
	note := fmt.Sprintf("the branch %s is there, but no description of it", d.branch)
	ref, err := l.describe(d, repository)
	if err != nil {
		return incident.ForgeRef{}, note, err
	}
	return ref, "", nil
}

// describe gives the pull request a number and writes its description.
func (l *local) describe(d *draft, repository string) (incident.ForgeRef, error) {
	var ref incident.ForgeRef
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return ref, err
	}
	err := l.locked(func(root *os.Root, number *int) error {
		all, err := l.all()
		if err != nil {
			return err
		}
		for _, o := range all {
			*number = max(*number, o.number)
			if o.incident == d.p.Incident { // somebody was faster
				ref = l.ref(o)
				return nil
			}
		}
		*number++
		name := fmt.Sprintf("%d-%s.md", *number, d.p.Incident)
		head := fmt.Sprintf("---\nnumber: %d\nstate: %s\ntitle: %s\nbranch: %s\nbase: %s\ncommit: %s\nbase_commit: %s\ncreated_at: %s\n"+
			"cluster: %s\nincident: %s\nproposal: %s\nrepository: %s\nobjects: %s\n---\n\n",
			*number, stateOpen, quoteYAML(d.title), d.branch, d.base, d.commit, d.baseCommit, l.now().UTC().Format(time.RFC3339),
			d.p.Cluster, d.p.Incident, d.p.ID, repository, d.store.Dir())
		how := fmt.Sprintf("# %s\n\nMerge it with `git merge %s`. Close it by writing `state: closed` above, or by deleting the branch.\n\n", quoteTitle(d.title), d.branch)
		l.fault("before description")
		if err := writeNew(root, name, head+how+d.body, l.fault); err != nil {
			return err
		}
		l.fault("after description")
		ref = incident.ForgeRef{URL: filepath.Join(l.dir, name), Number: *number, Branch: d.branch, Commit: d.commit}
		return nil
	})
	return ref, err
}

// locked runs do alone among all processes. What it leaves in number is the last number that was given out.
func (l *local) locked(do func(root *os.Root, number *int) error) error {
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	f, err := root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	defer f.Close() // and with it the lock
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	buf := make([]byte, 32)
	n, _ := f.ReadAt(buf, 0) // what is not there is 0
	number, _ := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	was := number
	doErr := do(root, &number)
	if number > was {
		if _, err := f.WriteAt([]byte(fmt.Sprintf("%d\n", number)), 0); err != nil {
			return errors.Join(doErr, err)
		}
	}
	return doErr
}

// writeNew writes a file that is there whole or not at all, and takes no other's place.
func writeNew(root *os.Root, name, text string, fault func(string)) error {
	temp := "." + name + ".part"
	if err := writeSynced(root, temp, text); err != nil {
		return err
	}
	defer func() { _ = root.Remove(temp) }() // one that stays is written over the next time
	fault("within description")
	if err := root.Link(temp, name); err != nil {
		return err
	}
	return syncDir(root)
}

func writeSynced(root *os.Root, name, text string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(text); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// comment adds to the end of the description.
func (l *local) comment(ctx context.Context, ref incident.ForgeRef, text, key string) error {
	return l.locked(func(root *os.Root, _ *int) error {
		d, err := l.find(ref)
		if err != nil {
			return err
		}
		s, err := l.stateOf(ctx, d)
		if err != nil {
			return err
		}
		if !s.Open {
			return errors.New("it is not open any more")
		}
		if strings.Contains(d.text, "\n"+key+"\n") {
			return nil
		}
		all := fmt.Sprintf("%s\n## %s\n\n%s", strings.TrimRight(d.text, "\n")+"\n", stamp(l.now()), text)
		if len(all) > maxDescription {
			return errors.New("its description is full")
		}
		l.fault("before comment")
		temp := "." + d.file + ".part"
		if err := writeSynced(root, temp, all); err != nil {
			return err
		}
		if err := root.Rename(temp, d.file); err != nil {
			return err
		}
		l.fault("after comment")
		return syncDir(root)
	})
}

// quoteYAML writes one line of text as a double-quoted scalar.
func quoteYAML(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// quoteTitle escapes a title for a heading.
func quoteTitle(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(quote(s), "> "), "\n")
}
