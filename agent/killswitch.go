package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// The kill switch is on while its file exists or while the store says so: the file for hands that have nothing else (touch,
// a configuration management), the store for `logwright stop-all`, which says who and why. What can't be looked at is
// taken to be there.

// stoppedBy says why nothing may be done now, "" where nothing forbids it.
func stoppedBy(file string, rec store.StopRecord) string {
	if rec.On {
		return fmt.Sprintf("the kill switch is on since %s, by %s", rec.At.UTC().Format(time.RFC3339), rec.Who)
	}
	switch _, err := os.Lstat(file); {
	case err == nil:
		return fmt.Sprintf("the kill switch is on: %s exists", file)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return ""
	default:
		return fmt.Sprintf("the kill switch %s can't be looked at, so it counts as on: %v", file, err)
	}
}

// Stopped says why nothing may be done now, "" where nothing forbids it.
func Stopped(ctx context.Context, st *store.Store, file string) (string, error) {
	rec, err := st.Stopped(ctx)
	if err != nil {
		return "", err
	}
	return stoppedBy(file, rec), nil
}

// StopAll turns the kill switch on, in the store and by its file. It is enough that one of them can be done; the error says
// what could not be, and whether the other holds.
func StopAll(ctx context.Context, st *store.Store, file, who, why string) error {
	inStore := st.UpdateDurable(ctx, func(tx *store.Tx) error { return tx.SetStopped(true, who, why) })
	var inFile error
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		inFile = err
	} else if f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0o644); err != nil {
		inFile = err
	} else {
		_, err = fmt.Fprintf(f, "%s %s: %s\n", time.Now().UTC().Format(time.RFC3339), who, incident.PrintableLine(why))
		inFile = errors.Join(err, f.Close())
	}
	if inStore != nil && inFile != nil {
		return fmt.Errorf("NOTHING was stopped: %w", errors.Join(inStore, inFile))
	}
	return nil
}

// Resume turns the kill switch off, both ways. The error says what still holds it.
func Resume(ctx context.Context, st *store.Store, file, who, why string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("everything stays stopped: %w", err)
	}
	return st.Update(ctx, func(tx *store.Tx) error {
		rec, err := tx.Stopped()
		if err != nil || !rec.On {
			return err
		}
		return tx.SetStopped(false, who, why)
	})
}
