package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/demo"
)

// demoKey is where the key of the demo's model is taken from: on a command line anybody could see it.
const demoKey = "LOGWRIGHT_API_KEY"

const demoLong = `Makes a git repository of a small shop with two planted faults, runs it, drives traffic, and
shows live what Logwright makes of it: incidents, causes with cited lines, a patch that is proven
in the sandbox and proposed as a pull request of a local forge, a restart through the gate, the log
falling silent, and the audit.

Without --model the model's answers are authored, and whatever they touch says so; everything else is
real. With --model a real one is asked; its key, if it wants one, is taken from $LOGWRIGHT_API_KEY.

Patches are proven by bubblewrap. Where it is missing and this is root, or there is sudo, it is
installed with apt-get, which is said before. No other command installs anything.

Exit code 1 where one step was not seen.`

func (a *app) demoCommand() *cobra.Command {
	var dir string
	ep := model.Endpoint{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole loop on a small broken service, without a key",
		Long:  demoLong,
		Example: `  logwright demo
  logwright demo --dir /tmp/shop
  LOGWRIGHT_API_KEY=... logwright demo --model gpt-4.1-mini
  logwright demo --model qwen2.5-coder:14b --base-url http://127.0.0.1:11434/v1`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), dir, ep) },
	}
	cmd.Flags().StringVar(&dir, "dir", "", "keep everything in this directory, which has to be empty or absent (default: a temporary one, removed at the end)")
	cmd.Flags().StringVar(&ep.Name, "model", "", "ask this model (default: authored answers)")
	cmd.Flags().StringVar(&ep.BaseURL, "base-url", "", "where the model's API begins (default: the provider's own)")
	cmd.Flags().StringVar(&ep.Provider, "provider", model.ProviderOpenAI, "openai (every OpenAI-shaped endpoint), anthropic or ollama")
	return cmd
}

func (a *app) demo(ctx context.Context, dir string, ep model.Endpoint) error {
	o := demo.Options{Dir: dir, Progress: a.out}
	if a.output == "json" {
		o.Progress = a.err
	}
	if ep.Name == "" {
		if ep.BaseURL != "" || ep.Provider != model.ProviderOpenAI {
			return hint(usagef("a provider or base URL without a model"), "name the model with --model")
		}
	} else {
		ep.APIKey = os.Getenv(demoKey)
		c := model.DefaultConfig()
		c.Provider, c.Name, c.BaseURL, c.APIKey = ep.Provider, ep.Name, ep.BaseURL, ep.APIKey
		if ps := c.Validate(); len(ps) > 0 {
			if ps[0].Path == "api_key" {
				ps[0].Hint = "put it into $" + demoKey
			}
			return hint(usagef("--model: %s: %s", ps[0].Path, ps[0].Message), "%s", ps[0].Hint)
		}
		o.Model = ep
	}
	demoBegins(o.Progress, ep.Name)
	r, err := demo.Run(ctx, o)
	if need, ok := errors.AsType[*demo.NeedError](err); ok {
		return hint(err, "%s", need.Fix)
	}
	if err != nil {
		return err
	}
	demoEnds(o.Progress, r)
	if a.output == "json" {
		if err := writeJSON(a.out, r); err != nil {
			return err
		}
	}
	if !r.OK {
		return errors.New("not every step of the demo was seen")
	}
	return nil
}

func demoBegins(w io.Writer, name string) {
	if name == "" {
		fmt.Fprint(w, `A small shop breaks in two ways, and Logwright looks after it.
The model's answers in this demo are AUTHORED: a person wrote them beforehand, and no model is asked.
Everything else is real. logwright demo --model NAME asks a real model.

`)
		return
	}
	fmt.Fprintf(w, "A small shop breaks in two ways, and Logwright looks after it. The model that is asked is %s.\n\n", name)
}

// demoEnds says what came of it, and how to look around.
func demoEnds(w io.Writer, r *demo.Report) {
	good := 0
	for _, s := range r.Steps {
		if s.OK {
			good++
		}
	}
	fmt.Fprintf(w, "\n%d of %d steps were seen, in %.0f seconds.\n", good, len(r.Steps), r.Seconds)
	if r.Source == "authored" {
		fmt.Fprintln(w, "The model's answers were AUTHORED; what they led to was checked as a model's are.")
	}
	if !r.Kept {
		fmt.Fprintln(w, "Everything was removed again. To look around afterwards: logwright demo --dir /tmp/shop")
		return
	}
	self := os.Args[0]
	if strings.Contains(self, "go-build") {
		self = "go run ./cmd/logwright"
	}
	fmt.Fprintf(w, "\nLook around:\n")
	lw := func(command string) {
		fmt.Fprintf(w, "  %s %s --config %s\n", self, command, filepath.Join(r.Dir, "agent.yaml"))
	}
	crash, stuck := demoIncidents(r)
	lw("incidents list")
	lw("incidents show " + crash)
	lw("policy explain " + stuck)
	lw("prompt " + stuck)
	lw("audit verify")
	fmt.Fprintf(w, "  less %s/*.md %s\n", filepath.Join(r.Dir, "pulls"), filepath.Join(r.Dir, "told.txt"))
	fmt.Fprintf(w, "  git -C %s log -p --all\n", filepath.Join(r.Dir, "repo.git"))
}

// demoIncidents gives the ids that the step of that name tells: the shop's and the mailer's.
func demoIncidents(r *demo.Report) (crash, stuck string) {
	ids := []string{}
	for _, s := range r.Steps {
		for word := range strings.FieldsSeq(s.Detail) {
			if s.Name == "incidents" && s.OK && strings.HasPrefix(word, "lw-") {
				ids = append(ids, word)
			}
		}
	}
	ids = append(ids, "ID", "ID")
	return ids[0], ids[1]
}
