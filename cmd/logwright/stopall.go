package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
)

type stopDocument struct {
	Schema  string `json:"schema"`
	Stopped bool   `json:"stopped"`
	Reason  string `json:"reason"`
}

// stopCommand makes `stop-all` and `resume`.
func (a *app) stopCommand(stop bool) *cobra.Command {
	name, short, long := "resume", "Turn the kill switch off", "What the policy allows is done again. The file (kill_switch in agent.yaml) is removed, too."
	example := "the database was moved"
	if stop {
		name, short, example = "stop-all", "Turn the kill switch on: nothing is done any more", "the database is being moved"
		long = `No action begins any more, no undo either, and what has not reached its command yet is broken off.
Watching, diagnosing and telling people go on. It holds over restarts until ` + "`logwright resume`" + `. The
same is had by creating the file that kill_switch in agent.yaml names.`
	}
	var why string
	cmd := &cobra.Command{
		Use:     name,
		Short:   short,
		Long:    short + ".\n\n" + long,
		Example: "  logwright " + name + " --why \"" + example + "\"",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(false)
			if err != nil {
				return err
			}
			st, err := a.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer st.Close()
			if stop {
				err = agent.StopAll(cmd.Context(), st, cfg.KillSwitch, actor(), why)
			} else {
				err = agent.Resume(cmd.Context(), st, cfg.KillSwitch, actor(), why)
			}
			if err != nil {
				return err
			}
			reason, err := agent.Stopped(cmd.Context(), st, cfg.KillSwitch)
			if err != nil {
				return err
			}
			if stop == (reason == "") {
				return fmt.Errorf("somebody turned the kill switch meanwhile: it is not as was asked for (%q)", reason)
			}
			if a.output == "json" {
				return writeJSON(a.out, stopDocument{"logwright/stop/1", reason != "", reason})
			}
			if stop {
				_, err = fmt.Fprintf(a.out, "Stopped: nothing is done any more. `logwright resume` turns it off again.\n%s\n", reason)
			} else {
				_, err = fmt.Fprintln(a.out, "The kill switch is off.")
			}
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, kept in the audit")
	return cmd
}
