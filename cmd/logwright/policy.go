package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
	"github.com/logwright/logwright/agent/store"
)

func (a *app) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check the rules, try them, and see why something was decided",
		Long: `The rules in policy.rules decide what is done: the first whose condition holds, and where none does the
answer is no. docs/policy.md explains rules, variables, windows and limits.`,
		Example: `  logwright policy check
  logwright policy test --kind remediation --action restart --service api --risk low
  logwright policy explain p-01JC3W9T6ZK5X9M2Q8R4V7B1ND`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.policyCheckCommand(), a.policyTestCommand(), a.policyExplainCommand())
	return cmd
}

type policyCheckDocument struct {
	Schema    string             `json:"schema"`
	Mode      string             `json:"mode"`
	Rules     []ruleDocument     `json:"rules"`
	Warnings  []string           `json:"warnings"`
	Variables []variableDocument `json:"variables"`
}

type ruleDocument struct {
	Name    string   `json:"name"`
	When    string   `json:"when"`
	Then    string   `json:"then"`
	Mode    string   `json:"mode"`
	Windows []string `json:"windows"`
}

type variableDocument struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Meaning string `json:"meaning"`
}

func (a *app) policyCheckCommand() *cobra.Command {
	var variables bool
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Read the configuration and show the rules as they are asked",
		Long:    "Read the configuration and show the rules as they are asked. Errors are those of the whole file; exit code 2.",
		Example: "  logwright policy check --config agent.yaml\n  logwright policy check --variables",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.load(false)
			if err != nil {
				return err
			}
			doc := policyCheckDocument{Schema: "logwright/policy-check/1", Mode: cfg.Mode, Rules: []ruleDocument{}, Warnings: []string{}}
			for _, r := range cfg.Policy.Rules {
				mode := r.Mode
				if mode == "" || !cfg.Enforce() {
					mode = cfg.Mode
				}
				doc.Rules = append(doc.Rules, ruleDocument{r.Name, r.When, r.Then, mode, orEmpty(r.Windows)})
			}
			for _, w := range cfg.Warnings {
				doc.Warnings = append(doc.Warnings, w.Error())
			}
			for _, v := range policy.Variables() {
				doc.Variables = append(doc.Variables, variableDocument{v.Name, v.Type, v.Meaning})
			}
			if a.output == "json" {
				return writeJSON(a.out, doc)
			}
			return a.renderPolicy(&doc, variables)
		},
	}
	cmd.Flags().BoolVar(&variables, "variables", false, "list what conditions may look at, too")
	return cmd
}

func (a *app) renderPolicy(doc *policyCheckDocument, variables bool) error {
	p := newPage(a.out)
	p.line("Mode %s. %s, asked in this order; the first that matches decides.", doc.Mode, count(len(doc.Rules), "rule", "rules"))
	for i, r := range doc.Rules {
		p.line("%3d. %s: %s when %s", i+1, p.strong(r.Name), r.Then, r.When)
		if len(r.Windows) > 0 {
			p.line("     in %s", strings.Join(r.Windows, "; "))
		}
		if r.Mode == policy.ModeObserve && doc.Mode != policy.ModeObserve {
			p.line("     observes only")
		}
	}
	p.line("Everything else is denied.")
	for _, w := range doc.Warnings {
		p.line("warning: %s", w)
	}
	if variables {
		p.line("")
		for _, v := range doc.Variables {
			p.line("%-16s %-8s %s", v.Name, v.Type, v.Meaning)
		}
	}
	return p.w.Flush()
}

type policyExplainDocument struct {
	Schema   string             `json:"schema"`
	Proposal *proposalDocument  `json:"proposal"`
	Now      *decisionDocument  `json:"now"`
	Rules    []policy.RuleTrace `json:"rules"`
}

func (a *app) policyExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain ID",
		Short: "Show what was decided about a proposal, on what, and what would be decided now",
		Long: `Show what was decided about a proposal, on what, and what would be decided now, rule by rule. The id is a
proposal's, or an incident's.`,
		Example: "  logwright policy explain p-01JC3W9T6ZK5X9M2Q8R4V7B1ND",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			cfg, err := a.load(false)
			if err != nil {
				return err
			}
			st, err := a.open(cmd.Context(), true)
			if err != nil {
				return err
			}
			defer st.Close()
			rec, err := st.Proposal(cmd.Context(), list[0])
			if err != nil {
				return proposalHint(err)
			}
			x, err := agent.ExplainDecision(cmd.Context(), st, cfg, rec, time.Now())
			if err != nil {
				return err
			}
			return a.showDecision(rec, x)
		},
	}
}

// showDecision shows what the gate makes of a proposal; rec is nil where it was made up.
func (a *app) showDecision(rec *store.ProposalRecord, x *agent.ExplainedDecision) error {
	doc := policyExplainDocument{Schema: "logwright/policy-explain/1", Now: newDecisionDocument(&x.Verdict), Rules: orEmpty(x.Rules)}
	if rec != nil {
		d := newProposalDocument(rec)
		doc.Proposal = &d
	}
	if a.output == "json" {
		return writeJSON(a.out, doc)
	}
	p := newPage(a.out)
	if rec != nil {
		p.proposal(rec)
		p.line("")
	}
	p.line("Now the gate says: %s", p.strong(decisionLine(&x.Verdict)))
	for _, s := range x.Verdict.Reasons {
		p.line("  - %s", incident.PrintableLine(s))
	}
	for i, r := range x.Rules {
		says := "does not match"
		switch {
		case r.Error != "":
			says = "can't be computed, so it denies: " + incident.PrintableLine(r.Error)
		case r.Decides:
			says = "matches and decides: " + r.Then
		case r.Matched:
			says = "matches too, and is not asked"
		}
		p.line("%3d. %s (when %s) %s", i+1, r.Name, r.When, says)
		if !r.Decides {
			continue
		}
		for _, w := range r.Windows {
			open := "is open"
			if !w.Open {
				open = "is not open"
			}
			p.line("     window %s %s", w.Window, open)
		}
		for _, l := range r.Limits {
			line := fmt.Sprintf("%s: %d of %d begun within %s (%s)", l.Name, l.Used, l.Count, l.Within, l.Scope)
			if l.Count == 0 {
				line = fmt.Sprintf("%s: cooldown of %s (%s)", l.Name, l.Cooldown, l.Scope)
			}
			if l.Why != "" {
				line += ": " + l.Why
			}
			p.line("     %s", incident.PrintableLine(line))
		}
	}
	return p.w.Flush()
}

