package events

import "strconv"

// readJSON reads a line that is one JSON object. It says no, and leaves h as it was, where the line is none.
func (r *reader) readJSON(s string, h *head) bool {
	for s != "" && jsonBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return false
	}
	save := *h
	f := fields{h: h, r: r}
	p := jsonScan{s: s, i: 1}
	ok := p.peek() == '}' || f.object(&p, roleInside, "", 1)
	ok = ok && p.end()
	r.work += p.work
	if !ok {
		*h = save
		return false
	}
	h.format, h.headed, h.whole = FormatJSON, true, true
	f.finish(s)
	return true
}

// maxFieldDepth is how deep objects are looked into; what is deeper is stepped over.
const maxFieldDepth = 8

// object reads the members of an object up to its closing brace; p stands at the first member.
func (f *fields) object(p *jsonScan, outer role, name string, depth int) bool {
	var memo *keyMemo // of the outermost object
	if depth == 1 && f.r.keys != nil {
		memo = &f.r.keys.json
	}
	for i := 0; ; i++ {
		key, ro, ok := f.key(p, memo, i, outer, name)
		if !ok {
			return false
		}
		switch p.peek() {
		case '"':
			v, ok := p.str()
			if !ok {
				return false
			}
			switch ro {
			case roleNone:
			case roleMethod:
				f.method = true
			case rolePath:
				f.path = true
			default:
				f.text(ro, v)
			}
		case '{':
			if ok := f.nested(p, outer, ro, key, depth); !ok {
				return false
			}
		case '[':
			if ro == roleStack || ro == roleErrStack || ro == roleError {
				if !f.array(p, ro, depth) {
					return false
				}
			} else if !p.skip() {
				return false
			}
		case 0:
			return false
		default:
			v, ok := p.scalar()
			if !ok {
				return false
			}
			if ro != roleNone {
				f.number(ro, v)
			}
		}
		if !p.comma() {
			return p.peek() == '}'
		}
	}
}

// key reads the i-th key of an object, with its colon.
func (f *fields) key(p *jsonScan, memo *keyMemo, i int, outer role, name string) (string, role, bool) {
	if memo != nil {
		if at(p.s, p.i) == ' ' {
			p.i++
		}
		if n, ro := memo.recall(i, p.s[min(p.i, len(p.s)):]); n > 0 {
			p.i += n
			p.work += n
			return p.s[p.i-n+1 : p.i-2], ro, true
		}
	}
	k, ok := p.key()
	if !ok {
		return "", roleNone, false
	}
	if k.esc {
		key := k.text()
		return key, nestedRole(outer, name, key), true
	}
	ro := nestedRole(outer, name, k.raw)
	if n := len(k.raw) + 3; p.s[p.i-2] == '"' { // no blank before the colon
		memo.remember(i, p.s[p.i-n:p.i], ro)
	}
	return k.raw, ro, true
}

// nested reads, or steps over, the object that p stands at.
func (f *fields) nested(p *jsonScan, outer, ro role, key string, depth int) bool {
	inside := outer == roleInside && depth <= 2 && wrapper(key)
	switch {
	case depth >= maxFieldDepth:
		return p.skip()
	case inside, ro == roleError, ro == roleInside, ro == roleTime:
	case ro == roleMessage && outer == roleInside: // Lambda logs an error as the message
		ro = roleInside
	case ro == roleSource, ro == roleThread && key == "thread":
	case name2(outer, key):
		ro = roleNone
	default:
		return p.skip()
	}
	p.i++
	if p.peek() == '}' {
		p.i++
		return true
	}
	ok := false
	switch ro {
	case roleTime:
		ok = f.timeObject(p)
	case roleSource:
		ok = f.source(p)
	case roleError:
		was := f.errDepth
		if f.errDepth++; f.errDepth > f.deepest {
			f.deepest = f.errDepth // what the cause says goes before what its wrapper says
		}
		ok = f.object(p, ro, key, depth+1)
		f.errDepth = was
	default:
		if inside {
			ro = roleNone
		}
		ok = f.object(p, ro, key, depth+1)
	}
	if !ok || p.peek() != '}' {
		return false
	}
	p.i++
	return true
}

// name2 says whether an object of that name holds something within an object that was looked into: {"http":{"response":{}}}.
func name2(outer role, key string) bool {
	return outer == roleNone && (key == "request" || key == "response")
}

// timeObject reads {"$date": "..."} (MongoDB) and {"epochSecond": n, "nanoOfSecond": n} (Log4j 2).
func (f *fields) timeObject(p *jsonScan) bool {
	var sec, nsec int64
	for {
		k, ok := p.key()
		if !ok {
			return false
		}
		if p.peek() == '"' {
			v, ok := p.str()
			if !ok {
				return false
			}
			f.text(roleTime, v)
		} else {
			start := p.i
			if !p.skip() {
				return false
			}
			n, _ := strconv.ParseInt(p.s[start:p.i], 10, 64)
			switch k.raw {
			case "epochSecond", "seconds":
				sec = n
			case "nanoOfSecond", "nanos":
				nsec = n
			}
		}
		if !p.comma() {
			break
		}
	}
	st := stamp{}
	if sec > 0 && st.setEpoch(sec, 10) && nsec >= 0 && nsec < 1e9 {
		st.nsec = int(nsec)
		f.h.time, f.h.timed = st.resolve(f.r.ref, f.r.loc), true
		f.known++
	}
	return true
}

// source reads where in the code a line was logged: {"file":"/srv/a.go","line":12}, with ECS's file in an object of its own.
func (f *fields) source(p *jsonScan) bool {
	file, line := "", ""
	for {
		k, ok := p.key()
		if !ok {
			return false
		}
		switch {
		case p.peek() == '"':
			v, ok := p.str()
			if !ok {
				return false
			}
			switch k.raw {
			case "file", "name", "filename":
				file = v.text()
			case "line":
				line = v.raw
			}
		default:
			start := p.i
			if !p.skip() {
				return false
			}
			if k.raw == "line" && isDigit(p.s[start]) {
				line = p.s[start:p.i]
			}
		}
		if !p.comma() {
			break
		}
	}
	if f.h.logger == "" && f.src == "" && file != "" {
		if f.src = file; line != "" {
			f.src += ":" + line
		}
	}
	return true
}
