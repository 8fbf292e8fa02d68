package cluster

// What the scanner writes: words, variable parts, pins, and how variable parts next to each other become one.

// variable writes the variable part s[from:to], collapsed into the one before if only punctuation is between them.
func (sc *scanner) variable(s string, from, to int, kind uint8) {
	if sc.datePos >= 0 {
		if kind == kindStrong && s != "" { // the names before it belong to the date
			sc.w = sc.dateW
			sc.na = sc.datePos
			from = sc.spanBuf[sc.dateSpan].from()
			sc.ns = sc.dateSpan
		}
		sc.datePos = -1
	}
	if sc.lastVar > 0 && joins(sc.buf[sc.lastVar:sc.w]) {
		sc.w = sc.lastVar
		sc.addSpan(from, to, sc.na-1, kind|collapsed)
		return
	}
	if sc.places {
		n := uint16(sc.w - sc.prefix)
		sc.atomBuf[sc.na] = place{n, n + 1, kind}
	}
	sc.put(varMark)
	sc.lastVar = sc.w
	sc.addSpan(from, to, sc.na, kind)
	sc.na++
}

// glue adds s[from:to] to the variable part just written.
func (sc *scanner) glue(from, to int, kind uint8) {
	sc.addSpan(from, to, sc.na-1, kind|glued)
}

func (sc *scanner) addSpan(from, to, pos int, what uint8) {
	sc.spanBuf[sc.ns] = newSpan(from, to, pos, what)
	sc.ns++
	if sc.w-sc.prefix > sigLimit || sc.na >= atomLimit-2 || sc.ns >= varLimit {
		sc.full = true
	}
}

// word writes the word s[from:to], whose bytes are behind the signature already.
func (sc *scanner) word(s string, from, to int) {
	if sc.lastVar > 0 && to-from <= longestUnit {
		gap := sc.w - sc.lastVar
		if last := sc.spanBuf[sc.ns-1]; last.kind() == kindStrong && (gap == 0 || gap == 1 && sc.buf[sc.lastVar] == ' ') &&
			(units.has(s[from:to]) || zone(s[last.from():last.to()], s[from:to])) {
			sc.w = sc.lastVar
			sc.glue(from, to, kindWeak)
			return
		}
	}
	if to-from == 3 && dateNames.has(s[from:to]) {
		if sc.lastVar > 0 && joins(sc.buf[sc.lastVar:sc.w]) && sc.spanBuf[sc.ns-1].kind() == kindStrong {
			sc.variable(s, from, to, kindStrong)
			return
		}
		if sc.datePos < 0 {
			sc.datePos, sc.dateSpan, sc.dateW = sc.na, sc.ns, sc.w
		}
	} else {
		sc.datePos = -1
	}
	sc.lastVar = 0
	if sc.places {
		n := uint16(sc.w - sc.prefix)
		sc.atomBuf[sc.na] = place{n, n + uint16(to-from), kindWord}
	}
	sc.w += to - from
	sc.addSpan(from, to, sc.na, kindWord)
	sc.na++
}

// pinned writes text that is never merged away: a pin, or the name of the operator's mask, which is named.
func (sc *scanner) pinned(text string, from, to int, what uint8) {
	sc.eq, sc.lastVar, sc.datePos = false, 0, -1
	n := uint16(sc.w - sc.prefix)
	sc.put(pinMark)
	sc.w += copy(sc.buf[sc.w:], text)
	sc.put(pinMark)
	sc.atomBuf[sc.na] = place{n, uint16(sc.w - sc.prefix), kindPin}
	sc.addSpan(from, to, sc.na, kindPin|what)
	sc.na++
}

// closeGroup collapses "VAR (VAR" to VAR when the bracket c closes and the first is a number, "1024 (1.0 KB)". A name or
// an address may be a word elsewhere, and then nothing would collapse.
func (sc *scanner) closeGroup(s string, c byte) bool {
	n := sc.w
	if n-sc.prefix < 3 || sc.na < 2 || closing(sc.buf[n-2]) != c {
		return false
	}
	k := n - 2
	if sc.buf[k-1] == ' ' {
		k--
	}
	if k-1 < sc.prefix || sc.buf[k-1] != varMark {
		return false
	}
	last := sc.na - 1
	j := sc.ns - 1
	for j >= 0 && sc.spanBuf[j].pos() == last {
		j--
	}
	if j < 0 {
		return false
	}
	number := sc.spanBuf[j]
	if number.what()&glued != 0 && j > 0 { // its unit
		number = sc.spanBuf[j-1]
	}
	if !decimal(s[number.from():number.to()]) {
		return false
	}
	for j++; j < sc.ns; j++ {
		sp := sc.spanBuf[j]
		what := sp.what()
		if what&glued == 0 {
			what |= collapsed
		}
		sc.spanBuf[j] = newSpan(sp.from(), sp.to(), last-1, what)
	}
	sc.na = last
	sc.w, sc.lastVar = k, k
	return true
}

// emptyValue stands for the value that is missing after "=", so that "a= b=1" and "a=1 b=1" are the same.
func (sc *scanner) emptyValue() {
	sc.eq = false
	space := false
	if n := sc.w; n > sc.prefix && sc.buf[n-1] == ' ' {
		sc.w, space = n-1, true
	}
	sc.variable("", sc.eqAt, sc.eqAt, kindWeak)
	if space {
		sc.put(' ')
	}
}
