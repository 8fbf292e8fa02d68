package main

import (
	"fmt"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

type deployDocument struct {
	Schema  string    `json:"schema"`
	Service string    `json:"service"`
	Version string    `json:"version"`
	At      time.Time `json:"at"`
}

func (a *app) deployCommand() *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "deploy SERVICE VERSION",
		Short: "Record that a version of a service went live",
		Long: `Records a release marker. Incidents that begin after it say which release came before them, and a
model that is asked about one is told of it. Call it at the end of a deployment.`,
		Example: `  logwright deploy api v1.8.2
  logwright deploy api "$(git rev-parse --short HEAD)" --at 2026-03-01T10:00:00Z`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, list []string) error {
			when := time.Now()
			if at != "" {
				t, err := time.Parse(time.RFC3339, at)
				if err != nil {
					return hint(usagef("--at %q is not a time", at), "write it as 2026-03-01T10:00:00Z")
				}
				when = t
			}
			for i, what := range []string{"service", "version"} {
				if list[i] == "" || len(list[i]) > 200 || incident.PrintableLine(list[i]) != list[i] {
					return usagef("%q is no name of a %s: 1 to 200 visible characters", list[i], what)
				}
			}
			st, err := a.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer st.Close()
			r := incident.Release{Service: list[0], Version: list[1], At: when.UTC()}
			err = st.Update(cmd.Context(), func(tx *store.Tx) error {
				if err := tx.AddRelease(r); err != nil {
					return err
				}
				return tx.Audit(store.Entry{Actor: actor(), Action: "deploy", Subject: r.Service, Detail: r})
			})
			if err != nil {
				return err
			}
			if a.output == "json" {
				return writeJSON(a.out, deployDocument{"logwright/deploy/1", r.Service, r.Version, r.At})
			}
			_, err = fmt.Fprintf(a.out, "%s %s went live at %s\n", r.Service, r.Version, stamp(r.At))
			return err
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "when it went live (RFC 3339), now where left out")
	return cmd
}

// actor names who types, for the audit.
func actor() string {
	u, err := user.Current()
	if err != nil {
		return "user:unknown"
	}
	return "user:" + u.Username
}
