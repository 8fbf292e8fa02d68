package events

import "strings"

// Numbers behind a header that only their columns tell from numbers of messages: Python's %(process)d and %(thread)d, with or without
// a module's name before them. What makes them ids is that they come in pairs, in every line, the second an address in memory or the
// same as the first, that there are few processes, and messages of any kind behind them.

// id reads a module's name, or a process' or thread's number.
func (c *columnScan) id(s string, what op) bool {
	n := tokenEnd(s, 0)
	t := s[:n]
	switch what {
	case opModule:
		if !moduleName(t) || alarming(t) {
			return false
		}
		c.logger = t
	case opPID:
		if n > 10 || run(s, 0, n) != n {
			return false
		}
		c.pid = t
	default:
		if n > 20 || run(s, 0, n) != n {
			return false
		}
		c.thread = t
	}
	c.i += n
	return true
}

// moduleName says whether t is an identifier, perhaps with dots.
func moduleName(t string) bool {
	for i := 0; i < len(t); i++ {
		if c := t[i]; !isWord(c) && (c != '.' && c != '-' || i+1 == len(t)) {
			return false
		}
	}
	return t != "" && (isLetter(t[0]) || t[0] == '_') && tokenKind(t) != kindUpper
}

// idColumns says whether the columns of a group that ends with a thread's number are ids: not numbers that messages begin with.
func (g *gathering) idColumns(group []step) bool {
	modules, pids := map[string]bool{}, map[string]bool{}
	follows := map[[2]string]bool{} // which words stand behind each module
	with := map[string]bool{}       // modules that words stand behind
	n, shortest := 0, 1<<10
	for i := range g.lines {
		l := &g.lines[i]
		c := columnScan{s: l.s, i: l.i}
		if l.gone || !c.all(group) {
			continue
		}
		n++
		modules[c.logger], pids[c.pid] = true, true
		if c.thread != c.pid { // the first thread's number is its process'
			shortest = min(shortest, len(c.thread))
		}
		k := skipSeparatorsAt(c.s, c.i)
		if t := c.s[k:tokenEnd(c.s, k)]; tokenKind(t) == kindPlain {
			follows[[2]string{c.logger, t}] = true
			with[c.logger] = true
		}
	}
	if shortest < pointerDigits {
		return false // two numbers that may as well be a status and a time
	}
	if len(follows) <= len(with) {
		return false // each has one word behind it, or other numbers: they are one sentence, or a table
	}
	return len(modules) <= max(6, n/3) && len(pids) <= max(4, n/8)
}

// pointerDigits are as many as no id has that is not an address.
const pointerDigits = 12

// all reads all columns of a group and says whether they were there.
func (c *columnScan) all(group []step) bool {
	for _, st := range group {
		if !c.step(st) {
			return false
		}
	}
	return true
}

// phrases says whether brackets hold a word and pairs of different keys behind it, as a message's own do: a layout has always the same.
func phrases(values map[string]int) bool {
	keys := map[string]bool{}
	k, n := 0, 0
	for v, times := range values {
		n += times
		if s := phraseKeys(v); s != "" {
			keys[s] = true
			k += times
		}
	}
	return len(keys) >= 3 && k*3 > n
}

// phraseKeys gives the keys of "[word key=value, key=value]", "" where a bracket is anything else.
func phraseKeys(v string) string {
	keys := ""
	for i, f := range strings.Fields(v[1 : len(v)-1]) {
		k := strings.IndexByte(f, '=')
		if i == 0 && k >= 0 {
			return ""
		}
		if k > 0 {
			keys += f[:k] + " "
		}
	}
	return keys
}
