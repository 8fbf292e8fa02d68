package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// spent is what a job took. The process measures its own time, so that its start and what is trained before does not count; its
// peak memory is the kernel's word.
type spent struct {
	Lines int64 `json:"lines"`
	Bytes int64 `json:"bytes"`
	// Clusters is how many were found, 0 where that is not the job.
	Clusters int           `json:"clusters"`
	Wall     time.Duration `json:"wall"`
	CPU      time.Duration `json:"cpu"`
	peak     int64         // bytes of resident memory
}

// processorTime is what this process used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// median takes the median of each figure by itself, but the highest peak: memory has to suffice every time.
func median(of []spent) spent {
	m := of[0]
	var wall, cpu []time.Duration
	for _, s := range of {
		wall, cpu, m.peak = append(wall, s.Wall), append(cpu, s.CPU), max(m.peak, s.peak)
	}
	slices.Sort(wall)
	slices.Sort(cpu)
	m.Wall, m.CPU = wall[len(wall)/2], cpu[len(cpu)/2]
	return m
}

// process runs this program again for one job, on one processor where the input is to be clustered.
func process(ctx context.Context, in input, self string, args ...string) (spent, error) {
	cmd := exec.CommandContext(ctx, self, args...) //nolint:gosec // G204: this program itself
	cmd.Env = os.Environ()
	if in.kind != tailed && args[0] == "job" {
		cmd.Env = append(cmd.Env, "GOMAXPROCS=1")
	}
	var answer, complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &answer, &complaint
	var s spent
	if err := cmd.Run(); err != nil {
		return s, fmt.Errorf("%s %s: %w\n%s", filepath.Base(self), strings.Join(args, " "), err, complaint.String())
	}
	if args[0] == "job" {
		if err := json.Unmarshal([]byte(answer.String()), &s); err != nil {
			return s, err
		}
	}
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = int64(u.Maxrss) << 10 //nolint:unconvert // 32 bits wide on some platforms
	}
	return s, nil
}
