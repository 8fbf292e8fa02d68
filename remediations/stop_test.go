package remediations

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

const brief = MinTimeout // what a command that does not end has

func timed(m *incident.Remedy) { m.Timeout = brief }

func TestStubbornCommandIsKilled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	out, err := runner(t).Execute(t.Context(), granted(t, bound(self(t, "stubborn", file), timed)))
	if err != nil || out.Result != incident.ResultFailed || out.Exit != -1 || !strings.Contains(out.Detail, "did not end within 1s and was stopped") {
		t.Errorf("%+v, %v", out, err)
	}
	if out.Output != "stubborn\n" {
		t.Errorf("%q", out.Output)
	}
	if !gone(pidIn(file)) {
		t.Error("it still runs")
	}
}

// SIGTERM comes first, so that what can clean up does.
func TestPoliteCommandIsAsked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	r := runner(t, func(o *Options) { o.Grace = 20 * time.Second })
	out, err := r.Execute(t.Context(), granted(t, bound(self(t, "polite", file), timed)))
	if err != nil || out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "was stopped") {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := os.Stat(file + ".told"); err != nil {
		t.Error("it was not told to end")
	}
}

// Grandchildren that leave the group and the session, or lose their parent, end with the command all the same, and hold nothing up.
func TestGrandchildrenEnd(t *testing.T) {
	for name, script := range map[string]string{
		"in the group":            `"$@" & wait`,
		"in a session of its own": `setsid "$@" & wait`,
		"without the marker":      `env -u LOGWRIGHT_ACTION setsid "$@" & wait`,
		"orphaned in the session": `(env -u LOGWRIGHT_ACTION "$@" &) ; sleep 60`,
		"orphaned":                `(setsid "$@" &) ; sleep 60`,
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS != "linux" {
				t.Skip("reads /proc")
			}
			file := filepath.Join(t.TempDir(), "pid")
			r := runner(t)
			out, err := r.Execute(t.Context(), granted(t, bound(sh(script, self(t, "stubborn", file)...), timed)))
			if err != nil || out.Result != incident.ResultFailed {
				t.Errorf("%+v, %v", out, err)
			}
			pid := pidIn(file)
			if pid == 0 {
				t.Fatal("it never ran")
			}
			if !gone(pid) {
				t.Errorf("process %d still runs: %+v", pid, out)
			}
		})
	}
}

// A restart leaves a daemon behind: one that holds the output open is neither waited for nor ended.
func TestWhatACommandStartsMayStay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	out, err := runner(t).Execute(t.Context(), granted(t, bound(sh(`setsid "$@" & while ! test -e $4; do :; done; echo started`, self(t, "stubborn", file)...))))
	if err != nil || out.Result != incident.ResultDone || !strings.Contains(out.Detail, "something that it started still has its output open") {
		t.Errorf("%+v, %v", out, err)
	}
	if !strings.Contains(out.Output, "started\n") {
		t.Errorf("%q", out.Output)
	}
	pid := pidIn(file)
	if gone(pid) {
		t.Error("what was started was ended")
	}
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

// The daemon that stops lets a command that runs end by itself.
func TestStoppingLeavesTheCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		until(t, "it runs", func() bool { return pidIn(file) > 0 })
		cancel()
		if err := os.WriteFile(file+".go", nil, 0o600); err != nil {
			t.Error(err)
		}
	}()
	// The command ends only after ctx did.
	script := fmt.Sprintf("echo $$ > %[1]s.new; mv %[1]s.new %[1]s; while ! test -e %[1]s.go; do :; done; echo through", file)
	out, err := runner(t).Execute(ctx, granted(t, bound(sh(script))))
	if err != nil || out.Result != incident.ResultDone || out.Output != "through\n" {
		t.Errorf("%+v, %v", out, err)
	}
	if ctx.Err() == nil {
		t.Error("it ended before the daemon was stopped")
	}
}

func TestGigabyteIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := runner(t).Execute(t.Context(), granted(t, bound(self(t, "flood"))))
	runtime.ReadMemStats(&after)
	if err != nil || out.Result != incident.ResultDone {
		t.Errorf("%v, %v", out.Result, err)
	}
	if n := len(out.Output); n > shownAll+100 || n < shownAll/2 {
		t.Errorf("%d bytes are kept", n)
	}
	if !strings.HasPrefix(out.Output, "all work and no play\n") || !strings.Contains(out.Output[len(out.Output)-200:], "and [secret] at last") || !strings.Contains(out.Output, "bytes left out") {
		t.Errorf("%.60q … %q", out.Output, out.Output[max(0, len(out.Output)-60):])
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d MiB were allocated", n>>20)
	}
}

func TestCapture(t *testing.T) {
	redact := func(s string) string { return strings.ReplaceAll(s, "hunter2", "[secret]") }
	write := func(chunks ...string) string {
		c := &capture{}
		for _, s := range chunks {
			if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
				t.Errorf("wrote %d of %d: %v", n, len(s), err)
			}
		}
		return c.text(redact)
	}
	if got := write("a ", "hun", "ter2", "\n"); got != "a [secret]\n" {
		t.Errorf("%q", got)
	}
	lines := strings.Repeat("0123456789 ", 1000) // 11 kB
	// A secret on every border there is: neither half of it may be left.
	for _, at := range []int{shownTop, rawHead, rawHead + rawTail, rawHead + rawTail - shownAll + shownTop} {
		for shift := -7; shift <= 0; shift++ {
			all := strings.Repeat(lines, 20)
			n := at + shift
			for _, text := range []string{
				all[:n] + "hunter2" + all[n:],          // from the beginning
				all[n:] + "hunter2 " + all[:n],         // from the end
				(all[:n] + "hunter2" + all[n:])[:at+7], // with nothing left out
				all[:rawHead] + strings.Repeat("x", 100000) + "hunter2 " + all[:n],
			} {
				got := write(text)
				for _, half := range []string{"hunter", "unter2", "hunt", "ter2"} {
					if strings.Contains(got, half) {
						t.Fatalf("%q is left, with the secret at %d%+d", half, at, shift)
					}
				}
				if len(got) > shownAll+100 {
					t.Fatalf("%d bytes", len(got))
				}
			}
		}
	}
	// Where redaction leaves little, what was cut is near what is shown.
	pad := "<" + strings.Repeat("p", 998) + ">"
	short := func(s string) string { return redact(strings.ReplaceAll(s, pad, ".")) }
	pads := strings.Repeat(pad, 300)
	for shift := -7; shift <= 0; shift++ {
		c := &capture{}
		fmt.Fprint(c, pads[:rawHead+shift], "hunter2", pads, " hunter2 "+pads[len(pads)-rawTail-shift:])
		for _, half := range []string{"hunt", "ter2"} {
			if got := c.text(short); strings.Contains(got, half) {
				t.Errorf("%q is left on the border, with the secret at %d", half, shift)
			}
		}
	}
	// Chunks of any size leave the same.
	text := strings.Repeat(lines, 30)
	var chunks []string
	for rest, n := text, 1; rest != ""; n = n*7%9973 + 1 {
		k := min(n, len(rest))
		chunks, rest = append(chunks, rest[:k]), rest[k:]
	}
	if write(text) != write(chunks...) {
		t.Error("it matters how the output comes")
	}
	if got := write(strings.Repeat("\x00", 1<<20)); len(got) > shownAll+100 || strings.Contains(got, "\x00") {
		t.Errorf("%d bytes", len(got))
	}
}
