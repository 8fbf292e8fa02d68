package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/store"
)

type proposalShown struct {
	Schema   string           `json:"schema"`
	Proposal proposalDocument `json:"proposal"`
}

// answerCommand makes `approve` and `reject`.
func (a *app) answerCommand(approve bool) *cobra.Command {
	name, short, long := "reject", "Say no to a proposal", "It is not done, and why is kept in the audit."
	example := "not before the import has ended"
	if approve {
		name, short, example = "approve", "Let a waiting proposal be done", "looks right, see the tests"
		long = `It holds for exactly what is shown, for a while (policy.approval_for). The daemon decides again before
it acts: an approval lifts no limit, no window, no rule that denies, and not the kill switch. In mode
observe nothing is done, so nothing can be approved.`
	}
	var why, digest string
	var yes bool
	cmd := &cobra.Command{
		Use:   name + " ID",
		Short: short,
		Long:  short + ".\n\n" + long + "\n\nThe id is a proposal's, or an incident's of which one proposal waits.",
		Example: "  logwright " + name + " p-01JC3W9T6ZK5X9M2Q8R4V7B1ND --why \"" + example + "\"\n" +
			"  logwright " + name + " lw-2fa7k3q9xw5m.1",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			cfg, err := a.load(false)
			if err != nil {
				return err
			}
			if approve && !cfg.Enforce() {
				return hint(errors.New("nothing can be approved: in mode observe nothing is done"), "write mode: enforce in agent.yaml when proposals are to be done")
			}
			look, err := a.open(cmd.Context(), true)
			if err != nil {
				return err
			}
			rec, err := look.Proposal(cmd.Context(), list[0])
			_ = look.Close()
			if err != nil {
				return proposalHint(err)
			}
			// What the person looks at is what is answered: by the digest they name, else what is shown now.
			seen := rec.Digest
			if digest != "" {
				if len(digest) < 8 || !strings.HasPrefix(rec.Digest, digest) {
					return hint(fmt.Errorf("%s is not the proposal with the digest %s", rec.Proposal.ID, digest), "logwright policy explain %s shows it as it is", rec.Proposal.ID)
				}
			}
			if approve && digest == "" && !yes && a.output == "human" && a.interactive() {
				p := newPage(a.out)
				p.proposal(rec)
				if err := p.w.Flush(); err != nil {
					return err
				}
				fmt.Fprint(a.err, "Approve exactly this? [y/N] ")
				line, _ := bufio.NewReader(a.in).ReadString('\n')
				if s := strings.ToLower(strings.TrimSpace(line)); s != "y" && s != "yes" {
					return errors.New("nothing was approved")
				}
			}
			st, err := a.open(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer st.Close()
			rec, err = agent.Respond(cmd.Context(), st, cfg, agent.Answer{
				Proposal: rec.Proposal.ID, Digest: seen, Approve: approve, Who: actor(), Why: why,
			})
			if err != nil {
				return proposalHint(err)
			}
			if a.output == "json" {
				return writeJSON(a.out, proposalShown{"logwright/proposal/1", newProposalDocument(rec)})
			}
			if !approve {
				_, err = fmt.Fprintf(a.out, "%s is rejected: %s\n", rec.Proposal.ID, incident.PrintableLine(rec.Proposal.Title))
				return err
			}
			_, err = fmt.Fprintf(a.out, "%s is approved until %s: %s\nThe daemon decides again with that, and acts.\n",
				rec.Proposal.ID, stamp(rec.Approval.Until), incident.PrintableLine(rec.Proposal.Title))
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, kept in the audit")
	cmd.Flags().StringVar(&digest, "digest", "", "the beginning of the digest of what you saw (8 characters or more); another proposal is refused")
	if approve {
		cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not show it and ask first")
	}
	return cmd
}

// interactive says whether standard input is a terminal, so that somebody can be asked.
func (a *app) interactive() bool {
	in, ok := a.in.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(in.Fd()))
}

func proposalHint(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return hint(err, "logwright incidents list shows the incidents, incidents show ID their proposals")
	}
	return err
}

