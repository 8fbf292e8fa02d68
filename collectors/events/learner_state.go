package events

import (
	"slices"
	"time"
)

// pristine says whether nothing was learned yet, and nothing is held back.
func (lr *learner) pristine() bool {
	return len(lr.profs) == 0 && lr.open == lr.learns && lr.hold == lr.learns && len(lr.samples) == 0 && len(lr.held) == 0 &&
		lr.others == 0 && lr.misses == 0 && lr.review == 0
}

// profiles lists the profiles that are in use: the learned ones, and those that unfinished events were read with.
func (j *Joiner) profiles() []*profile {
	out := slices.Clone(j.lr.profs)
	for _, g := range j.groups {
		if g.ev != nil && g.ev.prof != nil && !slices.Contains(out, g.ev.prof) {
			out = append(out, g.ev.prof)
		}
	}
	return out
}

func (w *stateWriter) profiles(ps []*profile) {
	w.uint(uint64(len(ps)))
	for _, p := range ps {
		w.b = append(w.b, byte(p.kind))
		w.flags(p.inner != nil, p.keep, p.lone)
		w.uint(uint64(p.prefix))
		w.uint(uint64(p.soft + 1))
		if p.inner != nil {
			w.uint(uint64(p.inner.soft + 1))
		}
		w.uint(uint64(len(p.steps)))
		for _, s := range p.steps {
			w.b = append(w.b, byte(s.op), s.sep)
			w.flags(s.end)
		}
		w.flags(p.tail, p.form)
		w.uint(uint64(p.opens))
		w.uint(uint64(p.rare))
		w.uint(uint64(p.born))
	}
}

func (r *stateReader) profiles() []*profile {
	var out []*profile
	for range r.count(maxLanes + maxProfiles + 1) {
		p := &profile{kind: profileKind(r.byte())}
		f := r.byte()
		p.keep, p.lone = f&2 != 0, f&4 != 0
		p.prefix = r.count(maxPrefix)
		p.soft = r.count(maxHeaderTokens+1) - 1
		if f&1 != 0 {
			p.inner = &profile{kind: profileMixed, soft: r.count(maxHeaderTokens+1) - 1}
		}
		for range r.count(maxSteps) {
			s := step{op: op(r.byte()), sep: r.byte()}
			e := r.byte()
			s.end = e == 1
			if s.op >= ops || e > 1 || s.op == opDash && dashOf(s.sep) == "" {
				r.fail()
			}
			p.steps = append(p.steps, s)
		}
		if p.opens = openAll; r.version > 2 {
			g := r.byte()
			if p.tail, p.form = g&1 != 0, g&2 != 0; g > 3 {
				r.fail()
			}
			p.opens, p.rare, p.born = opening(r.count(int(openAll))), opening(r.count(int(openAll))), uint32(r.count(1<<30))
		}
		if p.kind >= profileKinds || f > 7 {
			r.fail()
		}
		if r.bad {
			return nil
		}
		out = append(out, p)
	}
	return out
}

// profile reads which of the table's profiles is meant.
func (r *stateReader) profile(table []*profile) *profile {
	if k := r.count(len(table)); k > 0 {
		return table[k-1]
	}
	return nil
}

func (w *stateWriter) learner(lr *learner) {
	w.uint(uint64(len(lr.profs))) // the first of the table
	w.flags(lr.open, lr.hold, lr.suspicious)
	w.uint(uint64(lr.born))
	w.uint(uint64(lr.fitting))
	w.uint(uint64(lr.streak))
	w.uint(uint64(lr.rare))
	w.uint(uint64(lr.others))
	w.uint(uint64(lr.misses))
	w.uint(uint64(lr.age))
	w.uint(uint64(lr.review))
	w.time(lr.since)
	w.uint(uint64(len(lr.samples)))
	for _, s := range lr.samples {
		w.str(s)
	}
	w.uint(uint64(len(lr.held)))
	for i := range lr.held {
		h := &lr.held[i]
		w.origin(&origin{offset: h.l.Offset, meta: h.l.Meta, time: h.l.Time, sev: h.l.Severity, ref: h.ref})
		w.flags(h.l.Truncated, h.l.Continues)
		w.int(h.l.Number)
		w.str(h.l.Text)
	}
}

// learner reads what was written of a learner; lr is that of a new Joiner.
func (r *stateReader) learner(lr *learner, table []*profile) {
	n := r.count(min(len(table), maxProfiles))
	if n > 0 {
		lr.setProfiles(slices.Clone(table[:n]))
	}
	f := r.byte()
	lr.open, lr.hold, lr.suspicious = f&1 != 0, f&2 != 0, f&4 != 0
	lr.born = uint32(n)
	if r.version > 2 {
		lr.born, lr.fitting, lr.streak, lr.rare = uint32(r.count(1<<30)), r.count(1<<30), r.count(1<<30), opening(r.count(int(openAll)))
	}
	if lr.suspicious && n == 0 {
		r.fail()
	}
	lr.others = r.count(1 << 30)
	lr.misses, lr.age, lr.review = r.count(maxMisses), r.count(lastReview), r.count(lastReview)
	lr.since = r.time()
	for range r.count(maxSamples) {
		s := r.str()
		if r.bad || s == "" || len(s) > maxSample {
			r.fail()
			return
		}
		lr.samples = append(lr.samples, s)
	}
	for range r.count(maxHeldLines) {
		var o origin
		r.origin(&o)
		g := r.byte()
		h := heldLine{ref: o.ref, l: Line{
			Offset: o.offset, Meta: o.meta, Time: o.time, Severity: o.sev, Truncated: g&1 != 0, Continues: g&2 != 0,
			Number: r.int(), Text: r.str(),
		}}
		if r.bad || g > 3 {
			r.fail()
			return
		}
		lr.held = append(lr.held, h)
		lr.bytes += len(h.l.Text) + pieceCost
	}
	if f > 7 || lr.open && !lr.learns || !lr.open && (len(lr.samples) > 0 || len(lr.held) > 0) {
		r.fail()
	}
	if len(lr.held) == 0 && lr.since != (time.Time{}) {
		r.fail()
	}
}
