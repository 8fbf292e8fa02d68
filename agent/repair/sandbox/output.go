package sandbox

import (
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// outputLimit is how much of the end of an output a Result has, in bytes.
	outputLimit = 64 << 10
	// outputKeep is how much is kept until it is redacted. It is more, so that no secret is cut in two before it was seen.
	outputKeep = 4 * outputLimit
)

// tail keeps the end of what is written to it. Safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	buf  []byte
	lost bool
	all  bool // tests only: keeps everything
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(p)
	if t.all {
		t.buf = append(t.buf, p...)
		return n, nil
	}
	if len(p) > outputKeep {
		p, t.lost = p[len(p)-outputKeep:], true
	}
	if len(t.buf)+len(p) > 2*outputKeep {
		drop := len(t.buf) + len(p) - outputKeep
		if drop >= len(t.buf) {
			t.buf = t.buf[:0]
		} else {
			t.buf = t.buf[:copy(t.buf, t.buf[drop:])]
		}
		t.lost = true
	}
	t.buf = append(t.buf, p...)
	return n, nil
}

// text gives the end of the output, at most limit bytes, redacted first and cut after, and whether anything is missing.
// Where it is cut, it begins with a whole line if there is one.
func (t *tail) text(redact func(string) string, limit int) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, cut := t.buf, t.lost
	if cut {
		b = wholeLines(b)
	}
	s := redact(strings.ToValidUTF8(string(b), "\uFFFD"))
	if len(s) > limit {
		s, cut = s[len(s)-limit:], true
		for len(s) > 0 && !utf8.RuneStart(s[0]) {
			s = s[1:]
		}
		s = string(wholeLines([]byte(s)))
	}
	return s, cut
}

// wholeLines gives b without its first, broken line. An output that is one line stays.
func wholeLines(b []byte) []byte {
	for i, c := range b {
		if c == '\n' && i+1 < len(b) {
			return b[i+1:]
		}
	}
	return b
}
