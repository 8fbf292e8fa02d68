package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// The state holds the lines of the unfinished events as they were read and how far their traces have come; headers are
// read again from the lines. That keeps it small, and free of anything that a later version reads differently but the
// few numbers of the trace. Restore checks every length against what is there, so a state that was cut or made up is an
// error and can't make the Joiner hold more than the state's own size.

// Version 1 had no profiles, version 2 one for each stream.
const stateVersion = 3

var errState = errors.New("the joiner's state is damaged")

// AppendState appends the Joiner's state to dst: the unfinished events, and what was learned of the lines' headers. A
// Joiner of the same Config that is given it by Restore continues exactly as this one would have. Its size is bounded by
// MaxPending and some ten kilobytes; nothing is appended where nothing is unfinished and nothing was learned.
func (j *Joiner) AppendState(dst []byte) []byte {
	if len(j.groups) == 0 && j.lr.pristine() {
		return dst
	}
	w := stateWriter{append(dst, stateVersion)}
	table := j.profiles()
	w.profiles(table)
	w.learner(&j.lr)
	w.uint(uint64(len(j.groups)))
	cur := 0
	for i, g := range j.groups {
		if g == j.cur {
			cur = i + 1
		}
	}
	w.uint(uint64(cur))
	for _, g := range j.groups {
		w.str(g.lane)
		w.flags(g.parked, g.ev != nil, len(g.parts) > 0)
		w.uint(j.seq - g.seq)
		if len(g.parts) > 0 {
			w.uint(uint64(g.partLen))
			w.origin(&g.first)
			w.pieces(g.parts)
		}
		if g.ev != nil {
			w.uint(uint64(slices.Index(table, g.ev.prof) + 1))
			w.event(g.ev)
		}
	}
	return w.b
}

// Restore gives a new Joiner the state that AppendState wrote. A state that was not written by AppendState is an error,
// and the Joiner is as new then.
func (j *Joiner) Restore(state []byte) error {
	if len(j.groups) > 0 || !j.lr.pristine() {
		return errors.New("events: Restore on a joiner that was used")
	}
	if len(state) == 0 {
		return nil
	}
	if state[0] == 0 || state[0] > stateVersion {
		return fmt.Errorf("events: %w: version %d, not %d", errState, state[0], stateVersion)
	}
	r := stateReader{b: state[1:], version: state[0]}
	lr := j.lr
	var table []*profile
	if state[0] > 1 {
		table = r.profiles()
		r.learner(&lr, table)
	}
	groups, cur, bytes := j.readGroups(&r, table, state[0] > 1)
	if r.bad || len(r.b) > 0 {
		return fmt.Errorf("events: %w", errState)
	}
	j.lr = lr
	j.groups, j.bytes = groups, bytes
	for _, g := range groups {
		if g.parked {
			j.parked++
		}
	}
	if cur > 0 {
		j.cur = groups[cur-1]
	}
	return nil
}

func (j *Joiner) readGroups(r *stateReader, table []*profile, profiled bool) (groups []*group, cur, bytes int) {
	j.seq = 1 << 32
	n := r.count(maxLanes + 1)
	cur = r.count(n)
	for range n {
		g := &group{lane: r.str()}
		f := r.byte()
		g.parked = f&1 != 0
		age := r.uint()
		if r.bad || age > 1<<31 || f > 7 || f&6 == 0 || g.parked && f&2 == 0 {
			r.bad = true
			return nil, 0, 0
		}
		g.seq = j.seq - age
		if f&4 != 0 {
			g.partLen = int(r.uint())
			r.origin(&g.first)
			g.parts = r.pieces()
			for i := range g.parts {
				bytes += len(g.parts[i].raw) + pieceCost
			}
			if len(g.parts) == 0 || g.partLen < 0 {
				r.bad = true
			}
		}
		if f&2 != 0 && !r.bad {
			var p *profile
			if profiled {
				p = r.profile(table)
			}
			g.ev = j.readEvent(r, p)
			if r.bad {
				return nil, 0, 0
			}
			bytes += g.ev.bytes
		}
		groups = append(groups, g)
	}
	if r.bad || cur > 0 && groups[cur-1].parked {
		r.bad = true
		return nil, 0, 0
	}
	return groups, cur, bytes
}

// stateWriter appends the parts of a state.
type stateWriter struct{ b []byte }

