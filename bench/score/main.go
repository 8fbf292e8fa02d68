// Command score measures how well the real binary finds headers, joins lines and clusters them, on logs of known truth
// (package labelled). It knows nothing of how the binary works: it writes each log to a file, raw and as messages alone,
// has `logwright explain -o json` read it, and compares.
//
// Run it by `make score`.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/logwright/logwright/bench/labelled"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "score:", err)
		os.Exit(1) //nolint:forbidigo,gocritic // this is main
	}
}

type options struct {
	binary, dir, kinds string
	lines, mistakes    int
	seed               uint64
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var o options
	fs := flag.NewFlagSet("score", flag.ExitOnError)
	fs.StringVar(&o.binary, "binary", "../bin/logwright", "the binary to measure")
	fs.StringVar(&o.dir, "dir", "", "where the logs are written and kept (default: a temporary directory)")
	fs.StringVar(&o.kinds, "kinds", "", "kinds of logs, separated by commas (default: all)")
	fs.IntVar(&o.lines, "lines", 4000, "lines of each log")
	fs.Uint64Var(&o.seed, "seed", 1, "seed of the logs")
	fs.IntVar(&o.mistakes, "mistakes", 0, "how many of the worst mistakes are shown of each log")
	if err := fs.Parse(args); err != nil {
		return err
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	o.binary = binary
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "logwright-score-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir) // what stays is a temporary file
	} else if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	all, err := labelled.Kinds()
	if err != nil {
		return err
	}
	if o.kinds != "" {
		chosen := strings.Split(o.kinds, ",")
		all = slices.DeleteFunc(all, func(k labelled.Kind) bool { return !slices.Contains(chosen, k.Name) })
		if len(all) != len(chosen) {
			return fmt.Errorf("not all of these are kinds: %s", o.kinds)
		}
	}
	return score(ctx, &o, all, out)
}

// result is what was measured on one log.
type result struct {
	kind                           string
	rawGA, rawFGA, plainGA, plainF float64
	rawLenient, plainLenient       float64
	headers
	raw, plain []mistake
	log        *labelled.Log
}

func score(ctx context.Context, o *options, kinds []labelled.Kind, out io.Writer) error {
	fmt.Fprintf(out, "%d lines a log, seed %d\n\n", o.lines, o.seed)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "kind\traw GA\tlenient\tFGA\tmessage GA\tlenient\tFGA\ttimes\tmessages\tline ranges\t")
	results := make([]*result, 0, len(kinds))
	var sum [6]float64
	var times, messages, ranges float64
	multi := 0
	for i := range kinds {
		r, err := measure(ctx, o, kinds[i].Generate(o.lines, o.seed))
		if err != nil {
			return fmt.Errorf("%s: %w", kinds[i].Name, err)
		}
		results = append(results, r)
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%s\t%s\t%s\t\n", r.kind, r.rawGA, r.rawLenient, r.rawFGA, r.plainGA, r.plainLenient, r.plainF, &r.times, &r.messages, &r.ranges)
		for j, x := range []float64{r.rawGA, r.rawLenient, r.rawFGA, r.plainGA, r.plainLenient, r.plainF} {
			sum[j] += x
		}
		times += r.times.value()
		messages += r.messages.value()
		if r.ranges.all > 0 {
			multi++
			ranges += r.ranges.value()
		}
	}
	n := float64(len(results))
	fmt.Fprintf(w, "mean\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t\n", sum[0]/n, sum[1]/n, sum[2]/n, sum[3]/n, sum[4]/n, sum[5]/n, times/n, messages/n, ranges/float64(max(1, multi)))
	if err := w.Flush(); err != nil {
		return err
	}
	if o.mistakes > 0 {
		for _, r := range results {
			r.show(out, o.mistakes)
		}
	}
	return nil
}

// measure has the binary read the log twice: as it is, and the first lines of its messages alone.
func measure(ctx context.Context, o *options, log *labelled.Log) (*result, error) {
	r := &result{kind: log.Kind, log: log}
	messages := make([]string, len(log.Events))
	truth, plainTruth := make([]int, len(log.Lines)), make([]int, len(log.Events))
	variants, plainVariants := make([]string, len(log.Lines)), make([]string, len(log.Events))
	texts := make(map[int]string)
	for i, e := range log.Events {
		messages[i] = firstLine(e.Message)
		plainTruth[i], plainVariants[i] = e.Template, e.Variant
		texts[e.Template] = e.TemplateText
		for n := e.First; n <= e.Last; n++ {
			truth[n-1], variants[n-1] = e.Template, e.Variant
		}
	}
	events, err := o.explain(ctx, log.Kind+".log", log.Lines)
	if err != nil {
		return nil, err
	}
	of := byLine(events, len(log.Lines))
	predicted, templates := clusters(of)
	r.rawGA, r.rawFGA = accuracy(truth, predicted)
	r.rawLenient = lenient(truth, variants, predicted)
	r.raw = mistakes(truth, predicted, texts, templates)
	r.headers = readHeaders(log.Events, of)

	if events, err = o.explain(ctx, log.Kind+".messages.log", messages); err != nil {
		return nil, err
	}
	predicted, templates = clusters(byLine(events, len(messages)))
	r.plainGA, r.plainF = accuracy(plainTruth, predicted)
	r.plainLenient = lenient(plainTruth, plainVariants, predicted)
	r.plain = mistakes(plainTruth, predicted, texts, templates)
	return r, nil
}

// byLine gives for each line what it was read as. Of two events that claim a line, the first has it.
func byLine(events []observed, lines int) []*observed {
	of := make([]*observed, lines)
	for i := range events {
		for _, n := range events[i].lines() {
			if n >= 1 && n <= lines && of[n-1] == nil {
				of[n-1] = &events[i]
			}
		}
	}
	return of
}

func clusters(of []*observed) (predicted []string, templates map[string]string) {
	predicted, templates = make([]string, len(of)), map[string]string{"": "(in no event)"}
	for i, o := range of {
		if o != nil {
			predicted[i] = o.Cluster
			templates[o.Cluster] = o.Template
		}
	}
	return predicted, templates
}

// explain writes the lines to a file and gives what the binary reads from it.
func (o *options) explain(ctx context.Context, name string, lines []string) ([]observed, error) {
	file := filepath.Join(o.dir, name)
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.binary, "explain", "-o", "json", file) //nolint:gosec // the binary is the maintainer's choice
	// Times without a zone are read as local ones.
	cmd.Env = append(os.Environ(), "TZ=UTC")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return parse(bytes.NewReader(stdout))
}

func parse(r io.Reader) ([]observed, error) {
	var out []observed
	dec := json.NewDecoder(bufio.NewReader(r))
	for {
		var o observed
		err := dec.Decode(&o)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("object %d of explain: %w", len(out)+1, err)
		}
		out = append(out, o)
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func (s *share) value() float64 {
	if s.all == 0 {
		return 0
	}
	return float64(s.right) / float64(s.all)
}

// String gives the share, or "-" where there was nothing to be right about.
func (s *share) String() string {
	if s.all == 0 {
		return "-"
	}
	return strconv.FormatFloat(s.value(), 'f', 3, 64)
}
