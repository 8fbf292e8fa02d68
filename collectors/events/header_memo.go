package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// Behind the time stamp most lines of a source repeat what another line had: a level, a thread, a logger. The memo is
// scratch memory of a reader that keeps a few such stretches and what the scanner read of them, so that the same bytes
// are compared and not read again. It holds only what ends with a bracket or with a logger's name, since what the scanner makes of
// these does not depend on what stands behind them. What is read does not depend on the memo.
const (
	memoSize = 64 // a power of two: its six bits come from the hash
	memoText = 88
	memoTry  = 512 // stretches kept, after which a memo that helped too seldom is given up
)

type headerMemo struct {
	maxSoft int // that the stretches were read with
	entries [memoSize]memoEntry
	hits    int
	misses  int
}

type memoEntry struct {
	n      uint8 // bytes of text
	tokens uint8 // in it
	inside bool  // the time stamp in front of it stood in a bracket
	final  bool  // nothing more of the header follows

	leveled       bool
	sev           incident.Severity
	levelAt, mark uint8
	soften, lead  uint8 // brackets taken; the end of what was header when the level came
	format        string

	pid, thread, logger, trace [2]uint8 // where they stand
	text                       [memoText]byte
}

// newMemo gives the memo for a source's profile, nil where its lines have nothing to remember.
func newMemo(p *profile) *headerMemo {
	if p == nil || p.kind != profileTimed {
		return nil
	}
	return &headerMemo{maxSoft: p.soft}
}

// of gives the entry for what the scanner has before it, nil where there is none for it.
func (m *headerMemo) of(c *scanner) *memoEntry {
	if m == nil || m.maxSoft != c.maxSoft || m.misses >= memoTry && m.hits < m.misses || c.i != c.mark || !c.fresh() {
		return nil
	}
	return m.slot(c.s, c.mark)
}

// slot gives the entry for what stands in s at i, nil where too little does.
func (m *headerMemo) slot(s string, i int) *memoEntry {
	if i == 0 || len(s)-i < 24 {
		return nil
	}
	k := s[i : i+24]
	h := (load64(k)*0x9e3779b97f4a7c15 ^ load64(k[8:])) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>29 ^ load64(k[16:])) * 0x94d049bb133111eb
	e := &m.entries[h>>58]
	if o := &m.entries[h>>58^1]; e.n == 0 || s[i:min(len(s), i+int(e.n))] != string(e.text[:e.n]) {
		*e, *o = *o, *e // two that share a place: the one that is wanted first, or the older one, to be written over
	}
	return e
}

// load64 gives the first eight bytes of s as a number; the compiler makes one load of it.
func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// recall continues from what is remembered of the bytes behind the time stamp, and says whether there was anything.
func (c *scanner) recall(e *memoEntry) bool {
	i := c.mark
	n := int(e.n)
	if n == 0 || len(c.s)-i < n || (c.s[i-1] == ']') != e.inside || c.s[i:i+n] != string(e.text[:n]) {
		c.rd.memo.misses++
		return false
	}
	h, s := c.h, c.s[i:]
	h.pid, h.thread, h.logger, h.trace = s[e.pid[0]:e.pid[1]], s[e.thread[0]:e.thread[1]], s[e.logger[0]:e.logger[1]], s[e.trace[0]:e.trace[1]]
	h.leveled, h.format = e.leveled, e.format
	if e.leveled {
		h.sev, c.levelAt, c.before = e.sev, i+int(e.levelAt), i+int(e.lead)
	}
	c.soft = int(e.soften)
	c.mark = i + int(e.mark)
	c.i = c.mark
	c.rd.memo.hits++
	return true
}

// fresh says whether nothing but the time stamp was read yet, so that what follows may be recalled.
func (c *scanner) fresh() bool {
	h := c.h
	return h.timed && !h.leveled && c.i > 0 && c.pid == "" && c.n == 0 && c.soft == 0 && h.pid == "" && h.thread == "" && h.logger == "" && h.trace == "" && h.format == ""
}

// remember keeps what was read from byte i on, up to where the header is certain now.
func (c *scanner) remember(e *memoEntry, i, tokens int, final bool) {
	h := c.h
	end := c.mark
	if !final || c.s[end-1] != ' ' {
		end++ // with the byte behind it, which was looked at
	}
	if end > len(c.s) || end-i > memoText || h.extra || c.pid != "" || c.n > 0 || c.i != c.mark || c.levelAt >= 0 && !isWord(at(c.s, c.levelAt+1)) && at(c.s, c.levelAt) != '[' {
		return
	}
	*e = memoEntry{
		n: uint8(end - i), tokens: uint8(tokens), inside: c.s[i-1] == ']', final: final, leveled: h.leveled, sev: h.sev, mark: uint8(c.mark - i), soften: uint8(c.soft), format: h.format,
	}
	if h.leveled {
		e.levelAt, e.lead = uint8(c.levelAt-i), uint8(c.before-i)
	}
	ok := true
	for _, f := range []struct {
		v  string
		at *[2]uint8
	}{{h.pid, &e.pid}, {h.thread, &e.thread}, {h.logger, &e.logger}, {h.trace, &e.trace}} {
		if f.v == "" {
			continue
		}
		k := offsetIn(c.s[i:end], f.v)
		if k < 0 {
			ok = false
			break
		}
		*f.at = [2]uint8{uint8(k), uint8(k + len(f.v))}
	}
	if !ok {
		*e = memoEntry{}
		return
	}
	copy(e.text[:], c.s[i:end])
}

// offsetIn gives where v stands in s, -1 where it does not. Both come from the same line, and the last of several places
// is the one that was read last; which of them it is does not matter, since they hold the same bytes.
func offsetIn(s, v string) int { return strings.LastIndex(s, v) }
