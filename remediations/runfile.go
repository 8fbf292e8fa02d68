package remediations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// The phases of an action that a run file knows. None is that the command was not started.
const (
	phaseStarting = "starting" // the command may have been started
	phaseRunning  = "running"  // it was
	phaseEnded    = "ended"    // what came of it is known
)

// runFile is what survives the daemon of a command that it started. It is made once for an action, and on disk before the command
// starts: so no file is proof that nothing ran, and a file is reason enough never to run it again.
type runFile struct {
	Version int    `json:"version"`
	Action  string `json:"action"`
	Undo    bool   `json:"undo,omitempty"`
	Phase   string `json:"phase"`
	// Boot is the boot that PID and Start are of; Start is the process's start in the kernel's own ticks. Together they name
	// one process for ever, which a PID alone does not.
	Boot  string `json:"boot,omitempty"`
	PID   int    `json:"pid,omitempty"`
	Start uint64 `json:"start,omitempty"`
	// Timeout is in nanoseconds, as Go has it.
	Timeout   time.Duration     `json:"timeout"`
	StartedAt time.Time         `json:"started_at"`
	Outcome   *incident.Outcome `json:"outcome,omitempty"`
}

const (
	runFileVersion = 1
	maxRunFile     = 1 << 20
)

var actionID = regexp.MustCompile(`\Aa-[0-9A-Za-z][0-9A-Za-z_-]{0,63}\z`)

// runName is the file's name; the marker that the processes of the command carry in their environment is made of it, too.
func runName(action string, undo bool) string {
	if undo {
		return action + ".undo"
	}
	return action
}

// prepareDir makes the directory of run files, or checks it: it has to be nobody else's, since what lies in it is believed.
func prepareDir(dir string) error {
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("the directory of run files %q is not an absolute path", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the directory of run files: %w", err)
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("the directory of run files: %w", err)
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	switch {
	case !fi.IsDir():
		return fmt.Errorf("%s is not a directory; move it away", dir)
	case ok && os.Geteuid() != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user id %d and Logwright runs as %d; remove it, it is made anew", dir, st.Uid, os.Geteuid())
	case fi.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to %s (mode %04o); see that its files are yours, then `chmod 700 %s`", dir, fi.Mode().Perm(), dir)
	}
	return nil
}

// errRunFileExists says that the action was begun before.
var errRunFileExists = errors.New("there is a run file already")

// create makes the run file if there is none. It is on disk when create returns.
func (r *Runner) create(f runFile) error {
	tmp, err := r.writeTemp(f)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	// A link, not a rename: it fails where the name is taken, and what is there under the name is never half a file.
	if err := os.Link(tmp, r.path(f)); errors.Is(err, fs.ErrExist) {
		return errRunFileExists
	} else if err != nil {
		return err
	}
	return syncDir(r.dir)
}

// update replaces the run file.
func (r *Runner) update(f runFile) error {
	tmp, err := r.writeTemp(f)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, r.path(f)); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return syncDir(r.dir)
}

func (r *Runner) path(f runFile) string {
	return filepath.Join(r.dir, runName(f.Action, f.Undo)+".json")
}

func (r *Runner) writeTemp(f runFile) (string, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(r.dir, runName(f.Action, f.Undo)+".*.tmp")
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(append(b, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return "", err
	}
	return tmp.Name(), nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// load reads the run file of an action. fs.ErrNotExist is that there is none.
func (r *Runner) load(action string, undo bool) (runFile, error) {
	want := runFile{Action: action, Undo: undo}
	fi, err := os.Lstat(r.path(want))
	if err != nil {
		return runFile{}, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > maxRunFile {
		return runFile{}, fmt.Errorf("%s is not a run file", r.path(want))
	}
	b, err := os.ReadFile(r.path(want))
	if err != nil {
		return runFile{}, err
	}
	f, err := parseRunFile(b)
	if err != nil {
		return runFile{}, fmt.Errorf("%s: %w", r.path(want), err)
	}
	if f.Action != action || f.Undo != undo {
		return runFile{}, fmt.Errorf("%s is the run file of %q", r.path(want), incident.PrintableLine(incident.CutText(f.Action, 80)))
	}
	return f, nil
}

func parseRunFile(b []byte) (runFile, error) {
	var f runFile
	if err := json.Unmarshal(b, &f); err != nil {
		return runFile{}, err
	}
	switch {
	case f.Version != runFileVersion:
		return runFile{}, fmt.Errorf("version %d is not known", f.Version)
	case f.Phase == phaseStarting:
	case f.Phase == phaseRunning && f.PID > 1:
	case f.Phase == phaseEnded && f.Outcome != nil:
	default:
		return runFile{}, errors.New("it does not say how far the command came")
	}
	return f, nil
}

// Prune removes the run files of actions that were begun before the given time. What they say has to be in the store by then, and
// their grants have to be over: both is so after an hour or two.
func (r *Runner) Prune(ctx context.Context, before time.Time) error {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return fmt.Errorf("run files: %w", err)
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !strings.HasSuffix(e.Name(), ".json") && !strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		if fi, err := e.Info(); err == nil && fi.ModTime().Before(before) {
			if err := os.Remove(filepath.Join(r.dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("run files: %w", err)
			}
		}
	}
	return nil
}
