package events

import "strings"

// Settle ends a batch of lines: what is unfinished is copied, so that the Joiner holds on to nothing of the lines' own memory
// (a buffer that a batch shares), however long it waits for the next one. Without it events come out the same. Only what
// came since the last Settle costs anything.
func (j *Joiner) Settle() {
	for _, g := range j.groups {
		g.lane = j.arena.copy(g.lane)
		if g.ev != nil {
			j.settle(g.ev)
		}
	}
	j.probed = head{}
	j.fin.settle()
}

// settle copies the lines of an event that are not its own yet, and reads the first one again: what was read are parts of it.
func (j *Joiner) settle(e *event) {
	for i := e.own; i < len(e.pieces); i++ {
		j.keep(&e.pieces[i])
	}
	if e.own == 0 {
		first := piece{raw: e.raw, body: e.body}
		j.keep(&first)
		notes := e.notes
		e.h, e.settled, e.notes = head{}, false, nil // it was noted when it came
		j.unwrap(first.raw, e)
		j.readFirst(e, first.raw, first.body)
		e.readSecond()
		e.notes = notes
	}
	e.own = len(e.pieces)
}

// keep gives a line memory of its own.
func (j *Joiner) keep(p *piece) {
	raw := j.arena.copy(p.raw)
	if strings.HasSuffix(p.raw, p.body) {
		p.body = raw[len(raw)-len(p.body):]
	} else {
		p.body = j.arena.copy(p.body)
	}
	p.raw = raw
}
