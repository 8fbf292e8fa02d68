package remediations

import (
	"fmt"
	"strings"
	"sync"

	"github.com/logwright/logwright/agent/incident"
)

// What is kept of a command's output while it runs, and what is left of that once it is fit to be shown, in bytes. A command
// says what it is about at the beginning and why it failed at the end.
const (
	rawHead  = 16 << 10
	rawTail  = 48 << 10
	shownAll = 32 << 10
	shownTop = 8 << 10
)

// capture takes output in without end and holds its first and last bytes. It never fails: a command is not to be ended by a
// broken pipe because it talks a lot.
type capture struct {
	mu    sync.Mutex
	head  []byte
	tail  []byte // a ring once it is full; next is where its oldest byte is
	next  int
	total int64
}

func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(b)
	c.total += int64(n)
	if room := rawHead - len(c.head); room > 0 {
		k := min(room, len(b))
		c.head = append(c.head, b[:k]...)
		b = b[k:]
	}
	if len(b) > rawTail {
		b = b[len(b)-rawTail:]
	}
	if room := rawTail - len(c.tail); room > 0 {
		k := min(room, len(b))
		c.tail = append(c.tail, b[:k]...)
		b = b[k:]
	}
	for len(b) > 0 {
		k := copy(c.tail[c.next:], b)
		c.next = (c.next + k) % rawTail
		b = b[k:]
	}
	return n, nil
}

// text gives what is shown: redacted first, then escaped, then cut. Where bytes were dropped unseen, the halves of words on
// both sides go too: half a secret is not known for one.
func (c *capture) text(redact func(string) string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	head, tail := string(c.head), string(c.tail[c.next:])+string(c.tail[:c.next])
	dropped := c.total - int64(len(head)+len(tail))
	show := func(s string) string { return incident.Printable(redact(s)) }
	if dropped == 0 {
		all := show(head + tail)
		if len(all) <= shownAll {
			return all
		}
		left := len(all) - shownAll
		return join(first(all, shownTop), last(all, shownAll-shownTop), int64(left))
	}
	whole, rest := incident.CutText(head+"x", len(head)), cutFront(tail)
	dropped += int64(len(head) - len(whole) + len(tail) - len(rest))
	top, bottom := show(whole), show(rest)
	a, b := first(top, shownTop), last(bottom, shownAll-shownTop)
	return join(a, b, dropped+int64(len(top)-len(a)+len(bottom)-len(b)))
}

func join(top, bottom string, left int64) string {
	if top != "" && !strings.HasSuffix(top, "\n") {
		top += "\n"
	}
	return fmt.Sprintf("%s[... %d bytes left out ...]\n%s", top, left, bottom)
}

func first(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

func last(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[len(s)-n:], "")
}

// cutFront drops the half of a word that s begins with, as incident.CutText does at an end.
func cutFront(s string) string {
	const borders, word, secret = " \t\r\n\"'`,;&()[]{}<>|", 4 << 10, 512
	if i := strings.IndexAny(s[:min(len(s), word)], borders); i >= 0 {
		return s[i+1:]
	}
	return s[min(len(s), secret):]
}
