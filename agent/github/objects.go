package github

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
)

// maxFile bounds one file of a change. GitHub takes more, but no patch of ours needs it.
const maxFile = 4 << 20

// objects is what a change is read from: the object store of our own.
type objects struct{ *git.Store }

func openObjects(ctx context.Context, dir string) (objects, error) {
	// git.Open makes what is missing; a store that is not there any more has no change either.
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return objects{}, fmt.Errorf("the object store of the change is gone: %w", err)
	}
	s, err := git.Open(ctx, dir, git.Options{})
	return objects{s}, err
}

type signature struct {
	name, email string
	at          time.Time
}

// file is a file after a change, with its bytes. blob is "" where it was deleted.
type file struct {
	path, mode, blob string
	text             []byte
	// added are the lines that were not in the file before.
	added []string
}

// changes lists the files that differ between two commits, by path, with their bytes.
func (o objects) changes(ctx context.Context, from, to string) ([]file, error) {
	before, err := o.Tree(ctx, from)
	if err != nil {
		return nil, err
	}
	after, err := o.Tree(ctx, to)
	if err != nil {
		return nil, err
	}
	was := make(map[string]git.Entry, len(before))
	for _, e := range before {
		was[e.Path] = e
	}
	var out []file
	for _, e := range after {
		w, had := was[e.Path]
		delete(was, e.Path)
		if had && w.ID == e.ID && w.Mode == e.Mode {
			continue
		}
		if err := git.CheckPath(e.Path); err != nil {
			return nil, err
		}
		if !e.Regular() {
			return nil, refusef("%s is not a file but a link or a submodule", incident.PrintableLine(e.Path))
		}
		b, err := o.Blob(ctx, e.ID, maxFile)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", incident.PrintableLine(e.Path), err)
		}
		if bytes.IndexByte(b, 0) >= 0 {
			return nil, refusef("%s is not text", incident.PrintableLine(e.Path))
		}
		f := file{path: e.Path, mode: e.Mode, blob: e.ID, text: b}
		old := make(map[string]bool)
		if had && w.Regular() {
			t, err := o.Blob(ctx, w.ID, maxFile)
			if err != nil && !errors.Is(err, git.ErrTooLarge) { // then every line counts as new
				return nil, fmt.Errorf("%s: %w", incident.PrintableLine(e.Path), err)
			}
			for l := range strings.SplitSeq(string(t), "\n") {
				old[l] = true
			}
		}
		for l := range strings.SplitSeq(string(b), "\n") {
			if !old[l] {
				f.added = append(f.added, l)
			}
		}
		out = append(out, f)
	}
	for _, e := range before {
		if _, gone := was[e.Path]; gone {
			out = append(out, file{path: e.Path, mode: e.Mode})
		}
	}
	return out, nil
}
