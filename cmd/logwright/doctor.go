package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/redact"
	"github.com/logwright/logwright/agent/store"
	"github.com/logwright/logwright/collectors/journal"
)

// finding is one thing that doctor looked at.
type finding struct {
	Name   string `json:"name"`
	Status string `json:"status"` // ok, warning or failed
	Detail string `json:"detail"`
	Fix    string `json:"fix"`
}

const (
	statusOK      = "ok"
	statusWarning = "warning"
	statusFailed  = "failed"
)

type doctorDocument struct {
	Schema string    `json:"schema"`
	OK     bool      `json:"ok"`
	Checks []finding `json:"checks"`
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what works, what does not, and the fix",
		Long: `Looks at the configuration, each source, the state directory, the model, the notifiers, and what actions need (repositories,
sandbox, forge, remediations, policy, kill switch), as the user it is run by. It changes nothing and makes no request to a model,
a forge or a notifier; of the sandbox it runs a command that does nothing. Exit code 1 where something failed.`,
		Example: `  logwright doctor
  sudo -u logwright logwright doctor --config /etc/logwright/agent.yaml`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := a.examine(cmd.Context())
			failed := 0
			for _, f := range findings {
				if f.Status == statusFailed {
					failed++
				}
			}
			if a.output == "json" {
				if err := writeJSON(a.out, doctorDocument{Schema: "logwright/doctor/1", OK: failed == 0, Checks: findings}); err != nil {
					return err
				}
			} else {
				p := newPage(a.out)
				for _, f := range findings {
					p.line("%-8s %-18s %s", f.Status, f.Name, incident.PrintableLine(f.Detail))
					if f.Fix != "" {
						p.line("%27s fix: %s", "", incident.PrintableLine(f.Fix))
					}
				}
				if err := p.w.Flush(); err != nil {
					return err
				}
			}
			if failed > 0 {
				return fmt.Errorf("%s", count(failed, "check failed", "checks failed"))
			}
			return nil
		},
	}
}

func (a *app) examine(ctx context.Context) []finding {
	path := a.configFile()
	if path == "" {
		return []finding{
			{"configuration", statusWarning, "none was found", "copy agent.yaml to /etc/logwright/agent.yaml; diagnose and explain work without one"},
			journalFinding("journal"),
		}
	}
	cfg, err := a.load(true)
	if err != nil {
		out := []finding{}
		list, ok := errors.AsType[*config.Errors](err)
		if !ok {
			return []finding{{"configuration", statusFailed, err.Error(), "make the file readable for this user"}}
		}
		for _, e := range list.List {
			out = append(out, finding{"configuration", statusFailed, fmt.Sprintf("%s:%d:%d: %s %s", e.File, e.Line, e.Column, e.Path, e.Message), e.Hint})
		}
		return out
	}
	out := []finding{{"configuration", statusOK, path, ""}}
	for _, w := range cfg.Warnings {
		out = append(out, finding{"configuration", statusWarning, fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Message), w.Hint})
	}
	for _, w := range cfg.DeadGlobs(os.DirFS("/")) {
		out = append(out, finding{"configuration", statusWarning, fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Message), w.Hint})
	}
	for i := range cfg.Sources {
		out = append(out, sourceFinding(&cfg.Sources[i]))
	}
	out = append(out, stateFinding(ctx, cfg.State), redactFinding(cfg.Redact), modelFinding(cfg))
	for _, n := range cfg.Model.Notices() {
		out = append(out, finding{"model", statusWarning, n, ""})
	}
	for _, n := range cfg.Notify {
		out = append(out, finding{"notify " + n.Name, statusOK, n.Kind + ", not tried: doctor sends nothing", ""})
	}
	out = append(out, acting(ctx, cfg)...)
	if len(cfg.Notify) == 0 {
		out = append(out, finding{"notify", statusWarning, "nobody is told of anything", "add a notifier to agent.yaml, or look at logwright incidents list"})
	}
	return out
}

