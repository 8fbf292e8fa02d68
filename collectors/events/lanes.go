package events

// Which writer a line is of, and how many unfinished events wait for theirs.

// group is what is unfinished of one lane.
type group struct {
	lane    string
	parked  bool // another thread of the lane goes on meanwhile
	ev      *event
	parts   []piece // of a line that the container engine split
	partLen int
	first   origin // of the first part
	seq     uint64
}

// resume looks for a parked event of the same process and thread that the line goes on with.
func (j *Joiner) resume(g *group, e *event, p piece, out output) *group {
	for _, o := range j.groups {
		if !o.parked || o.lane != g.lane || !sameWriter(&o.ev.h, &e.h) {
			continue
		}
		if j.joins(o.ev, e, p) {
			p.body = indented(o.ev, e)
			o.ev.notes.resume(p.num, j.why, o.ev)
			o.ev.lastHeaded, o.seq = true, j.seq
			j.takeParts(g, o.ev)
			j.extend(o, p)
			if g.ev == nil && len(g.parts) == 0 {
				j.drop(g)
			}
			return o
		}
		o.ev.notes.over(p.num, j.why)
		j.emit(o, out)
		j.drop(o)
		return nil
	}
	return nil
}

// park sets the group's event aside, since a line of another thread came, and gives a new group for the lane.
func (j *Joiner) park(g *group) *group {
	g.parked = true
	j.parked++
	n := j.newGroup(g.lane)
	n.parts, g.parts = g.parts, n.parts
	n.partLen, g.partLen = g.partLen, 0
	n.first, g.first = g.first, origin{}
	j.cur = n
	return n
}

// lane gives the group of a lane and makes it the current one.
func (j *Joiner) lane(name string, out output) *group {
	if j.cur != nil {
		if j.cur.lane == name {
			return j.cur
		}
		if g := j.cur; len(g.parts) == 0 && !g.ev.open() {
			g.ev.notes.over(0, whyWriter)
			j.emit(g, out)
			if len(j.groups) == 1 { // the only one: it serves the next lane
				g.lane = name
				if j.last == g {
					j.last = nil
				}
				return g
			}
			j.drop(g)
		}
	}
	for i, g := range j.groups {
		if g.lane == name && !g.parked {
			copy(j.groups[i:], j.groups[i+1:])
			j.groups[len(j.groups)-1] = g
			j.cur = g
			return g
		}
	}
	j.cur = j.newGroup(name)
	return j.cur
}

// bound finishes events that waited too long, or are too many or too large.
func (j *Joiner) bound(out output) {
	for i := 0; i < len(j.groups); {
		g := j.groups[i]
		if g == j.cur && j.bytes <= j.cfg.MaxPending {
			i++
			continue
		}
		if len(j.groups) <= maxLanes && j.bytes <= j.cfg.MaxPending && j.seq-g.seq < maxAge {
			if i++; !g.parked && j.parked == 0 {
				return // the others are younger
			}
			continue
		}
		if g.ev != nil {
			g.ev.notes.over(0, whyWaited)
		}
		j.finish(g, out)
	}
}

func (j *Joiner) newGroup(lane string) *group {
	var g *group
	if n := len(j.freeGroups); n > 0 {
		g = j.freeGroups[n-1]
		j.freeGroups = j.freeGroups[:n-1]
	} else {
		g = &group{}
	}
	g.lane, g.seq = lane, j.seq
	j.groups = append(j.groups, g)
	return g
}

// drop forgets a group that has nothing unfinished.
func (j *Joiner) drop(g *group) {
	for i, o := range j.groups {
		if o == g {
			copy(j.groups[i:], j.groups[i+1:])
			j.groups[len(j.groups)-1] = nil
			j.groups = j.groups[:len(j.groups)-1]
			break
		}
	}
	if g.parked {
		j.parked--
	}
	if j.cur == g {
		j.cur = nil
	}
	if j.last == g {
		j.last = nil
	}
	clear(g.parts)
	*g = group{parts: g.parts[:0]}
	if len(j.freeGroups) < 8 {
		j.freeGroups = append(j.freeGroups, g)
	}
}
