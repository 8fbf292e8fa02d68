package events

import (
	"math/bits"
	"strings"
)

// keyEnd gives the index of the "=" of the key that s begins with, 0 where s does not begin with key=.
func keyEnd(s string) int {
	i := 0
	for i < len(s) && i < 64 && (isWord(s[i]) || s[i] == '.' || s[i] == '-' || s[i] == '@') {
		i++
	}
	if i > 0 && at(s, i) == '=' {
		return i
	}
	return 0
}

// readLogfmt reads key=value pairs. A line is taken for logfmt when it begins with a pair and has a level or a message
// among its fields, or a time and another known field.
func (r *reader) readLogfmt(s string, h *head) bool {
	save := *h
	f := fields{h: h, r: r}
	pairs, words := 0, 0
	loose := 0 // single quotes without their end
	rest := 0  // where what is not time or level begins
	var memo *keyMemo
	if r.keys != nil {
		memo = &r.keys.logfmt
	}
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		n, ro := memo.recall(pairs, s[i:])
		k := n - 1
		if n == 0 {
			k = keyEnd(s[i:])
		}
		if k <= 0 {
			words++
			for i < len(s) && s[i] != ' ' {
				i++
			}
			if words > pairs+4 {
				break
			}
			continue
		}
		if n == 0 {
			ro = pairRole(s[i : i+k])
			memo.remember(pairs, s[i:i+k+1], ro)
		}
		i += k + 1
		var v jsonString
		if at(s, i) == '"' {
			p := jsonScan{s: s, i: i}
			var ok bool
			if v, ok = p.str(); !ok {
				v = jsonString{raw: s[i+1:]}
				p.i = len(s)
			}
			i = p.i
			r.work += p.work
		} else if e := singleQuoted(s, i, &loose); e > 0 { // lograge
			v.raw = s[i+1 : e]
			i = e + 1
		} else {
			e := blankFrom(s, i)
			v.raw = s[i:e]
			i = e
		}
		switch {
		case ro == roleNone:
		case isNumber(v.raw) && ro != roleMessage && ro != roleMessage2 && ro != roleError:
			f.number(ro, v.raw)
		default:
			f.text(ro, v)
		}
		if pairs == rest && (ro == roleTime || ro == roleLevel || ro == roleLogger) {
			rest++
			h.msg = strings.TrimLeft(s[i:], " ")
		}
		pairs++
	}
	if pairs == 0 || !(f.method && f.path && f.status != 0 || f.level != 0 || f.haveMsg && f.known > 1 || f.sawTime && f.known > 1) {
		*h = save
		return false
	}
	msg := h.msg
	if !f.haveMsg && f.second == "" {
		f.haveMsg = true // what stands behind time and level
		if msg == "" {
			msg = s
		}
	}
	f.finish(s)
	if f.second == "" || f.haveMsg {
		h.msg = msg
	}
	h.format, h.headed = FormatLogfmt, true
	return true
}

// pairRole gives the role of a pair's key.
func pairRole(key string) role {
	switch key {
	case "at": // Heroku's router
		return roleLevel
	case "event", "name", "c", "s":
		return roleNone
	}
	if ro := topRole(key); ro != roleInside {
		return ro
	}
	return roleNone
}

// blankFrom gives where the first blank or tab from i on is, the end of s where there is none.
func blankFrom(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if m := hasByte(load64(s[i:]), ' ', '\t'); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for i < len(s) && s[i] != ' ' && s[i] != '\t' {
		i++
	}
	return i
}

// An apostrophe may stand anywhere. So the end of a value in single quotes is looked for only so far, and no more once a
// line had a few that had none.
const (
	maxSingleQuoted = 1024
	maxLooseQuotes  = 8
)

// singleQuoted gives the index of the quote that ends the value in single quotes at i, 0 where there is none.
func singleQuoted(s string, i int, loose *int) int {
	if at(s, i) != '\'' || *loose > maxLooseQuotes {
		return 0
	}
	for e := i + 1; e < len(s) && e < i+maxSingleQuoted; e++ {
		if s[e] == '\'' && (e+1 == len(s) || s[e+1] == ' ') {
			return e
		}
	}
	*loose++
	return 0
}

func isNumber(s string) bool {
	if s == "" || !isDigit(s[0]) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) && s[i] != '.' {
			return false
		}
	}
	return true
}
