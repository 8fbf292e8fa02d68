// Command diagnose measures what `logwright diagnose` costs: time and memory of the real binary on logs of a given size,
// beside a loop that only counts their lines. Both run as processes of their own, in turns, so that they have the same
// machine in the same state; the ratio is what can be compared between machines.
//
// Run it by `make bench-diagnose`.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/logwright/logwright/bench/logs"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

type options struct {
	binary, dir, kinds  string
	size, hostile, runs int64
	keep                bool
}

func run(args []string) error {
	// The parent's own memory is a floor under what the kernel says of a child's peak, so it does nothing itself:
	// writing and counting are done by children, too.
	if len(args) == 2 && args[0] == "count" {
		return count(args[1])
	}
	if len(args) == 4 && args[0] == "write" {
		return write(args[1], args[2], args[3])
	}
	var o options
	fs := flag.NewFlagSet("diagnose", flag.ExitOnError)
	fs.StringVar(&o.binary, "binary", "../bin/logwright", "the binary to measure")
	fs.StringVar(&o.dir, "dir", "", "where the logs are written (default: a temporary directory)")
	fs.StringVar(&o.kinds, "kinds", "", "kinds of logs, separated by commas (default: all)")
	fs.Int64Var(&o.size, "size", 1000, "size of the mixed log in MB (10^6 bytes)")
	fs.Int64Var(&o.hostile, "hostile", 250, "size of each of the other logs in MB")
	fs.Int64Var(&o.runs, "runs", 3, "how often the mixed log is read by each; the median counts")
	fs.BoolVar(&o.keep, "keep", false, "keep the logs (with -dir)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if o.size < 1 || o.hostile < 1 || o.runs < 1 || fs.NArg() > 0 {
		return errors.New("-size, -hostile and -runs are positive, and there are no arguments")
	}
	// Interrupted, it takes its gigabytes away.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return o.measure(ctx, os.Stdout)
}

func (o *options) measure(ctx context.Context, out io.Writer) error {
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "logwright-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	kinds := logs.Kinds()
	if o.kinds != "" {
		kinds = nil
		for name := range strings.SplitSeq(o.kinds, ",") {
			k, err := logs.ByName(name)
			if err != nil {
				return err
			}
			kinds = append(kinds, k)
		}
	}
	fmt.Fprintf(out, "%s/%s, %d processors, median of %d; each log read by logwright and by a loop that counts its lines, in turns\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), o.runs)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "log\tMB\tcounting s\tlogwright s\tratio\tCPU s\tCPU ratio\tMB/s\tpeak MiB\tcounting MiB\t")
	for _, k := range kinds {
		mb := o.hostile
		if k.Name == logs.Mix.Name {
			mb = o.size
		}
		if err := o.one(ctx, t, self, binary, filepath.Join(dir, fmt.Sprintf("%s-%d.log", k.Name, mb)), k, mb); err != nil {
			return fmt.Errorf("%s: %w", k.Name, err)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	for _, k := range kinds {
		fmt.Fprintf(out, "%s: %s\n", k.Name, k.About)
	}
	return nil
}

// one measures one log.
func (o *options) one(ctx context.Context, out io.Writer, self, binary, path string, k logs.Kind, mb int64) error {
	if _, err := os.Stat(path); err != nil {
		if _, err := cost(ctx, self, "write", k.Name, fmt.Sprint(mb), path); err != nil {
			return err
		}
	}
	if !o.keep {
		defer os.Remove(path) // the directory goes too
	}
	if _, err := cost(ctx, self, "count", path); err != nil { // the file is in the page cache from here on
		return err
	}
	var counting, ours []spent
	for range o.runs {
		c, err := cost(ctx, self, "count", path)
		if err != nil {
			return err
		}
		d, err := cost(ctx, binary, "diagnose", path)
		if err != nil {
			return err
		}
		counting, ours = append(counting, c), append(ours, d)
	}
	c, d := median(counting), median(ours)
	_, err := fmt.Fprintf(out, "%s\t%d\t%.2f\t%.2f\t%.1f\t%.2f\t%.1f\t%.0f\t%.0f\t%.0f\t\n", k.Name, mb, c.wall.Seconds(), d.wall.Seconds(),
		d.wall.Seconds()/c.wall.Seconds(), d.cpu.Seconds(), d.cpu.Seconds()/c.cpu.Seconds(),
		float64(mb)/d.wall.Seconds(), float64(d.peak)/(1<<20), float64(c.peak)/(1<<20))
	return err
}

// spent is what a process took.
type spent struct {
	wall, cpu time.Duration
	peak      int64 // bytes of resident memory
}

// median takes the median of each figure by itself, but the highest peak: memory has to suffice every time.
func median(of []spent) spent {
	var wall, cpu []time.Duration
	var m spent
	for _, s := range of {
		wall, cpu, m.peak = append(wall, s.wall), append(cpu, s.cpu), max(m.peak, s.peak)
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	m.wall, m.cpu = wall[len(wall)/2], cpu[len(cpu)/2]
	return m
}

// cost runs a process to its end, or to that of ctx.
func cost(ctx context.Context, name string, args ...string) (spent, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // G204: this program itself, or the binary that -binary names
	var complaint strings.Builder
	cmd.Stderr = &complaint
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return spent{}, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, complaint.String())
	}
	s := spent{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = int64(u.Maxrss) << 10 //nolint:unconvert // 32 bits wide on some platforms
	}
	return s, nil
}

// count is the loop to compare with: the least that a Go program that looks at every line can do.
func count(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 64<<10), 64<<20)
	lines, bytes := 0, 0
	for sc.Scan() {
		lines++
		bytes += len(sc.Bytes())
	}
	if err := sc.Err(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, lines, bytes)
	return err
}

func write(kind, mb, path string) error {
	k, err := logs.ByName(kind)
	if err != nil {
		return err
	}
	var n int64
	if _, err := fmt.Sscan(mb, &n); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(k.Write(f, n*1e6), f.Close())
}