// proposal writes one proposal in full: what would be done, exactly, and what became of it.
func (p *page) proposal(r *store.ProposalRecord) {
	pr := &r.Proposal
	p.line("%s", p.strong(fmt.Sprintf("%s: %s", pr.Kind, incident.PrintableLine(pr.Title))))
	p.labelled("", fmt.Sprintf("%s · %s · %s", pr.ID, r.State, stamp(pr.At)))
	if pr.Why != "" {
		p.labelled("Why", clip(incident.PrintableLine(pr.Why), 600))
	}
	if m := pr.Remedy; m != nil {
		for _, c := range []struct {
			label string
			argv  []string
		}{{"Check", m.Check}, {"Run", m.Run}, {"Probe", m.Probe}, {"Undo", m.Undo}} {
			if len(c.argv) > 0 {
				p.labelled(c.label, incident.PrintableLine(quoteArgv(c.argv)))
			}
		}
		p.labelled("Risk", fmt.Sprintf("%s, each command within %s, then silent for %s", m.Risk, m.Timeout, m.Silence))
		for n, t := range m.Targets {
			p.labelled(ifFirst(n, "Target"), incident.PrintableLine(t))
		}
	}
	if c := pr.Change; c != nil {
		p.change(c)
	}
	if c := pr.Comment; c != nil {
		p.labelled("On", incident.PrintableLine(fmt.Sprintf("#%d %s", c.On.Number, c.On.URL)))
		p.labelled("Says", clip(incident.PrintableLine(c.Text), 600))
	}
	p.labelled("Digest", r.Digest)
	if d := r.Decision; d != nil {
		p.labelled("Gate", decisionLine(d))
		for _, s := range d.Reasons {
			p.labelled("", "- "+incident.PrintableLine(s))
		}
	}
	if ap := r.Approval; ap != nil {
		verb := "rejected"
		if ap.Approved {
			verb = "approved"
		}
		p.labelled("Answer", incident.PrintableLine(fmt.Sprintf("%s by %s at %s %s", verb, ap.Who, stamp(ap.At), ap.Why)))
	}
	p.outcome(r.Action)
}

func (p *page) outcome(a *incident.Action) {
	if a == nil {
		return
	}
	if o := a.Outcome; o != nil {
		p.labelled("Outcome", incident.PrintableLine(fmt.Sprintf("%s: %s", o.Result, o.Detail)))
		if o.Forge != nil {
			p.labelled("", incident.PrintableLine(fmt.Sprintf("#%d %s", o.Forge.Number, o.Forge.URL)))
		}
	} else {
		p.labelled("Outcome", "not known yet, begun at "+stamp(a.BegunAt))
	}
	if v := a.Verification; v != nil {
		p.labelled("Verified", v.Result+": "+incident.PrintableLine(strings.Join(v.Reasons, "; ")))
	}
	if u := a.Undo; u != nil {
		p.labelled("Undone", incident.PrintableLine(fmt.Sprintf("%s: %s", u.Result, u.Detail)))
	}
}

func (p *page) change(c *incident.Change) {
	p.labelled("Change", fmt.Sprintf("%s, +%d -%d, for %s", count(len(c.Files), "file", "files"), c.Added, c.Removed, incident.PrintableLine(c.Base)))
	for _, f := range c.Files {
		p.labelled("", incident.PrintableLine(f))
	}
	for n, k := range c.Checks {
		res := fmt.Sprintf("exit %d", k.Exit)
		if k.Reason != "" {
			res = k.Reason
		}
		p.labelled(ifFirst(n, "Checks"), incident.PrintableLine(fmt.Sprintf("%s: %s: %s (%s)", k.Stage, quoteArgv(k.Argv), res, k.Duration.Round(10*time.Millisecond))))
	}
	if c.Stopped != "" {
		p.labelled("Stopped", incident.PrintableLine(c.Stopped))
	} else {
		p.labelled("Proven", fmt.Sprintf("passes with the patch: %v; its test fails without the fix: %v", c.Verified, c.Reproduced))
	}
	for n, l := range strings.Split(strings.TrimRight(c.Diff, "\n"), "\n") {
		if n == 0 && l == "" {
			break
		}
		p.labelled(ifFirst(n, "Diff"), incident.PrintableLine(l))
	}
}

func decisionLine(d *incident.Decision) string {
	s := d.Outcome
	if d.Simulated {
		s = "would " + s + " (simulated)"
	}
	if d.Rule != "" {
		s += " by rule " + d.Rule
	}
	return s
}

// quoteArgv writes an argument vector so that it is clear where each one ends.
func quoteArgv(argv []string) string {
	out := make([]string, len(argv))
	for i, s := range argv {
		if s == "" || strings.ContainsAny(s, " \t\n\"'\\$`|&;<>()*?[]{}#~!") {
			s = fmt.Sprintf("%q", s)
		}
		out[i] = s
	}
	return strings.Join(out, " ")
}
