package remediations

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/policy"
)

// play is the first argument that makes the test binary one of the commands, or the daemon that is killed.
const play = "play-a-part"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == play {
		if err := part(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// part is what the test binary does as a command.
func part(role string, args []string) error {
	switch role {
	case "daemon":
		return daemon(args)
	case "state": // what a command can see of who started it
		wd, err := os.Getwd()
		if err != nil {
			return err
		}
		old := syscall.Umask(0)
		in, err := os.Stdin.Read(make([]byte, 1))
		fmt.Printf("wd=%s\numask=%04o\nstdin=%d %v\nargs=%q\n", wd, old, in, err, args)
		for _, e := range os.Environ() {
			fmt.Println("env=" + e)
		}
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return err
		}
		for _, fd := range fds {
			target, err := os.Readlink("/proc/self/fd/" + fd.Name())
			own := false // what Go's runtime opened by itself
			for _, prefix := range []string{"/proc/", "/sys/fs/cgroup/", "anon_inode:"} {
				own = own || strings.HasPrefix(target, prefix)
			}
			if err == nil && !own {
				fmt.Println("fd=" + fd.Name())
			}
		}
		p, _ := readProc(os.Getpid())
		fmt.Printf("leads=%v\n", p.session == os.Getpid() && p.group == os.Getpid())
		return nil
	case "flood": // a gigabyte, with a secret at the very end
		chunk := bytes.Repeat([]byte("all work and no play\n"), 50_000)
		for n := 0; n < 1<<30; n += len(chunk) {
			if _, err := os.Stdout.Write(chunk); err != nil {
				return err
			}
		}
		fmt.Fprint(os.Stderr, "and hunter2 at last")
		return nil
	case "stubborn": // takes no SIGTERM for an answer
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("stubborn")
		return hang(args[0])
	case "polite": // ends when it is told to
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		fmt.Println("polite")
		if err := hang(args[0], told); err != nil {
			return err
		}
		return os.WriteFile(args[0]+".told", nil, 0o600)
	}
	return fmt.Errorf("unknown part %q", role)
}

// hang says in a file which process this is, and stays until it is told to end, or for a minute.
func hang(file string, told ...chan os.Signal) error {
	if err := os.WriteFile(file+".new", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	var end chan os.Signal
	if len(told) > 0 {
		end = told[0]
	}
	select {
	case <-end:
	case <-time.After(time.Minute):
	}
	return nil
}

// self gives an argument vector of this test binary.
func self(t testing.TB, args ...string) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{exe, play}, args...)
}

// bound is a proposal for a remediation that runs argv.
func bound(argv []string, change ...func(*incident.Remedy)) incident.Proposal {
	now := time.Now()
	m := &incident.Remedy{Name: "mend", Risk: RiskLow, Run: argv, Timeout: time.Minute, Silence: time.Minute}
	for _, f := range change {
		f(m)
	}
	return incident.Proposal{
		ID: "p-" + ulid.Make().String(), Incident: "lw-2fa7k3q9xw5m.1", Cluster: "lw-2fa7k3q9xw5m", Service: "api",
		Kind: incident.KindRemediation, At: now, Title: "mend", Remedy: m,
	}
}

func allowAll() (*policy.Policy, error) {
	c := policy.DefaultConfig()
	c.Limits = nil
	c.Rules = []policy.Rule{{Name: "all", When: "true", Then: "allow"}}
	p, ps := policy.New(c, policy.Options{Mode: policy.ModeEnforce})
	if len(ps) > 0 {
		return nil, fmt.Errorf("%v", ps)
	}
	return p, nil
}

// mint gets a Grant the only way there is: the gate allows the proposal.
func mint(pr incident.Proposal, now time.Time) (policy.Grant, error) {
	p, err := allowAll()
	if err != nil {
		return policy.Grant{}, err
	}
	v := p.Decide(now, pr, policy.History{})
	g, ok := v.Grant()
	if !ok {
		return g, fmt.Errorf("no grant: %v", v.Decision().Reasons)
	}
	return g, nil
}

func granted(t testing.TB, pr incident.Proposal) policy.Grant {
	t.Helper()
	g, err := mint(pr, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// grantedUndo gets the Grant for the undo of what was done.
func grantedUndo(t testing.TB, pr incident.Proposal, done incident.Outcome) policy.Grant {
	t.Helper()
	p, err := allowAll()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	v := p.DecideUndo(now, pr, incident.Action{
		ID: pr.ActionID(), Proposal: pr.ID, Kind: pr.Kind, Name: pr.Action(), Rule: "all", BegunAt: now.Add(-time.Minute), Until: now.Add(time.Hour), Outcome: &done,
	}, "")
	g, ok := v.Grant()
	if !ok {
		t.Fatal(v.Decision().Reasons)
	}
	return g
}

func runner(t testing.TB, change ...func(*Options)) *Runner {
	t.Helper()
	o := Options{
		Dir: filepath.Join(t.TempDir(), "actions"), Grace: 200 * time.Millisecond,
		Redact: func(s string) string { return strings.ReplaceAll(s, "hunter2", "[secret]") },
	}
	for _, f := range change {
		f(&o)
	}
	r, err := NewRunner(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("this did not come about: %s", what)
		}
	}
}

// pidIn gives the process that a file names, 0 where it does not yet.
func pidIn(file string) int {
	b, _ := os.ReadFile(file)
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

// gone says that a process has ended.
func gone(pid int) bool {
	p, ok := readProc(pid)
	return !ok || p.zombie
}
