package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/store"
)

type promptDocument struct {
	Schema   string         `json:"schema"`
	Incident string         `json:"incident"`
	Would    string         `json:"would_send,omitempty"`
	Calls    []callDocument `json:"calls"`
}

type callDocument struct {
	ID           string     `json:"id"`
	Purpose      string     `json:"purpose"`
	Model        string     `json:"model"`
	BegunAt      *time.Time `json:"begun_at"`
	EndedAt      *time.Time `json:"ended_at"`
	Prompt       string     `json:"prompt"`
	Answer       string     `json:"answer"`
	Error        string     `json:"error"`
	InputTokens  int64      `json:"input_tokens"`
	OutputTokens int64      `json:"output_tokens"`
	USD          float64    `json:"usd"`
	Pruned       bool       `json:"pruned"`
}

func (a *app) promptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "prompt ID [FILE...]",
		Short: "Show the exact text that left, or would leave, the host",
		Long: `For an incident that a model was asked about: every prompt that was sent and every answer, in their order:
for the diagnosis, for a remediation, for a patch. For any other: the text that would be sent for a diagnosis
if a model were configured, secrets already taken out. With files, ID is one of the incidents that
"logwright diagnose" finds in them; "all" shows every one.`,
		Example: `  logwright prompt lw-2fa7k3q9xw5m.1
  logwright prompt all app.log`,
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeIncident,
		RunE: func(cmd *cobra.Command, list []string) error {
			if len(list) > 1 {
				return a.promptsOfFiles(cmd.Context(), list[0], list[1:])
			}
			return a.promptOfIncident(cmd.Context(), list[0])
		},
	}
}

// promptsOfFiles shows what would be sent about incidents of files.
func (a *app) promptsOfFiles(ctx context.Context, id string, files []string) error {
	cfg, err := a.oneShot()
	if err != nil {
		return err
	}
	o := &agent.OneShot{Config: cfg, Files: files, Stdin: a.in}
	incidents, texts, err := o.Prompts(ctx)
	if err != nil {
		return unreadable(err)
	}
	shown := 0
	for i := range incidents {
		if id != "all" && !strings.HasPrefix(incidents[i].ID, id) && !strings.HasPrefix(incidents[i].ID, "lw-"+id) {
			continue
		}
		shown++
		if err := a.showPrompt(incidents[i].ID, texts[i], nil); err != nil {
			return err
		}
	}
	if shown == 0 {
		return hint(fmt.Errorf("no incident %q in these files", id), "logwright diagnose lists them")
	}
	return nil
}

// promptOfIncident looks for the incident's calls in the daemon's state, then in what one-shot commands kept.
func (a *app) promptOfIncident(ctx context.Context, id string) error {
	st, openErr := a.open(ctx, true)
	if openErr == nil {
		defer st.Close()
		inc, err := st.Incident(ctx, id)
		if err == nil {
			calls, err := st.Calls(ctx, inc.ID)
			if err != nil {
				return err
			}
			would := ""
			if len(calls) == 0 {
				if would, err = a.wouldSend(inc); err != nil {
					return err
				}
			}
			return a.showPrompt(inc.ID, would, calls)
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		openErr = listHint(err)
	}
	dir, err := a.promptDir()
	if err != nil {
		return openErr
	}
	kept, err := store.Open(ctx, dir, store.Options{ReadOnly: true})
	if err != nil {
		return openErr
	}
	defer kept.Close()
	calls, err := kept.Calls(ctx, id)
	if err != nil {
		return err
	}
	if len(calls) == 0 {
		return openErr
	}
	return a.showPrompt(id, "", calls)
}

func (a *app) wouldSend(inc *incident.Incident) (string, error) {
	cfg := config.Default()
	if a.configFile() != "" {
		var err error
		if cfg, err = a.load(false); err != nil {
			return "", err
		}
	}
	cfg.Model = model.DefaultConfig()
	return agent.Prompt(cfg, *inc)
}

// asked says what a call was for. What is not here is shown by its name.
var asked = map[string]string{
	"diagnose":      "for a diagnosis",
	"remedy":        "which remediation mends it",
	"patch":         "for a patch",
	"patch-again":   "for the patch again, with what came of it",
	"repair-answer": "for the same answer, in the form that was asked for",
}

func (a *app) showPrompt(id, would string, calls []store.CallRecord) error {
	if a.output == "json" {
		doc := promptDocument{Schema: "logwright/prompt/1", Incident: id, Would: would, Calls: []callDocument{}}
		for _, c := range calls {
			doc.Calls = append(doc.Calls, callDocument{
				ID: c.ID, Purpose: c.Purpose, Model: c.Model, BegunAt: timeOrNull(c.BegunAt), EndedAt: timeOrNull(c.EndedAt),
				Prompt: c.Prompt, Answer: c.Text, Error: c.Error, InputTokens: c.InputTokens, OutputTokens: c.OutputTokens,
				USD: c.USD, Pruned: c.Pruned,
			})
		}
		return writeJSON(a.out, doc)
	}
	p := newPage(a.out)
	if would != "" {
		p.line("%s", p.strong("Nothing was sent about "+id+". This would be sent if a model were asked:"))
		p.line("%s", incident.Printable(would))
	}
	for _, c := range calls {
		p.line("%s", p.strong(fmt.Sprintf("Sent to %s at %s (%s, call %s):", incident.PrintableLine(c.Model), stamp(c.BegunAt),
			cmp.Or(asked[c.Purpose], incident.PrintableLine(c.Purpose)), c.ID)))
		if c.Pruned {
			p.line("(the text was dropped by retention.prompts or limits.store)")
			continue
		}
		p.line("%s", incident.Printable(c.Prompt))
		switch {
		case c.Error != "":
			p.line("%s\n%s\n", p.strong("No answer:"), incident.Printable(c.Error))
		case c.EndedAt.IsZero():
			p.line("%s\n", p.strong("No answer yet."))
		default:
			p.line("%s\n%s\n", p.strong("Answer:"), incident.Printable(c.Text))
		}
	}
	return p.w.Flush()
}
