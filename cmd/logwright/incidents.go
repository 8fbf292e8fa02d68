package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

func (a *app) incidentsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "incidents",
		Short: "List, show, reopen and ignore the daemon's incidents",
		Long: `The incidents that the daemon keeps. An id may be shortened as long as it names one incident; the id of
a cluster names its latest one.`,
		Example: `  logwright incidents list
  logwright incidents show lw-2fa7
  logwright incidents ignore lw-2fa7 --why "the scanner of the security team"`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.listCommand(), a.showCommand(),
		a.changeCommand("ignore", incident.StateIgnored, "Tell of this incident and its cluster no more",
			`An ignored cluster goes on being counted and opens no incident until it is reopened.`),
		a.changeCommand("reopen", incident.StateOpen, "Take an incident up again",
			`The incident is diagnosed anew. One of which a later episode is open is not reopened.`),
	)
	return cmd
}

type incidentsDocument struct {
	Schema    string             `json:"schema"`
	Incidents []incidentDocument `json:"incidents"`
}

func (a *app) listCommand() *cobra.Command {
	var states []string
	var service string
	var all bool
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List incidents, most important first",
		Example: `  logwright incidents list
  logwright incidents list --all --service api
  logwright incidents list -o json | jq -r '.incidents[] | [.id, .title] | @tsv'`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			f := store.Filter{Service: service, Limit: limit}
			if !all {
				f.States = incident.UnfinishedStates()
			}
			if len(states) > 0 {
				f.States = nil
			}
			for _, s := range states {
				if !slices.Contains(incident.States(), incident.State(s)) {
					return hint(usagef("unknown state %q", s), "one of %s", stateNames())
				}
				f.States = append(f.States, incident.State(s))
			}
			st, err := a.open(cmd.Context(), true)
			if err != nil {
				return err
			}
			defer st.Close()
			list, err := st.Incidents(cmd.Context(), f)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return writeJSON(a.out, incidentsDocument{Schema: "logwright/incidents/1", Incidents: incidentDocuments(list)})
			}
			p := newPage(a.out)
			if len(list) == 0 {
				p.line("No incidents. --all shows resolved and ignored ones too.")
			}
			for i := range list {
				inc := &list[i]
				title := inc.Title
				if title == "" {
					title = "not diagnosed yet"
				}
				flag := ""
				if inc.Flagged {
					flag = "  FLAGGED"
				}
				p.line("%-18s %-9s %-7s %10s×  %s  %s%s", inc.ID, inc.State, inc.Severity, thousands(inc.Events),
					stamp(inc.LastSeen), p.strong(incident.PrintableLine(title)), flag)
			}
			return p.w.Flush()
		},
	}
	cmd.Flags().StringSliceVar(&states, "state-is", nil, "only these states: "+stateNames())
	cmd.Flags().StringVar(&service, "service", "", "only this service")
	cmd.Flags().BoolVarP(&all, "all", "a", false, "resolved and ignored ones too")
	cmd.Flags().IntVarP(&limit, "limit", "n", 0, "the most to list, 0 for all")
	return cmd
}

func stateNames() string {
	var names []string
	for _, s := range incident.States() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

type incidentShown struct {
	Schema   string           `json:"schema"`
	Incident incidentDocument `json:"incident"`
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "show ID",
		Short:             "Show one incident with diagnosis and evidence",
		Example:           "  logwright incidents show lw-2fa7k3q9xw5m.1",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeIncident,
		RunE: func(cmd *cobra.Command, list []string) error {
			st, err := a.open(cmd.Context(), true)
			if err != nil {
				return err
			}
			defer st.Close()
			inc, err := st.Incident(cmd.Context(), list[0])
			if err != nil {
				return listHint(err)
			}
			proposals, err := st.Proposals(cmd.Context(), store.ProposalFilter{Incident: inc.ID})
			if err != nil {
				return err
			}
			notes, err := st.ConsideredNotes(cmd.Context(), inc.ID)
			if err != nil {
				return err
			}
			if a.output == "json" {
				doc := newIncidentDocument(inc)
				doc.Proposals, doc.Considered = proposalDocuments(proposals), notes
				return writeJSON(a.out, incidentShown{Schema: "logwright/incident/1", Incident: doc})
			}
			p := newPage(a.out)
			p.incident("", inc)
			p.labelled("State", string(inc.State))
			for _, what := range slices.Sorted(maps.Keys(notes)) {
				p.labelled("Asked", "for a "+what+": "+incident.PrintableLine(notes[what]))
			}
			for i := range proposals {
				p.line("")
				p.proposal(&proposals[i])
			}
			if d := inc.Diagnosis; d != nil && d.Source != incident.SourceOffline {
				p.labelled("Prompt", "logwright prompt "+inc.ID+" shows what was sent")
			}
			return p.w.Flush()
		},
	}
}

func listHint(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return hint(err, "logwright incidents list --all shows all of them")
	}
	return err
}

// changeCommand makes `ignore` and `reopen`.
func (a *app) changeCommand(name string, to incident.State, short, long string) *cobra.Command {
	var why string
	example := "known, see OPS-311"
	if to == incident.StateOpen {
		example = "it was not mended after all"
	}
	cmd := &cobra.Command{
		Use:               name + " ID",
		Short:             short,
		Long:              short + ".\n\n" + long,
		Example:           "  logwright incidents " + name + " lw-2fa7k3q9xw5m.1 --why \"" + example + "\"",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeIncident,
		RunE: func(cmd *cobra.Command, list []string) error {
			// Where there is no state there is no incident, and none is made to find that out.
			look, err := a.open(cmd.Context(), true)
			if err != nil {
				return err
			}
			_ = look.Close()
			st, err := a.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer st.Close()
			inc, err := agent.ChangeState(cmd.Context(), st, list[0], to, actor(), why, a.notifiers())
			if err != nil {
				return listHint(err)
			}
			if a.output == "json" {
				return writeJSON(a.out, incidentShown{Schema: "logwright/incident/1", Incident: newIncidentDocument(inc)})
			}
			_, err = fmt.Fprintf(a.out, "%s is %s now\n", inc.ID, inc.State)
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, kept in the audit")
	return cmd
}

// notifiers gives the names of the configured notifiers, so that a change by hand is told by the daemon; none where
// there is no configuration that can be read.
func (a *app) notifiers() []string {
	if a.configFile() == "" {
		return nil
	}
	cfg, err := a.load(false)
	if err != nil {
		return nil
	}
	var names []string
	for _, n := range cfg.Notify {
		names = append(names, n.Name)
	}
	return names
}

// completeIncident completes ids in the shell.
func (a *app) completeIncident(cmd *cobra.Command, list []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(list) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, stop := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer stop()
	st, err := a.open(ctx, true)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer st.Close()
	all, err := st.Incidents(ctx, store.Filter{Limit: 200})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = cobra.CompletionWithDesc(all[i].ID, incident.PrintableLine(all[i].Title))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
