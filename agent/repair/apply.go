package repair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/prompts"
)

// maxEditedFile bounds a file that edits are made to, in bytes; maxEditedLines in lines.
const (
	maxEditedFile  = 512 << 10
	maxEditedLines = 20_000
)

// workbench is the base tree, and what is known of its files.
type workbench struct {
	store   *git.Store
	base    string
	entries []git.Entry
	byPath  map[string]git.Entry
	paths   []string // of regular files
	repo    Repository
	redact  func(string) string
	bytes   map[string][]byte // by object id, those that were read
	kept    int               // bytes in it
}

func newWorkbench(ctx context.Context, store *git.Store, base string, repo Repository, redact func(string) string) (*workbench, error) {
	entries, err := store.Tree(ctx, base)
	if err != nil {
		return nil, err
	}
	w := &workbench{
		store: store, base: base, entries: entries, byPath: make(map[string]git.Entry, len(entries)), repo: repo, redact: redact,
		bytes: make(map[string][]byte),
	}
	for _, e := range entries {
		w.byPath[e.Path] = e
		if e.Regular() && git.CheckPath(e.Path) == nil {
			w.paths = append(w.paths, e.Path)
		}
	}
	return w, nil
}

// maxKept bounds what a workbench holds in memory, in bytes.
const maxKept = 16 << 20

// read gives a text file of the base. The error is in words for a model.
func (w *workbench) read(ctx context.Context, p string) (string, error) {
	e, ok := w.byPath[p]
	switch {
	case !ok:
		return "", fmt.Errorf("%s is not in the repository", p)
	case e.Mode == git.ModeSymlink:
		return "", fmt.Errorf("%s is a symbolic link", p)
	case !e.Regular():
		return "", fmt.Errorf("%s is a submodule", p)
	case e.Size > maxEditedFile:
		return "", fmt.Errorf("%s has %d bytes, too many to be patched", p, e.Size)
	}
	b, ok := w.bytes[e.ID]
	if !ok {
		var err error
		if b, err = w.store.Blob(ctx, e.ID, maxEditedFile); err != nil {
			return "", err
		}
		if w.kept += len(b); w.kept > maxKept {
			clear(w.bytes)
			w.kept = len(b)
		}
		w.bytes[e.ID] = b
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return "", fmt.Errorf("%s is a binary file", p)
	}
	if bytes.Count(b, []byte("\n")) > maxEditedLines {
		return "", fmt.Errorf("%s has more than %d lines, too many to be patched", p, maxEditedLines)
	}
	return string(b), nil
}

// problem is why an answer can't be taken, for the model and for people. note goes with it.
type problem struct {
	text string // quotes paths and lines of the model
	// brief is in our own words alone.
	brief string
	note  *prompts.PatchNote
}

// What is wrong with edits, in short.
const (
	briefFit    = "the edits do not fit the files"
	briefDenied = "the edits touch a file that may not be touched"
	briefLarge  = "the change is larger than a patch may be"
	briefTests  = "the change weakens or bends the tests"
	briefBuild  = "the change says what a build runs"
	briefSecret = "the patch contains what looks like a secret"
	briefUnseen = "the patch contains what can't be seen in it"
)

// errDenied marks what may not be touched.
var errDenied = errors.New("this file may not be touched")

// made are the files of a change.
type made struct {
	files map[string]string // the new bytes
	order []string
}

// apply makes the edits in memory. Nothing is made where there is any problem.
func (w *workbench) apply(ctx context.Context, edits []edit, limits Config) (*made, []problem) {
	m := &made{files: make(map[string]string)}
	var ps []problem
	sources := make(map[string]*source)
	refused := make(map[string]bool)
	for i, e := range edits {
		if refused[e.path] {
			continue
		}
		src, err := w.target(ctx, sources, e)
		if err == nil {
			err = src.edit(e, w.byPath)
		}
		if err != nil {
			p := problem{text: fmt.Sprintf("edit %d (%s): %v", i+1, e.path, err), brief: briefFit}
			if errors.Is(err, errDenied) {
				p.brief = briefDenied
			}
			var mm *mismatch
			if errors.As(err, &mm) && mm.nearest != "" {
				p.note = &prompts.PatchNote{What: fmt.Sprintf("what of the file is nearest to SEARCH of edit %d", i+1), Text: mm.nearest}
			}
			// What follows in the file was written for another state of it.
			refused[e.path] = true
			ps = append(ps, p)
		}
	}
	for _, p := range sortedKeys(sources) {
		m.files[p] = sources[p].String()
		m.order = append(m.order, p)
	}
	if len(m.order) > limits.MaxFiles {
		ps = append(ps, problem{text: fmt.Sprintf("the edits touch %d files, more than %d", len(m.order), limits.MaxFiles), brief: briefLarge})
	}
	if len(ps) == 0 && w.same(ctx, m) {
		ps = append(ps, problem{text: "the edits change nothing", brief: "the edits change nothing"})
	}
	return m, ps
}

func (w *workbench) same(ctx context.Context, m *made) bool {
	for p, text := range m.files {
		was, err := w.read(ctx, p)
		if err != nil || was != text {
			return false
		}
	}
	return true
}

