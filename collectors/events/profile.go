package events

import (
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// A profile is what was learned of how the lines of one source begin. It never takes the fixed scanner's place: it says
// what stands in front of what the scanner can read, what stands behind it that is header all the same, and whether
// words that look like a header are one here. A line that does not look like its profile is read by the scanner alone, so
// a line in another format, by accident or on purpose, is read as if nothing had been learned.
//
// A profile never changes. An event keeps the one it was read with, so that it is read the same way when it is restored.
type profile struct {
	kind   profileKind
	prefix int      // tokens in front of the first time stamp, which the scanner would not read over
	inner  *profile // behind the time stamp stands a line with a header of its own: kubectl --timestamps, docker logs -t
	keep   bool     // levels are words of the message: few of the source's lines have one
	soft   int      // brackets that the scanner may take, -1 for any: what has one now and then has it in its message
	lone   bool     // one blank in front of a line is the writer's own and no continuation
	steps  []step   // columns behind what the scanner reads
	tail   bool     // the last token is the logger's name in parentheses
	form   bool     // it speaks of the lines with time and level alone, which others without a level stand between
	opens  opening  // what its messages begin with, but for rare ones
	rare   opening  // what few of them begin with
	born   uint32   // counts a stream's profiles
}

// equal says whether p and o read lines alike.
func (p *profile) equal(o *profile) bool {
	return p.kind == o.kind && p.prefix == o.prefix && (p.inner == nil) == (o.inner == nil) && (p.inner == nil || p.inner.equal(o.inner)) && p.keep == o.keep && p.lone == o.lone && p.tail == o.tail && p.form == o.form && p.soft == o.soft && slices.Equal(p.steps, o.steps)
}

// profileKind is what the lines of a source have in common.
type profileKind uint8

const (
	profileMixed    profileKind = iota // nothing: the scanner alone, and no line is odd
	profileTimed                       // a time stamp
	profileLeveled                     // a level, without a time stamp
	profileHeadless                    // no header at all
	profileKinds                       // how many there are
)

// step is one column. Columns come in groups: a group is header only as a whole, up to its last column, which has to look
// like the end of something (a level, a bracket, a colon), and only where something is left of the line behind it.
type step struct {
	op  op
	sep byte // opCell: what ends the cell; opDash: the separator's second byte
	end bool // last of its group
}

// op says what a column looks like.
type op uint8

const (
	opSkip    op = iota // a token that is no plain word: a number, an id, a dotted name, a word in capitals
	opWord              // any token
	opStamp             // another time stamp
	opLevel             // a level
	opTag               // name:, name[123]:
	opBracket           // [..], (..), <..>
	opCell              // anything up to the byte sep
	opDash              // a few tokens up to " - "
	opName              // a dotted name
	opNumber            // a number
	opModule            // a word that names something, with an id behind it
	opPID               // a process' number
	opThread            // a thread's number
	opWorker            // a thread's name in brackets
	ops                 // how many there are
)

const (
	maxPrefix = 8
	maxSteps  = 16
	maxCell   = 80
)

// The separators that a few tokens may end with, by their second byte.
func dashOf(sep byte) string {
	switch sep {
	case '-':
		return " - "
	case '=':
		return " -- "
	case ':':
		return " : "
	case '|':
		return " | "
	}
	return ""
}

// fitness says how a line agreed with its profile.
type fitness uint8

const (
	fitNone fitness = iota // the line is none that a profile speaks of
	fitYes
	fitNo
)

// scanLearned reads the header of a text line by a profile.
func (r *reader) scanLearned(p *profile, s string, h *head) bool {
	ok := r.scanColumns(p, s, h)
	if p.tail && r.fit == fitYes {
		h.takeTail()
	}
	return ok
}

// scanColumns is scanLearned without what stands behind the message.
func (r *reader) scanColumns(p *profile, s string, h *head) bool {
	r.fit = fitNo
	body := s
	if p.prefix > 0 {
		if k := p.skipPrefix(s); k > 0 {
			body = s[k:]
		} else {
			return r.scanFixed(s, h, anyHeader).ok
		}
	}
	got := r.scanFixed(body, h, scanOptions{noEpoch: p.kind == profileHeadless, maxSoft: p.soft})
	ok := got.ok
	switch p.kind {
	case profileHeadless:
		if !h.timed {
			r.fit = fitYes
		}
	case profileLeveled:
		if h.timed || !h.leveled {
			return ok
		}
		r.fit = fitYes
	case profileTimed:
		if !h.timed || p.form && !h.leveled {
			return ok
		}
		r.fit = fitYes
		if p.inner != nil && !h.leveled {
			r.readNested(p.inner, h)
			if h.format == FormatJSON || h.format == FormatLogfmt {
				return ok
			}
		}
	default:
		r.fit = fitYes
		return ok
	}
	switch {
	case p.keep && got.levelAt >= 0:
		// the level stands: what it says, and that a header was there; its word is the message's
		var words head
		words.msg = unleveled(body, got)
		if !p.columns(&words, false) && len(p.steps) > 0 {
			r.fit = fitNo
		}
		h.show = words.msg
	case len(p.steps) > 0 && !p.columns(h, got.named):
		r.fit = fitNo
	}
	return ok
}

// unleveled is the message of a line whose level is a word of it.
func unleveled(s string, got scanned) string {
	if got.before == 0 {
		return s
	}
	c := scanner{s: s, mark: got.before}
	return c.message()
}

// skipPrefix gives where the time stamp of a line stands, 0 where it is not where it should be, or where more than a header
// would be taken off.
func (p *profile) skipPrefix(s string) int {
	i := 0
	for range p.prefix {
		i = skipBlanks(s, tokenEnd(s, i))
	}
	if i >= len(s) {
		return 0
	}
	var st stamp
	n := scanStampAt(s, i, &st)
	// Where nothing stands behind the time stamp, or an error in front of it that begins with a word, that is what the line says.
	// A header begins with a number or an id, and then the categories of problems may have names like errors.
	if n == 0 || skipBlanks(s, i+n) == len(s) || wordy(s[:tokenEnd(s, 0)]) && alarming(s[:i]) {
		return 0
	}
	return i
}

// wordy says whether a token could be a word of a sentence.
func wordy(t string) bool {
	switch tokenKind(t) {
	case kindPlain, kindUpper:
		return true
	}
	return false // a number, an id, or a name with dots: categories of problems are called so
}

// readNested reads a message as a line with a header of its own. What it says goes before what the line around it says,
// but for a time without a date.
func (r *reader) readNested(p *profile, h *head) {
	inner := *r
	inner.only, inner.prof = FormatAuto, p
	t, msg, format := h.time, h.msg, h.format
	h.timed, h.headed, h.time = false, false, incident.Record{}.Time
	if !t.IsZero() {
		inner.ref = t
	}
	inner.read(msg, h)
	if !h.headed {
		h.msg, h.format = msg, format
	}
	if h.time.IsZero() {
		h.time = t
	}
	h.timed, h.headed = true, true
}

// columns takes the learned columns off h.msg and says whether all were there.
func (p *profile) columns(h *head, named bool) bool {
	c := columnScan{s: h.msg, named: named}
	mark, all := 0, true
	var done columnScan
	for _, st := range p.steps {
		if !c.step(st) {
			all = false
			break
		}
		if st.end {
			if skipBlanks(c.s, c.i) == len(c.s) {
				break // nothing would be left to say
			}
			mark, done = c.i, c
			c.i = skipSeparatorsAt(c.s, c.i)
		}
	}
	if mark == 0 { // or the scanner took all there was
		return all
	}
	sc := scanner{s: h.msg, mark: mark}
	msg := sc.message()
	if msg == "" {
		return all
	}
	h.full, h.msg = h.msg, msg
	if done.leveled && !h.leveled {
		h.sev, h.leveled = done.sev, true
	}
	if h.logger == "" {
		h.logger = done.logger
	}
	if h.pid == "" {
		h.pid = done.pid
	}
	if h.thread == "" {
		h.thread = done.thread
	}
	if h.trace == "" {
		h.trace = done.trace
	}
	return all
}

// columnScan walks over the columns of one line.
type columnScan struct {
	s     string
	i     int
	named bool // the scanner took a name already, which may be the one that the first column is

	leveled                    bool
	sev                        incident.Severity
	logger, pid, thread, trace string
}

// step reads one column and says whether it was there.
func (c *columnScan) step(st step) bool {
	if c.i == 0 && c.named && (st.op == opTag || st.op == opName) && st.end {
		return true
	}
	c.i = skipBlanks(c.s, c.i)
	s := c.s[c.i:]
	if s == "" {
		return false
	}
	switch st.op {
	case opWord:
		c.i += tokenEnd(s, 0)
		return true
	case opSkip:
		n := tokenEnd(s, 0)
		if tokenKind(s[:n]) == kindPlain {
			return false
		}
		if tokenKind(s[:n]) == kindName {
			c.logger = s[:n]
		}
		c.i += n
		return true
	case opName:
		n := tokenEnd(s, 0)
		if !dottedName(s[:n]) || alarming(s[:n]) {
			return false
		}
		c.logger = s[:n]
		c.i += n
		return true
	case opNumber:
		n := tokenEnd(s, 0)
		if tokenKind(s[:n]) != kindNumber {
			return false
		}
		c.i += n
		return true
	case opStamp:
		var t stamp
		n := scanStampAt(s, 0, &t)
		c.i += n
		return n > 0
	case opLevel:
		n, sev, ok := levelColumn(s)
		if ok {
			c.sev, c.leveled = sev, true
		}
		c.i += n
		return ok
	case opTag:
		return c.tag(s)
	case opBracket:
		return c.bracket(s)
	case opModule, opPID, opThread:
		return c.id(s, st.op)
	case opWorker:
		i := c.i
		if !c.bracket(s) {
			return false
		}
		c.thread = strings.TrimSpace(c.s[i+1 : c.i-1])
		return s[0] == '[' && c.thread != "" && nameLike(c.thread)
	case opCell:
		return c.cell(s, st.sep)
	case opDash:
		k := dashEnd(s, st.sep)
		if k == 0 || alarming(s[:k]) {
			return false
		}
		c.logger = s[:tokenEnd(s, 0)]
		c.i += k + len(dashOf(st.sep))
		return true
	}
	return false
}

func (c *columnScan) tag(s string) bool {
	name, pid, n := tagEnd(s)
	if n == 0 || alarming(name) {
		return false
	}
	c.logger = name
	if pid != "" {
		c.pid = pid
	}
	c.i += n
	return true
}

func (c *columnScan) bracket(s string) bool {
	n := bracketEnd(s)
	if n == 0 {
		return false
	}
	in := strings.TrimSpace(s[1 : n-1])
	if alarming(in) {
		return false
	}
	if id, _, _ := strings.Cut(in, " "); id != "" && isTraceID(id) {
		c.trace = id
	}
	c.i += n
	return true
}

func (c *columnScan) cell(s string, sep byte) bool {
	k := cellEnd(s, sep)
	if k < 0 {
		return false
	}
	in := strings.TrimSpace(s[:k])
	if sev, ok := levelCell(in); ok && !c.leveled {
		c.sev, c.leveled = sev, true
	} else {
		if alarming(in) {
			return false
		}
		if c.logger == "" && tokenKind(in) != kindNumber {
			c.logger = in
		}
	}
	c.i += k + 1
	return true
}
