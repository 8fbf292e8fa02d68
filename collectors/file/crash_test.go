package file

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestCrashes writes numbered lines, rotates, and kills the collector at random points of its work, and then counts: by
// rename every line must have come exactly once; by copytruncate every line that survived exactly once, and each that did
// not must be covered by a gap. The seed of a failure is in the test's name.
func TestCrashes(t *testing.T) {
	seeds := 100
	if testing.Short() {
		seeds = 30
	}
	for _, mode := range []string{"rename", "compress", "copytruncate", "mixed"} {
		for _, glob := range []string{"*.log", "*.log*"} {
			for seed := range seeds {
				t.Run(fmt.Sprintf("%s/%s/%d", mode, glob, seed), func(t *testing.T) { crash(t, mode, glob, uint64(seed)) })
			}
		}
	}
}

func crash(t *testing.T, mode, glob string, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	b := newBed(t, glob)
	b.cfg.MaxOpen = 1 + rnd.IntN(4)
	next, generations := 0, 0
	seen := map[string]int{}
	collect := func() {
		for _, l := range b.texts() {
			seen[l]++
		}
	}
	// Lines are of very different lengths, so that files are shorter and longer than a block and a chunk.
	write := func() {
		var text strings.Builder
		for range 1 + rnd.IntN(20) {
			fmt.Fprintf(&text, "%s\n", line(next, rnd.IntN(3)))
			next++
		}
		s := text.String()
		if cut := rnd.IntN(3); cut == 0 && mode != "copytruncate" && mode != "mixed" {
			// In two writes, with a look between them.
			half := rnd.IntN(len(s))
			b.append("app.log", s[:half])
			if b.alive {
				b.settle()
			}
			s = s[half:]
		}
		b.append("app.log", s)
	}
	shift := func() {
		for n := generations; n > 0; n-- {
			for _, ext := range []string{"", ".gz"} {
				if _, err := os.Stat(b.path(fmt.Sprintf("app.log.%d%s", n, ext))); err == nil {
					b.rename(fmt.Sprintf("app.log.%d%s", n, ext), fmt.Sprintf("app.log.%d%s", n+1, ext))
				}
			}
		}
		generations++
	}
	compress := func(name string) {
		if _, err := os.Stat(b.path(name)); err != nil {
			return
		}
		if out, err := exec.Command("gzip", b.path(name)).CombinedOutput(); err != nil {
			t.Fatalf("gzip: %v: %s", err, out)
		}
	}
	rotate := func() {
		how := mode
		if mode == "mixed" {
			how = []string{"rename", "compress", "copytruncate"}[rnd.IntN(3)]
		}
		if fi, err := os.Stat(b.path("app.log")); err != nil || fi.Size() == 0 {
			return // logrotate's notifempty, and nothing to see anyway
		}
		shift()
		switch how {
		case "copytruncate":
			b.copy("app.log", "app.log.1")
			if rnd.IntN(2) == 0 && b.alive {
				b.settle()
			}
			b.truncate("app.log")
		case "rename":
			b.rename("app.log", "app.log.1")
			if rnd.IntN(2) == 0 {
				b.append("app.log", "")
			}
		case "compress":
			b.rename("app.log", "app.log.1")
			if rnd.IntN(2) == 0 && b.alive {
				b.settle()
			}
			compress("app.log.1")
		}
	}
	write()
	b.settle()
	for range 25 {
		switch rnd.IntN(6) {
		case 0, 1:
			write()
		case 2:
			rotate()
		case 3:
			b.kill()
			b.refuse = -1
		case 4:
			b.refuse = rnd.IntN(4)
			if b.settle() {
				b.refuse = -1
			}
		case 5:
			b.refuse = -1
			b.settle()
			b.clock.advance(30 * time.Second)
		}
	}
	b.refuse = -1
	b.kill()
	b.settle()
	for range 4 {
		b.clock.advance(2 * time.Minute)
		b.settle()
	}
	b.kill()
	b.settle()
	collect()
	for i := range next {
		want := 1
		l := ""
		for kind := range 3 {
			if seen[line(i, kind)] > 0 {
				l = line(i, kind)
			}
		}
		if seen[l] != want {
			t.Errorf("line %d came %d times", i, seen[l])
		}
		delete(seen, l)
	}
	for l, n := range seen {
		t.Errorf("%.40q came %d times and was never written", l, n)
	}
	if t.Failed() {
		out, _ := exec.Command("ls", "-li", "--full-time", b.dir).CombinedOutput()
		t.Logf("%s\n%s", b.log, out)
	}
}

// line makes line i of one of three lengths.
func line(i, kind int) string {
	return fmt.Sprintf("%d %s", i, strings.Repeat("x", []int{0, 100, 3000}[kind]))
}