// target gives the file that an edit is for, as the edits before it left it.
func (w *workbench) target(ctx context.Context, sources map[string]*source, e edit) (*source, error) {
	if err := git.CheckPath(e.path); err != nil {
		return nil, fmt.Errorf("%w: %w", errDenied, err)
	}
	if why := w.repo.permitted(e.path); why != "" {
		return nil, fmt.Errorf("%w: %s", errDenied, why)
	}
	if w.shadows(e.path) {
		return nil, fmt.Errorf("%w: it would be loaded in the place of a module of Python's own, or of a test runner's", errDenied)
	}
	if s := sources[e.path]; s != nil {
		return s, nil
	}
	var text string
	if _, ok := w.byPath[e.path]; ok {
		var err error
		if text, err = w.read(ctx, e.path); err != nil {
			return nil, err
		}
	} else if err := git.CheckChanges(w.entries, []git.Change{{Path: e.path, Mode: git.ModeFile, ID: strings.Repeat("0", 40)}}); err != nil {
		return nil, err // below a symbolic link, a submodule or a file
	} else if len(strings.Join(e.search, "")) > 0 {
		return nil, errors.New("the file is not in the repository; a new file has nothing between SEARCH and =======" + w.alike(e.path))
	}
	s, _ := newSource(text, w.redact)
	sources[e.path] = s
	return s, nil
}

// alike names a file that was perhaps meant.
func (w *workbench) alike(p string) string {
	if to, _ := suffixMatch(p, w.paths, 1); to != "" {
		return "; is " + to + " meant?"
	}
	return ""
}

// edit makes one edit of s.
func (s *source) edit(e edit, there map[string]git.Entry) error {
	if len(strings.Join(e.search, "")) > 0 {
		return s.replace(e.search, e.replace)
	}
	if entry, ok := there[e.path]; ok && entry.Size > 0 || len(s.lines) > 0 {
		return s.replace(nil, e.replace) // which says what is wrong
	}
	with := e.replace
	for len(with) > 0 && strings.TrimSpace(with[0]) == "" {
		with = with[1:]
	}
	for len(with) > 0 && strings.TrimSpace(with[len(with)-1]) == "" {
		with = with[:len(with)-1]
	}
	if len(with) == 0 {
		return errors.New("the new file is empty")
	}
	if len(with) > maxSearch {
		return fmt.Errorf("the new file has more than %d lines", maxSearch)
	}
	for _, l := range with {
		if hasMark(l) {
			return errors.New("the new file holds a redaction mark")
		}
		if strings.IndexByte(l, 0) >= 0 {
			return errors.New("the new file holds a zero byte")
		}
		s.lines = append(s.lines, line{text: l, shown: l, end: "\n"})
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// audit looks at what a change adds and takes away, in its diff: what would let it pass without mending anything, secrets, and
// what a build would run.
func (w *workbench) audit(diff string) []problem {
	var ps []problem
	add := func(brief, file, what, l string) {
		if len(ps) < 10 {
			ps = append(ps, problem{text: file + ": " + what + ": " + short(l), brief: brief})
		}
	}
	var added strings.Builder
	file, isNew := "", false
	for l := range strings.SplitSeq(diff, "\n") {
		switch {
		case strings.HasPrefix(l, "diff --git "):
			file, isNew = "", false
		case file == "" && strings.HasPrefix(l, "--- "):
			isNew = l == "--- /dev/null"
		case file == "" && strings.HasPrefix(l, "+++ b/"):
			file = strings.TrimSuffix(l[6:], "\t")
		case file == "" && strings.HasPrefix(l, "+++ "):
			add(briefFit, l, "the diff names a file that can't be looked at", l)
		case file == "" && strings.HasPrefix(l, "Binary files "):
			add(briefUnseen, l, "what the change does to the file can't be seen", l)
		case file == "":
		case strings.HasPrefix(l, "+"):
			text := l[1:]
			added.WriteString(text + "\n")
			switch {
			case strings.ContainsFunc(strings.TrimSuffix(text, "\r"), unseen):
				add(briefUnseen, file, "the change adds a control character, or one that can't be seen", text)
			case isTest(file) && skips.MatchString(text):
				add(briefTests, file, "the change skips or narrows tests", text)
			case asks.MatchString(text):
				add(briefTests, file, "code may not ask whether it is being tested", text)
			case leaves.MatchString(text):
				add(briefTests, file, "the change ends the process or hooks into the test runner", text)
			case builds.MatchString(text):
				add(briefBuild, file, "the change says what a build runs or links", text)
			}
		case strings.HasPrefix(l, "-") && !isNew && isTest(file) && !trivial.MatchString(l[1:]):
			add(briefTests, file, "a line of an existing test is changed or removed", l[1:])
		}
	}
	if text := added.String(); w.redact(text) != text {
		ps = append(ps, problem{text: briefSecret, brief: briefSecret})
	}
	return ps
}

// unseen says that who reads a diff does not see the character, or sees others in another order for it.
func unseen(r rune) bool {
	return r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError)
}

// short quotes a line of a patch.
func short(l string) string {
	l = prompts.Shown(strings.TrimSpace(l))
	if r := []rune(l); len(r) > 100 {
		l = string(r[:100]) + "…"
	}
	return fmt.Sprintf("%q", l)
}
