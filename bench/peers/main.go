// Command peers measures Logwright's reading and clustering beside the libraries that do the same, and beside the least that a Go
// program can do: loops that count lines, or split them. Each is a process of its own, they take turns on the same files,
// and what counts is the ratio of their medians, since times differ between machines.
//
// Run it by `make bench-peers`.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

type options struct {
	dir, out, shared string
	runs             int
	lines, mb        int64
	quick, keep      bool
}

func run(args []string) error {
	// What the kernel says of a child's peak memory begins with that of its parent, so the parent does nothing itself.
	if len(args) == 4 && args[0] == "job" {
		return child(args[1], args[2], args[3])
	}
	if len(args) == 4 && args[0] == "write" {
		return write(args[1], args[2], args[3])
	}
	var o options
	fs := flag.NewFlagSet("peers", flag.ExitOnError)
	fs.StringVar(&o.dir, "dir", "", "where the logs are written (default: a temporary directory)")
	fs.StringVar(&o.out, "out", "", "directory to write peers.md and peers.svg to (default: nowhere)")
	fs.IntVar(&o.runs, "runs", 5, "how often each reads each log; the median counts")
	fs.Int64Var(&o.lines, "lines", 1_000_000, "lines of each log that is clustered")
	fs.Int64Var(&o.mb, "mb", 1100, "size in MB (10^6 bytes) of the log that is tailed")
	fs.BoolVar(&o.quick, "quick", false, "one run over a tenth of everything")
	fs.BoolVar(&o.keep, "keep", false, "keep the logs (with -dir)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.quick {
		o.runs, o.lines, o.mb = 1, o.lines/10, o.mb/10
	}
	if o.lines < 1 || o.mb < 1 || o.runs < 1 || fs.NArg() > 0 {
		return errors.New("-lines, -mb and -runs are positive, and there are no arguments")
	}
	o.shared = os.Getenv("LOGWRIGHT_SHARED")
	// Interrupted, it takes its gigabytes away.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return o.measure(ctx, os.Stdout)
}

func (o *options) measure(ctx context.Context, out io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "logwright-peers-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	r := report{runs: o.runs, processors: runtime.NumCPU()}
	fmt.Fprintln(out, r.intro())
	for _, in := range inputs(o) {
		t, err := o.one(ctx, self, in)
		if err != nil {
			return fmt.Errorf("%s: %w", in.name, err)
		}
		r.tables = append(r.tables, t)
		fmt.Fprintf(out, "\n%s\n", t.markdown())
	}
	if o.out == "" {
		return nil
	}
	return errors.Join(
		os.WriteFile(filepath.Join(o.out, "peers.md"), []byte(r.markdown()), 0o644),
		os.WriteFile(filepath.Join(o.out, "peers.svg"), []byte(r.svg()), 0o644),
	)
}

// one measures all that can read an input, in turns. The first turn is not counted: it warms up the page cache.
func (o *options) one(ctx context.Context, self string, in input) (table, error) {
	t := table{input: in}
	path := filepath.Join(o.dir, fmt.Sprintf("%s-%d.log", in.key, in.size))
	if _, err := os.Stat(path); err != nil {
		if _, err := process(ctx, in, self, "write", in.key, fmt.Sprint(in.size), path); err != nil {
			return t, err
		}
	}
	if !o.keep {
		defer os.Remove(path) // the directory goes too
	}
	first, err := process(ctx, in, self, "job", "count", path, "0")
	if err != nil {
		return t, err
	}
	t.lines, t.bytes = first.Lines, first.Bytes
	var mine []peer
	for _, p := range peers() {
		if slices.Contains(p.reads, in.kind) {
			mine = append(mine, p)
		}
	}
	all := make([][]spent, len(mine))
	for turn := range o.runs + 1 {
		for i, p := range mine {
			most := t.lines
			if p.most > 0 {
				most = min(most, p.most)
			}
			s, err := process(ctx, in, self, "job", p.key, path, strconv.FormatInt(most, 10))
			if err != nil {
				return t, err
			}
			if s.Lines != most {
				return t, fmt.Errorf("%s took %d lines of %d", p.key, s.Lines, most)
			}
			if turn > 0 {
				all[i] = append(all[i], s)
			}
		}
	}
	for i, p := range mine {
		t.rows = append(t.rows, row{peer: p, spent: median(all[i])})
	}
	return t, nil
}

// child does one job and says what it took.
func child(key, path, lines string) error {
	n, err := strconv.ParseInt(lines, 10, 64)
	if err != nil {
		return err
	}
	for _, p := range peers() {
		if p.key != key {
			continue
		}
		s, err := p.measured(path, n)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(s)
	}
	return fmt.Errorf("nobody is called %q", key)
}
