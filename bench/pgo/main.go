// Command pgo makes cmd/logwright/default.pgo, which tells the compiler what is worth its while: it reads made-up logs of many kinds of
// software as `logwright diagnose` does and keeps a profile of that, without anything in it that is of this machine. The logs are
// not those that speed is measured with.
//
// Run it by `make pgo`, when much has changed in what reads and clusters lines.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/google/pprof/profile"

	"github.com/logwright/logwright/agent"
	"github.com/logwright/logwright/agent/config"
	"github.com/logwright/logwright/bench/labelled"
)

func main() {
	out := flag.String("out", "../cmd/logwright/default.pgo", "where the profile goes")
	events := flag.Int("events", 150_000, "how many events each log has")
	least := flag.Duration("time", 60*time.Second, "for how long logs are read, at least")
	flag.Parse()
	if err := run(*out, *events, *least); err != nil {
		fmt.Fprintln(os.Stderr, "pgo:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(out string, events int, least time.Duration) error {
	dir, err := os.MkdirTemp("", "logwright-pgo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	paths, err := write(dir, events)
	if err != nil {
		return err
	}
	cfg := config.Default()
	agent.LimitMemory(cfg)
	var taken bytes.Buffer
	if err := pprof.StartCPUProfile(&taken); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < least && err == nil; {
		for _, path := range paths {
			o := agent.OneShot{Config: cfg, Files: []string{path}}
			if _, err = o.Diagnose(context.Background(), agent.Asking{}); err != nil {
				break
			}
		}
	}
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	p, err := profile.Parse(&taken)
	if err != nil {
		return err
	}
	clean(p)
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	return errors.Join(p.Write(f), f.Close())
}

// write makes the logs, one for each kind of software.
func write(dir string, events int) (paths []string, err error) {
	kinds, err := labelled.Kinds()
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		path := filepath.Join(dir, k.Name+".log")
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		w := bufio.NewWriter(f)
		for _, line := range k.Generate(events, 21).Lines {
			if _, err := w.WriteString(line + "\n"); err != nil {
				break // Flush says it again
			}
		}
		if err := errors.Join(w.Flush(), f.Close()); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// clean takes out of a profile what is of the machine that it was taken on: paths, addresses and times. The compiler reads names and
// lines.
func clean(p *profile.Profile) {
	p.TimeNanos, p.DurationNanos, p.Comments, p.DocURL = 0, 0, nil, ""
	p.Mapping = nil
	for _, l := range p.Location {
		l.Mapping, l.Address = nil, 0
	}
	for _, f := range p.Function {
		f.Filename = ""
	}
	for _, s := range p.Sample {
		s.Label, s.NumLabel, s.NumUnit = nil, nil, nil
	}
	*p = *p.Compact()
}
