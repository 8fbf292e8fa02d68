package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRootRunsOnItsOwnStateOnly(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root, to make a directory of another user")
		}
		t.Skip("needs root, to make a directory of another user")
	}
	dir := filepath.Join(t.TempDir(), "state")
	if err := ownState(dir); err != nil {
		t.Errorf("a directory that is not there yet: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := ownState(dir); err != nil {
		t.Errorf("root's own: %v", err)
	}
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := ownState(dir); err == nil || !strings.Contains(err.Error(), "12345") {
		t.Errorf("another's: %v", err)
	}
}