func sourceFinding(s *config.Source) finding {
	name := "source " + s.Name
	if s.Kind == config.KindJournal {
		if s.Journal.Directory != "" {
			if _, err := os.ReadDir(s.Journal.Directory); err != nil {
				return finding{name, statusFailed, err.Error(), "name a directory of journal files that this user may read"}
			}
			return finding{name, statusOK, "journal files in " + s.Journal.Directory, ""}
		}
		return journalFinding(name)
	}
	var readable, refused int
	var first string
	for _, pattern := range s.File.Include {
		matches, err := doublestar.FilepathGlob(pattern, doublestar.WithFilesOnly())
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return finding{name, statusFailed, err.Error(), ""}
		}
		for _, m := range matches {
			if slices.ContainsFunc(s.File.Exclude, func(x string) bool { ok, _ := doublestar.PathMatch(x, m); return ok }) {
				continue
			}
			f, err := os.OpenFile(m, os.O_RDONLY|nonblock, 0)
			if err != nil {
				if refused++; first == "" {
					first = m
				}
				continue
			}
			_ = f.Close()
			readable++
		}
	}
	switch {
	case refused > 0:
		return finding{name, statusWarning, fmt.Sprintf("%s, but not %s (%s)", count(readable, "file can be read", "files can be read"), thousands(int64(refused)), first),
			"add the user to the group that owns the logs, on Debian: usermod -aG adm logwright"}
	case readable == 0:
		return finding{name, statusWarning, "no file matches now: " + strings.Join(s.File.Include, ", "), "check the globs; files that appear later are read"}
	}
	return finding{name, statusOK, count(readable, "file can be read", "files can be read"), ""}
}

func journalFinding(name string) finding {
	if err := journal.Available(); err != nil {
		return finding{name, statusWarning, err.Error(), ""}
	}
	return finding{name, statusOK, "this host's journal can be read", ""}
}

func stateFinding(ctx context.Context, dir string) finding {
	st, err := store.Open(ctx, dir, store.Options{ReadOnly: true})
	switch {
	case errors.Is(err, store.ErrNoState):
		parent := filepath.Dir(filepath.Clean(dir))
		if err := writable(parent, dir); err != nil {
			return finding{"state", statusFailed, err.Error(), "create " + dir + " with mode 0700, owned by the user the daemon runs as, or name another with --state"}
		}
		return finding{"state", statusOK, dir + " is made at the first start", ""}
	case err != nil:
		return finding{"state", statusFailed, err.Error(), "run doctor as the user the daemon runs as"}
	}
	defer st.Close()
	if err := st.Check(ctx); err != nil {
		return finding{"state", statusFailed, err.Error(), "move the directory away; the daemon starts a new one"}
	}
	report, err := st.VerifyAudit(ctx)
	switch {
	case err != nil:
		return finding{"state", statusFailed, err.Error(), ""}
	case !report.OK():
		return finding{"state", statusFailed, fmt.Sprintf("the audit does not hold at entry %d: %s", report.BrokenAt, report.Reason), "logwright audit verify"}
	}
	size, err := st.Size(ctx)
	if err != nil {
		return finding{"state", statusFailed, err.Error(), ""}
	}
	if fi, err := os.Stat(dir); err == nil && fi.Mode().Perm()&0o077 != 0 {
		return finding{"state", statusWarning, fmt.Sprintf("others may read %s (mode %04o), which holds log lines and prompts", dir, fi.Mode().Perm()), "chmod 700 " + dir}
	}
	return finding{"state", statusOK, fmt.Sprintf("%s, %d MiB, %s in the audit", dir, size.Used>>20, count(report.Entries, "entry", "entries")), ""}
}

// writable says whether dir could be made in parent, or is there and can be written, without doing either.
func writable(parent, dir string) error {
	for _, d := range []string{dir, parent} {
		fi, err := os.Stat(d)
		if errors.Is(err, fs.ErrNotExist) && d == dir {
			continue
		}
		if err != nil {
			return err
		}
		if !fi.IsDir() {
			return fmt.Errorf("%s is no directory", d)
		}
		if err := accessWrite(d); err != nil {
			return fmt.Errorf("%s can't be written: %w", d, err)
		}
		return nil
	}
	return nil
}

func redactFinding(c redact.Config) finding {
	r, err := redact.New(c)
	if err != nil {
		return finding{"redaction", statusFailed, err.Error(), ""}
	}
	const probe = "postgres://app:correct-horse@db/x" //nolint:gosec // G101: planted to be redacted, it opens nothing
	if out := r.Text(probe); strings.Contains(out, "correct-horse") {
		return finding{"redaction", statusFailed, "a password in a URL was not taken out", "this is a fault of Logwright; please report it"}
	}
	return finding{"redaction", statusOK, "a planted password was taken out", ""}
}

func modelFinding(cfg *config.Config) finding {
	if cfg.Model.Offline() {
		return finding{"model", statusOK, "offline: built-in signatures, no request is made", ""}
	}
	return finding{"model", statusOK, fmt.Sprintf("%s %s, not tried: doctor sends nothing", cfg.Model.Provider, cfg.Model.Name), ""}
}
