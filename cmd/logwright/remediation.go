package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/remediations"
)

func (a *app) remediationCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remediation",
		Short: "List what may be run, and propose it by hand",
		Long: `The catalogue of remediations in agent.yaml: the only commands that are ever run to mend something.
docs/remediations.md explains it.`,
		Example: `  logwright remediation list
  logwright remediation run restart unit=api.service --incident lw-2fa7k3q9xw5m.1`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.remediationListCommand(), a.remediationRunCommand())
	return cmd
}

type remediationsDocument struct {
	Schema       string                `json:"schema"`
	Remediations []remediationDocument `json:"remediations"`
}

type remediationDocument struct {
	Name        string                   `json:"name"`
	Description string                   `json:"description"`
	Risk        string                   `json:"risk"`
	Reversible  bool                     `json:"reversible"`
	Params      map[string]paramDocument `json:"params"`
	Check       []string                 `json:"check"`
	Run         []string                 `json:"run"`
	Undo        []string                 `json:"undo"`
	TimeoutS    float64                  `json:"timeout_seconds"`
	SilenceS    float64                  `json:"silence_seconds"`
	Probe       []string                 `json:"probe"`
}

type paramDocument struct {
	Enum    []string `json:"enum"`
	Pattern string   `json:"pattern"`
	Min     *int     `json:"min"`
	Max     *int     `json:"max"`
	Target  string   `json:"target"`
}

func newRemediationDocument(c *remediations.Config) remediationDocument {
	d := remediationDocument{
		Name: c.Name, Description: c.Description, Risk: c.Risk, Reversible: c.Reversible, Params: map[string]paramDocument{},
		Check: orEmpty(c.Check), Run: orEmpty(c.Run), Undo: orEmpty(c.Undo), TimeoutS: c.Timeout.Seconds(),
		SilenceS: c.Verify.Silence.Seconds(), Probe: orEmpty(c.Verify.Probe),
	}
	for name, p := range c.Params {
		d.Params[name] = paramDocument{orEmpty(p.Enum), p.Pattern, p.Min, p.Max, p.Target}
	}
	return d
}

func (a *app) remediationListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the catalogue",
		Example: "  logwright remediation list",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load(false)
			if err != nil {
				return err
			}
			if a.output == "json" {
				doc := remediationsDocument{Schema: "logwright/remediations/1", Remediations: []remediationDocument{}}
				for i := range cfg.Remediations {
					doc.Remediations = append(doc.Remediations, newRemediationDocument(&cfg.Remediations[i]))
				}
				return writeJSON(a.out, doc)
			}
			p := newPage(a.out)
			if len(cfg.Remediations) == 0 {
				p.line("No remediations: nothing is ever run. docs/remediations.md shows how one looks.")
			}
			for i := range cfg.Remediations {
				c := &cfg.Remediations[i]
				p.line("%s", p.strong(c.Name))
				if c.Description != "" {
					p.labelled("", c.Description)
				}
				p.labelled("Run", quoteArgv(c.Run))
				back := "can't be undone"
				if c.Reversible {
					back = "undone by " + quoteArgv(c.Undo)
				}
				p.labelled("Risk", c.Risk+", "+back)
				p.labelled("Within", fmt.Sprintf("%s, then silent for %s", c.Timeout, c.Verify.Silence.Round(time.Second)))
			}
			return p.w.Flush()
		},
	}
}

func (a *app) remediationRunCommand() *cobra.Command {
	var id, why string
	cmd := &cobra.Command{
		Use:   "run NAME [PARAM=VALUE...] --incident ID",
		Short: "Propose a remediation for an incident, through the gate",
		Long: `Propose a remediation for an incident, through the gate. Its arguments are checked, its targets have to
be tied to the incident by trusted metadata, and the policy decides as it does for every proposal; the
daemon does what it allows.`,
		Example: "  logwright remediation run restart unit=api.service --incident lw-2fa7k3q9xw5m.1 --why \"hangs again\"",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			cfg, err := a.load(false)
			if err != nil {
				return err
			}
			if id == "" {
				return hint(usagef("no incident is named"), "add --incident ID; logwright incidents list shows them")
			}
			given := map[string]string{}
			for _, s := range list[1:] {
				k, v, ok := strings.Cut(s, "=")
				if !ok {
					return hint(usagef("%q is no argument", s), "write it as name=value")
				}
				given[k] = v
			}
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
			rec, err := agent.ProposeRemedy(cmd.Context(), st, cfg, id, list[0], given, actor(), why)
			if err != nil {
				return listHint(err)
			}
			if a.output == "json" {
				return writeJSON(a.out, proposalShown{"logwright/proposal/1", newProposalDocument(rec)})
			}
			says := "The daemon puts it before the gate."
			if !cfg.Enforce() {
				says = "The daemon puts it before the gate; in mode observe it is only said what would be done."
			}
			_, err = fmt.Fprintf(a.out, "%s is proposed: %s\n%s `logwright policy explain %s` shows what comes of it.\n",
				rec.Proposal.ID, incident.PrintableLine(rec.Proposal.Title), says, rec.Proposal.ID)
			return err
		},
	}
	cmd.Flags().StringVar(&id, "incident", "", "the incident that it is for")
	cmd.Flags().StringVar(&why, "why", "", "the reason, kept in the audit and shown to who approves")
	return cmd
}
