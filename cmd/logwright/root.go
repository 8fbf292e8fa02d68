package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

// Exit codes, as documented in the help text.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// streams are the three standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// app is what the commands share.
type app struct {
	streams
	config string
	state  string
	output string
}

// usageError is wrong usage or configuration: exit code 2.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// hinted is an error with a line that says what to do.
type hinted struct {
	err  error
	hint string
}

func (e hinted) Error() string { return e.err.Error() }
func (e hinted) Unwrap() error { return e.err }

func hint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// execute runs the command line and gives the exit code.
func execute(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, syscall.EPIPE):
		return exitDone // the reader of a pipe had enough: `logwright explain app.log | head`
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted before the end")
	}
	a.complain(err)
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// complain prints what went wrong, where, and what to do. A configuration's errors are a list with hints of their own. Errors name
// files, and anybody may have named those.
func (a *app) complain(err error) {
	if list, ok := errors.AsType[*config.Errors](err); ok {
		n := len(list.List)
		fmt.Fprintf(a.err, "%s\n%s\n", incident.Printable(list.Error()), count(n, "error", "errors")+" in the configuration; nothing was started")
		return
	}
	fmt.Fprintf(a.err, "logwright: %s\n", incident.Printable(err.Error()))
	if h, ok := errors.AsType[hinted](err); ok {
		fmt.Fprintf(a.err, "    hint: %s\n", incident.Printable(h.hint))
	}
}

const rootLong = `Logwright watches production logs, finds what is going wrong, and says why with evidence.

It needs no key and no configuration to begin:

  journalctl -u api | logwright diagnose -
  logwright diagnose /var/log/app.log

As a daemon it follows files and the journal, groups errors into clusters, opens an
incident for each, diagnoses it (offline by default, by a language model where agent.yaml
says so), proposes a patch or a remediation, and tells people. A policy decides what is
done; until agent.yaml says mode: enforce, everything is only decided and recorded.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "logwright",
		Short:         "Watches logs, finds what is going wrong, and says why with evidence",
		Long:          rootLong,
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			err := usagef("unknown command %q", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return hint(err, "did you mean %s?", strings.Join(near, " or "))
			}
			return hint(err, "logwright help lists the commands")
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("logwright {{.Version}}\n")
	root.PersistentFlags().StringVarP(&a.config, "config", "c", "",
		"agent.yaml to use ($LOGWRIGHT_CONFIG; else /etc/logwright/agent.yaml, then ./agent.yaml)")
	root.PersistentFlags().StringVar(&a.state, "state", "", "state directory, instead of the one agent.yaml names")
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "human", "human or json")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"human", "json"}, cobra.ShellCompDirectiveNoFileComp))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return hint(usageError{err}, "%s --help lists the flags", cmd.CommandPath())
	})
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.output != "human" && a.output != "json" {
			return hint(usagef("unknown output %q", a.output), "one of human, json")
		}
		return nil
	}
	root.AddCommand(
		a.runCommand(), a.diagnoseCommand(), a.explainCommand(), a.incidentsCommand(), a.promptCommand(),
		a.doctorCommand(), a.auditCommand(), a.deployCommand(),
		a.answerCommand(true), a.answerCommand(false), a.policyCommand(), a.remediationCommand(), a.stopCommand(true), a.stopCommand(false),
		a.demoCommand(),
	)
	return root
}

// args turns cobra's complaint about the number of arguments into wrong usage with an example.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, list []string) error {
		if err := check(cmd, list); err != nil {
			return hint(usageError{err}, "usage: %s", cmd.UseLine())
		}
		return nil
	}
}

// configFile gives the configuration file to use, "" where there is none.
func (a *app) configFile() string {
	if a.config != "" {
		return a.config
	}
	if env := os.Getenv("LOGWRIGHT_CONFIG"); env != "" {
		return env
	}
	for _, p := range []string{"/etc/logwright/agent.yaml", "agent.yaml"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	return ""
}

// load reads the configuration that is to be used. daemon says that it is for `run`.
func (a *app) load(daemon bool) (*config.Config, error) {
	path := a.configFile()
	if path == "" {
		return nil, hint(usagef("there is no configuration"),
			"name one with --config, or copy the agent.yaml that comes with Logwright to /etc/logwright/agent.yaml")
	}
	cfg, err := config.Load(path, config.Options{Daemon: daemon})
	if err != nil {
		return nil, usageError{err}
	}
	if a.state != "" {
		cfg.State = a.state
	}
	return cfg, nil
}

// oneShot gives the configuration of a one-shot command: the operator's where it was named, else the defaults.
func (a *app) oneShot() (*config.Config, error) {
	if a.config == "" && os.Getenv("LOGWRIGHT_CONFIG") == "" {
		cfg := config.Default()
		if a.state != "" {
			cfg.State = a.state
		}
		agent.LimitMemory(cfg)
		return cfg, nil
	}
	cfg, err := a.load(false)
	if err == nil {
		agent.LimitMemory(cfg)
	}
	return cfg, err
}

// stateDir gives the state directory for commands that only look at it.
func (a *app) stateDir() (string, error) {
	if a.state != "" {
		return a.state, nil
	}
	if a.configFile() == "" {
		return config.Default().State, nil
	}
	cfg, err := a.load(false)
	if err != nil {
		return "", err
	}
	return cfg.State, nil
}

// open opens the state directory, for reading only or for writing.
func (a *app) open(ctx context.Context, readOnly bool) (*store.Store, error) {
	dir, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, dir, store.Options{ReadOnly: readOnly})
	switch {
	case errors.Is(err, store.ErrNoState):
		return nil, hint(fmt.Errorf("there is no state in %s yet", dir), "logwright run makes it; --state names another directory")
	case errors.Is(err, os.ErrPermission):
		return nil, hint(err, "the state directory is its owner's alone; run this as that user or with sudo")
	}
	return st, err
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
