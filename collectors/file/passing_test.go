package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// What is the machine's fault for a moment must not make a file count as looked at.
func TestPassingErrors(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want bool
	}{
		{&os.PathError{Op: "openat", Path: "x", Err: unix.EMFILE}, true},
		{fmt.Errorf("reading: %w", unix.EIO), true},
		{&os.PathError{Op: "openat", Path: "x", Err: unix.EACCES}, false},
		{fs.ErrNotExist, false},
		{errors.New("a pipe"), false},
	} {
		if got := passing(tc.err); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.err, got, tc.want)
		}
	}
}