func (a *app) policyTestCommand() *cobra.Command {
	var o struct {
		kind, action, service, severity, category, fixKind, source, risk, trigger, at string
		confidence                                                                    float64
		flagged, verified, reproduced, reversible                                     bool
		files, args                                                                   []string
		added, removed                                                                int
		events                                                                        int64
	}
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Ask the rules about something made up",
		Long: `Ask the rules about something made up: nothing is proposed, and nothing is done. The history of the
state directory is not looked at, so that limits are as on the first day. Exit code 0 whatever the
answer is.`,
		Example: `  logwright policy test --kind pull-request --service api --verified --files src/app.py
  logwright policy test --kind remediation --action restart --service api --risk low --at 2026-03-01T03:00:00Z`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(false)
			if err != nil {
				return err
			}
			now := time.Now()
			if o.at != "" {
				if now, err = time.Parse(time.RFC3339, o.at); err != nil {
					return hint(usagef("--at %q is no time", o.at), "write it as 2026-03-01T03:00:00Z")
				}
			}
			sev, err := incident.ParseSeverity(o.severity)
			if err != nil {
				return usageError{err}
			}
			p := incident.Proposal{
				ID: "p-" + ulid.Make().String(), Incident: "lw-aaaaaaaaaaaa.1", Cluster: "lw-aaaaaaaaaaaa", Service: o.service, Kind: incident.ProposalKind(o.kind), At: now,
				Facts: incident.Facts{
					Severity: sev, Trigger: incident.Trigger(o.trigger), Category: incident.Category(o.category), FixKind: incident.FixKind(o.fixKind),
					Confidence: o.confidence, Flagged: o.flagged, Source: o.source, Events: o.events,
				},
			}
			switch p.Kind {
			case incident.KindPullRequest:
				p.Change = &incident.Change{
					Commit: strings.Repeat("0", 40), Files: o.files, Added: o.added, Removed: o.removed, Verified: o.verified, Reproduced: o.reproduced, Rounds: 1,
				}
			case incident.KindRemediation:
				p.Remedy = &incident.Remedy{Name: o.action, Args: map[string]string{}, Risk: o.risk, Reversible: o.reversible, Run: []string{"true"}}
				for _, s := range o.args {
					k, v, ok := strings.Cut(s, "=")
					if !ok {
						return hint(usagef("--arg %q", s), "write --arg name=value")
					}
					p.Remedy.Args[k] = v
				}
				if o.action == "" {
					return hint(usageError{errors.New("a remediation needs --action")}, "name one of: %s", strings.Join(remedyNames(cfg), ", "))
				}
			case incident.KindComment:
				p.Comment = &incident.Comment{On: incident.ForgeRef{Number: 1}}
			default:
				return hint(usagef("unknown kind %q", o.kind), "one of pull-request, remediation, comment")
			}
			x, err := agent.ExplainDecision(cmd.Context(), nil, cfg, &store.ProposalRecord{Proposal: p}, now)
			if err != nil {
				return err
			}
			return a.showDecision(nil, x)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.kind, "kind", "remediation", "pull-request, remediation, or comment (on a pull request that is open)")
	f.StringVar(&o.action, "action", "", "the remediation's name")
	f.StringVar(&o.service, "service", "api", "whom it is for")
	f.StringVar(&o.severity, "severity", "error", "trace, debug, info, warning, error, fatal")
	f.StringVar(&o.category, "category", "unknown", "the diagnosis' category")
	f.StringVar(&o.fixKind, "fix-kind", "none", "the diagnosis' kind of fix")
	f.StringVar(&o.source, "source", incident.SourceOffline, "who diagnosed")
	f.StringVar(&o.trigger, "trigger", string(incident.TriggerNew), "new, spike, returned, silence, mix, requests")
	f.StringVar(&o.risk, "risk", "low", "low, medium, high")
	f.StringVar(&o.at, "at", "", "when (RFC 3339), now where left out")
	f.Float64Var(&o.confidence, "confidence", 0.8, "of the diagnosis, 0 to 1")
	f.BoolVar(&o.flagged, "flagged", false, "the log text looks like instructions to a model")
	f.BoolVar(&o.verified, "verified", false, "the patch passed the operator's commands")
	f.BoolVar(&o.reproduced, "reproduced", false, "its test failed without the fix")
	f.BoolVar(&o.reversible, "reversible", false, "the remediation can be undone")
	f.StringSliceVar(&o.files, "files", nil, "paths that the patch touches")
	f.StringArrayVar(&o.args, "arg", nil, "name=value, an argument of the remediation")
	f.IntVar(&o.added, "added", 1, "lines that the patch adds")
	f.IntVar(&o.removed, "removed", 1, "lines that it removes")
	f.Int64Var(&o.events, "events", 1, "problem events of the incident")
	return cmd
}

func remedyNames(cfg *config.Config) []string {
	names := make([]string, len(cfg.Remediations))
	for i := range cfg.Remediations {
		names[i] = cfg.Remediations[i].Name
	}
	return names
}
