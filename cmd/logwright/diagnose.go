package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

const diagnoseLong = `Reads logs to their ends, groups the errors, and says what is wrong, why, and what to do next.

Files may be plain or compressed (gzip, bzip2, xz, zstd); "-" is standard input. Nothing of a
file leaves the host: the built-in signatures answer. Where --config names an agent.yaml with
a model, that model is asked about the most important incidents, with secrets taken out, and
every prompt is kept for "logwright prompt". What its remediations and rules would make of an
incident is shown, and nothing is done.`

const diagnoseExample = `  logwright diagnose /var/log/postgresql/postgresql-15-main.log
  journalctl -u api --since today | logwright diagnose -
  kubectl logs deploy/api --all-containers | logwright diagnose -
  logwright diagnose -o json app.log app.log.1.gz | jq '.incidents[].diagnosis.summary'`

func (a *app) diagnoseCommand() *cobra.Command {
	var severity string
	var most, ask int
	cmd := &cobra.Command{
		Use:     "diagnose FILE...",
		Short:   "Say what is wrong in log files, why, and what to do next",
		Long:    diagnoseLong,
		Example: diagnoseExample,
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			cfg, err := a.oneShot()
			if err != nil {
				return err
			}
			if severity != "" {
				if cfg.Triggers.Severity, err = incident.ParseSeverity(severity); err != nil {
					return usageError{err}
				}
			}
			return a.diagnose(cmd.Context(), cfg, files, most, ask)
		},
	}
	cmd.Flags().StringVar(&severity, "severity", "", "least severity of a problem: trace, debug, info, warning, error (the default) or fatal")
	cmd.Flags().IntVarP(&most, "most", "n", 5, "how many incidents are shown in full (human output)")
	cmd.Flags().IntVar(&ask, "ask", 10, "how many incidents a configured model is asked about at most")
	return cmd
}

func (a *app) diagnose(ctx context.Context, cfg *config.Config, files []string, most, ask int) error {
	o := &agent.OneShot{Config: cfg, Files: files, Stdin: a.in}
	bar := newProgress(a.err, o.Size())
	o.Progress = bar.read
	asking := agent.Asking{Most: ask, Asked: bar.asking}
	if !cfg.Model.Offline() {
		st, err := a.promptStore(ctx, cfg)
		if err != nil {
			return err
		}
		defer st.Close()
		asking.Store = st
	}
	start := time.Now()
	r, err := o.Diagnose(ctx, asking)
	bar.done()
	if r == nil {
		return err
	}
	if r.Totals.Lines == 0 && err != nil {
		return unreadable(err)
	}
	if a.output == "json" {
		err = errors.Join(err, writeJSON(a.out, newDiagnoseDocument(r)))
	} else {
		err = errors.Join(err, a.renderReport(cfg, files, r, most, time.Since(start)))
	}
	return unreadable(err)
}

// unreadable gives the hint for the two mistakes that are made most with files.
func unreadable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist):
		return hint(err, "check the path; - reads standard input")
	case errors.Is(err, os.ErrPermission):
		return hint(err, "run it as a user who may read the file, or pipe it in: sudo cat FILE | logwright diagnose -")
	}
	return err
}

// promptStore opens the place where one-shot commands keep prompts and answers: apart from the daemon's state, whose
// incidents and counts they must not touch.
func (a *app) promptStore(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	dir, err := a.promptDir()
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, dir, store.Options{MaxBytes: cfg.Limits.Store})
	if err != nil {
		return nil, hint(fmt.Errorf("every prompt is kept, and can't be: %w", err), "name a directory you may write with --state")
	}
	// No daemon keeps house here.
	if _, err := st.Prune(ctx, time.Now(), store.Retention{Prompts: cfg.Retention.Prompts}); err != nil {
		return nil, errors.Join(fmt.Errorf("dropping prompts older than retention.prompts: %w", err), st.Close())
	}
	return st, nil
}

func (a *app) promptDir() (string, error) {
	if a.state != "" {
		return filepath.Join(a.state, "diagnose"), nil
	}
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", hint(fmt.Errorf("every prompt is kept, and there is no home directory to keep it in: %w", err), "name a directory with --state")
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "logwright", "diagnose"), nil
}
