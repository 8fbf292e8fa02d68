package store

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// The daemon is to stay within limits.memory, of which the store may take a part. SQLite's memory is not Go's, so only the
// kernel knows: the peak of a process that fills a database of many times that size.
func TestMemory(t *testing.T) {
	cmd := child(t, "fill", t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	kb, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("peak %d KiB", kb)
	if kb > 48<<10 && !raceEnabled {
		t.Errorf("the store alone took %d KiB at its peak", kb)
	}
}

// fill writes some 80 MB, reads all of it back, and prints the peak of the process's memory.
func fill(s *Store) error {
	for n := range 400 {
		id := fmt.Sprintf("lw-m%d", n)
		err := s.Update(ctxBackground, func(tx *Tx) error {
			errs := []error{tx.SaveClusters([]ClusterMemory{{ID: id, State: make([]byte, 20000)}}), tx.OpenIncident(newIncident(id + ".1"))}
			for k := range 3 {
				errs = append(errs, tx.AddSample(incident.Sample{Cluster: id, Record: incident.Record{FirstLine: int64(k), Raw: strings.Repeat("x", 60000)}}))
			}
			return errors.Join(errs...)
		})
		if err != nil {
			return err
		}
	}
	for _, err := range s.Clusters(ctxBackground) {
		if err != nil {
			return err
		}
	}
	for n := range 400 {
		if _, err := s.Incident(ctxBackground, fmt.Sprintf("lw-m%d.1", n)); err != nil {
			return err
		}
	}
	if err := s.Check(ctxBackground); err != nil {
		return err
	}
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	kb, _, _ := strings.Cut(rest, "kB")
	fmt.Println(strings.TrimSpace(kb))
	return s.Close()
}
