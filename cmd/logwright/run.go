package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/store"
)

const runLong = `Follows the sources of agent.yaml, keeps incidents, diagnoses them, and tells people.

SIGHUP reads agent.yaml again: where anything about it is wrong, the daemon says so and goes
on as it was. SIGTERM and SIGINT stop it; a killed daemon loses nothing and counts nothing
twice. Its own log goes to standard error as one line an entry.`

func (a *app) runCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long:  runLong,
		Example: `  logwright run --config agent.yaml --state ./state
  systemctl enable --now logwright`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), verbose) },
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "log what is done, not only what matters")
	return cmd
}

func (a *app) run(ctx context.Context, verbose bool) error {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
	cfg, err := a.load(true)
	if err != nil {
		return err
	}
	notices(log, cfg)
	// From here on a SIGHUP waits; before the daemon stands it would end the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	d, err := agent.NewDaemon(ctx, cfg, agent.Options{
		Stdout: a.out,
		Logger: log,
		Load: func() (*config.Config, error) {
			cfg, err := a.load(true)
			if err == nil {
				notices(log, cfg)
			}
			return cfg, err
		},
		Ready: func() { notifySystemd(log, daemon.SdNotifyReady) },
	})
	switch {
	case errors.Is(err, store.ErrLocked):
		return hint(err, "another logwright run uses %s; give this one its own with --state", cfg.State)
	case errors.Is(err, os.ErrPermission):
		return hint(err, "run it as the user the state directory belongs to, or name another with --state")
	case err != nil:
		return err
	}
	reloads, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for {
			select {
			case <-reloads.Done():
				return
			case <-hup:
				log.Info("reading the configuration again")
				notifySystemd(log, "RELOADING=1\n"+daemon.SdNotifyMonotonicUsec())
				if err := d.Reload(reloads); err != nil {
					// The daemon logged why. Type=notify-reload waits for READY=1 also where nothing changed.
					notifySystemd(log, daemon.SdNotifyReady)
				}
			}
		}
	}()
	err = d.Run(ctx)
	notifySystemd(log, daemon.SdNotifyStopping)
	return errors.Join(err, d.Close())
}

// notices logs what is worth knowing about a configuration that is valid.
func notices(log *slog.Logger, cfg *config.Config) {
	for _, w := range cfg.Warnings {
		log.Warn("configuration", "what", w.Error())
	}
	for _, n := range cfg.Model.Notices() {
		log.Warn("model", "what", n)
	}
	if cfg.Model.Offline() && (os.Getenv("OPENAI_API_KEY") != "" || os.Getenv("ANTHROPIC_API_KEY") != "") {
		log.Info("a model's key is in the environment and is not used: model.provider is offline")
	}
}

func notifySystemd(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd was not told", "err", fmt.Sprint(err))
	}
}
