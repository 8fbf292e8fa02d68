package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Available says whether the host's journal can be read by this user, nil if so. The error says what is wrong and what to do
// about it. It is for doctor: a Collector does without, since a journal may come later.
func Available() error { return available("", "") }

func available(bin, directory string) error {
	bin, err := lookup(bin)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	// Not --quiet: what it warns of is what we want to know.
	args := []string{"--output=cat", "--no-pager", "--lines=1"}
	if directory != "" {
		args = append(args, "--directory="+directory)
	}
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = []string{"LC_ALL=C", "PATH=" + os.Getenv("PATH")}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	err = cmd.Run()
	said := stderr.String()
	switch {
	case strings.Contains(said, "insufficient permissions"), strings.Contains(said, "not seeing messages"):
		return errors.New("this user may not read the whole journal: add it to the group systemd-journal " +
			"(usermod -aG systemd-journal USER, or SupplementaryGroups=systemd-journal in the unit) and log in again")
	case strings.Contains(said, "No journal files were found"):
		return errors.New("there are no journal files on this host: systemd-journald does not run here " +
			"(a container?); remove the source of kind journal, or give it a directory")
	case err != nil:
		return fmt.Errorf("journalctl fails: %w: %s; try it by hand: %s", err, strings.TrimSpace(said), strings.Join(cmd.Args, " "))
	}
	return nil
}