func (w *stateWriter) uint(v uint64) { w.b = binary.AppendUvarint(w.b, v) }
func (w *stateWriter) int(v int64)   { w.b = binary.AppendVarint(w.b, v) }
func (w *stateWriter) str(s string) {
	w.uint(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *stateWriter) flags(fs ...bool) {
	var v byte
	for i, f := range fs {
		if f {
			v |= 1 << i
		}
	}
	w.b = append(w.b, v)
}

func (w *stateWriter) time(t time.Time) {
	w.flags(!t.IsZero())
	if !t.IsZero() {
		w.int(t.Unix())
		w.uint(uint64(t.Nanosecond()))
	}
}

func (w *stateWriter) origin(o *origin) {
	w.int(o.offset)
	w.time(o.time)
	w.b = append(w.b, byte(o.sev))
	w.time(o.ref)
	w.flags(o.meta != nil)
	if m := o.meta; m != nil {
		for _, s := range []string{m.Writer, m.Service, m.Identifier, m.Host, m.PID} {
			w.str(s)
		}
		keys := make([]string, 0, len(m.Trusted))
		for k := range m.Trusted {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		w.uint(uint64(len(keys)))
		for _, k := range keys {
			w.str(k)
			w.str(m.Trusted[k])
		}
	}
}

// pieces writes lines; a body that is the end of its line is only a length.
func (w *stateWriter) pieces(ps []piece) {
	w.uint(uint64(len(ps)))
	for i := range ps {
		p := &ps[i]
		same := p.body != "" && len(p.body) <= len(p.raw) && p.raw[len(p.raw)-len(p.body):] == p.body
		w.flags(p.part, same)
		w.int(p.num)
		w.str(p.raw)
		if same {
			w.uint(uint64(len(p.body)))
		} else {
			w.str(p.body)
		}
	}
}

func (w *stateWriter) event(e *event) {
	w.origin(&e.origin)
	w.flags(e.begun, e.lastHeaded, e.twoLine, e.truncated)
	w.b = append(w.b, byte(e.tr.lang), e.tr.phase)
	w.int(int64(e.tr.depth))
	w.uint(uint64(e.logical))
	w.uint(uint64(e.loose))
	w.uint(uint64(len(e.spans)))
	for _, s := range e.spans {
		w.int(s.first)
		w.int(s.last - s.first)
	}
	w.pieces(e.pieces)
	// the line the header is read from is one of the pieces, nearly always the first
	at := slices.IndexFunc(e.pieces, func(p piece) bool { return p.raw == e.raw })
	w.int(int64(at))
	if at < 0 {
		w.str(e.raw)
	}
	same := len(e.body) <= len(e.raw) && e.raw[len(e.raw)-len(e.body):] == e.body
	w.flags(same)
	if same {
		w.uint(uint64(len(e.body)))
	} else {
		w.str(e.body)
	}
}

// stateReader reads what stateWriter wrote; bad is set once something can't be.
type stateReader struct {
	b       []byte
	bad     bool
	version byte
}

func (r *stateReader) fail() {
	r.bad, r.b = true, nil
}

func (r *stateReader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *stateReader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<62 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *stateReader) int() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number that is at most limit.
func (r *stateReader) count(limit int) int {
	v := r.uint()
	if v > uint64(limit) {
		r.fail()
		return 0
	}
	return int(v)
}

func (r *stateReader) str() string {
	n := r.count(len(r.b))
	if n > len(r.b) {
		r.fail()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// body reads a string that may be the end of raw.
func (r *stateReader) body(same bool, raw string) string {
	if same {
		return raw[len(raw)-r.count(len(raw)):]
	}
	return r.str()
}

func (r *stateReader) time() time.Time {
	if r.byte() == 0 {
		return time.Time{}
	}
	sec := r.int()
	nsec := r.uint()
	if nsec >= 1e9 || sec > 1<<40 || sec < -1<<40 {
		r.fail()
		return time.Time{}
	}
	return time.Unix(sec, int64(nsec)).UTC()
}

func (r *stateReader) origin(o *origin) {
	o.offset = r.int()
	o.time = r.time()
	o.sev = incident.Severity(r.byte())
	o.ref = r.time()
	if o.sev > incident.SeverityFatal {
		r.fail()
	}
	if r.byte() == 0 || r.bad {
		return
	}
	m := &Meta{Writer: r.str(), Service: r.str(), Identifier: r.str(), Host: r.str(), PID: r.str()}
	if n := r.count(len(r.b)); n > 0 {
		m.Trusted = make(map[string]string)
		for range n {
			if r.bad {
				return
			}
			k := r.str()
			m.Trusted[k] = r.str()
		}
	}
	o.meta = m
}

func (r *stateReader) pieces() []piece {
	n := r.count(len(r.b))
	var ps []piece
	for range n {
		f := r.byte()
		p := piece{part: f&1 != 0, num: r.int(), raw: r.str()}
		p.body = r.body(f&2 != 0, p.raw)
		if r.bad {
			return nil
		}
		ps = append(ps, p)
	}
	return ps
}

func (j *Joiner) readEvent(r *stateReader, p *profile) *event {
	e := &event{prof: p}
	r.origin(&e.origin)
	f := r.byte()
	e.begun, e.lastHeaded, e.twoLine, e.truncated = f&1 != 0, f&2 != 0, f&4 != 0, f&8 != 0
	e.tr.lang, e.tr.phase = lang(r.byte()), r.byte()
	depth := r.int()
	e.logical = r.count(1 << 40)
	e.loose = r.count(1 << 20)
	for range r.count(maxSpans + 1) {
		s := span{first: r.int()}
		s.last = s.first + r.int()
		if s.last < s.first {
			r.fail()
		}
		e.spans = append(e.spans, s)
	}
	e.pieces = r.pieces()
	at := r.int()
	switch {
	case r.bad || len(e.pieces) == 0 || at >= int64(len(e.pieces)) || e.tr.lang >= langEnd || e.tr.phase > phaseGroup ||
		depth > 1<<30 || depth < -1<<30 || f > 15:
		r.fail()
		return e
	case at < 0:
		e.raw = r.str()
	default:
		e.raw = e.pieces[at].raw
	}
	e.tr.depth = int32(depth)
	body := r.body(r.byte() == 1, e.raw)
	j.unwrap(e.raw, e)
	j.readFirst(e, e.raw, body)
	e.readSecond()
	e.own = len(e.pieces)
	e.bytes = e.firstCost()
	for i := range e.pieces {
		e.bytes += e.pieces[i].size()
	}
	return e
}
