package cluster

import "math/bits"

// What most of most messages is: words of the language with blanks between them, and a comma or a colon behind some. They are read
// here in one go; whatever might be more than a word is left to the scanner's general steps, which would read these in the same way.

// words writes the words that begin with the letter at s[i] and gives where to go on: at a run of letters from start to end that is no
// word, or might be none; with start = end at anything else.
//
// It calls nothing, so that what it counts stays in registers: that is half of its time. A run is copied behind the signature while it is
// read; what was copied of one that is no word is written over.
func (sc *scanner) words(s string, i int) (start, end int) {
	if len(s) < 8 {
		for end = i; end < len(s) && classes[s[end]]&clLetter != 0; end++ {
		}
		return i, end
	}
	w, ns, na := sc.w, sc.ns, sc.na
	most := sc.prefix + sigLimit - wordLimit - 1
	if sc.eq || sc.places {
		most = 0
	}
	special := &mayBeMore
	if sc.lastVar > 0 {
		special = &mayBelong
	}
	e := i
	for {
		var x uint64
		k, plain := 0, true
		for {
			if len(s)-e >= 8 {
				x = load8(s, e)
			} else {
				x = load8(s, len(s)-8) >> (8 * uint(e+8-len(s)))
			}
			if w <= most {
				store8(&sc.buf, w+k, x)
			}
			m := nonLetters(x)
			if m != 0 {
				z := bits.TrailingZeros64(m)
				e += z >> 3
				k += z >> 3
				x >>= uint(z) & 0x38
				break
			}
			e += 8
			k += 8
			plain = plain && (k > 8 || !hexLetters8(x)) // eight of them may be a number
			if k > wordLimit {
				for e < len(s) && classes[s[e]]&clLetter != 0 {
					e++
				}
				break
			}
		}
		c := byte(x) // what stands behind it, 0 at the end
		ends := classes[c]&clEnd != 0 || c == ':' && (e+1 >= len(s) || s[e+1] == ' ')
		if !ends || !plain || k > wordLimit || w >= most || ns >= varLimit-1 || special[k%wordLimit]>>(s[i]&63)&1 != 0 {
			break
		}
		special = &mayBeMore
		sc.spanBuf[ns] = newSpan(i, e, na, kindWord)
		ns++
		na++
		w += k
		if c == ',' || c == ':' {
			if e+1 >= len(s) || s[e+1] != ' ' {
				i = e
				break
			}
			sc.buf[w] = c
			w++
			e++
		} else if c != ' ' {
			i = e
			break
		}
		sc.buf[w] = ' '
		w++
		e++
		i = e
		if i >= len(s) || classes[s[i]]&clLetter == 0 {
			break
		}
	}
	if ns > sc.ns {
		sc.w, sc.ns, sc.na, sc.lastVar, sc.datePos = w, ns, na, 0, -1
	}
	return i, e
}

// wordSet is a few short words, by their length and the six lowest bits of their first letter, which tell letters apart.
type wordSet struct {
	begins [longestUnit + 1]uint64
	words  [longestUnit + 1][64][]string
}

func newWordSet(words ...string) (set wordSet) {
	for _, w := range words {
		n, c := len(w), w[0]&63
		set.begins[n] |= 1 << c
		set.words[n][c] = append(set.words[n][c], w)
	}
	return set
}

func (set *wordSet) has(s string) bool {
	if len(s) == 0 || len(s) > longestUnit || set.begins[len(s)]>>(s[0]&63)&1 == 0 {
		return false
	}
	for _, w := range set.words[len(s)][s[0]&63] {
		if w == s {
			return true
		}
	}
	return false
}

// mayBeMore says of which length and with which letter words begin that may be more than words, and mayBelong of those that may be part
// of what stands before them, too. They are as long as words may be.
var mayBeMore, mayBelong = func() (more, belong [wordLimit]uint64) {
	for n := range longestUnit + 1 {
		more[n] = constants.begins[n] | dateNames.begins[n]
		belong[n] = more[n] | units.begins[n] | zones.begins[n]
	}
	return more, belong
}()
