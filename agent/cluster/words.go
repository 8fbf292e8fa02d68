package cluster

import "math/bits"

// What most of most messages is: words of the language with blanks between them, and a comma or a colon behind some. They are read
// here in one go; whatever might be more than a word is left to the scanner's general steps, which would read these in the same way.

// words writes the words that begin with the letter at s[i] and gives where to go on: at a run of letters from start to end that is no
// word, or might be none; with start = end at anything else.
//
// It calls nothing on its way, so that what it counts stays in registers: that is half of its time. A run is copied behind the signature
// while it is read, with what stands behind it; what was copied of one that is no word is written over.
func (sc *scanner) words(s string, i int) (start, end int) {
	last := len(s) - 8
	if sc.eq || sc.places || last < 0 {
		return i, lettersEnd(s, i)
	}
	w, ns, na := sc.w, sc.ns, sc.na
	most := sc.prefix + sigLimit - wordLimit - 1
	special := &mayBeMore
	if sc.lastVar > 0 {
		special = &mayBelong
	}
	for {
		if end = i; w >= most || ns >= varLimit-1 {
			end = lettersEnd(s, i)
			break
		}
		var x uint64
		if i <= last {
			x = load8(s, i)
		} else {
			x = load8(s, last) >> (8 * uint(i-last))
		}
		store8(&sc.buf, w, x)
		first := x & 63
		k, number := 8, false
		if m := nonLetters(x); m != 0 {
			z := bits.TrailingZeros64(m)
			if z < 8 {
				break // behind a word, and no letter
			}
			k = z >> 3
			x >>= uint(z) & 0x38
		} else {
			number = hexLetters8(x)
			for ; k <= wordLimit; k += 8 {
				if i+k <= last {
					x = load8(s, i+k)
				} else {
					x = load8(s, last) >> (8 * uint(i+k-last))
				}
				store8(&sc.buf, w+k, x)
				if m := nonLetters(x); m != 0 {
					z := bits.TrailingZeros64(m)
					k += z >> 3
					x >>= uint(z) & 0x38
					break
				}
			}
			if k > wordLimit {
				end = lettersEnd(s, i)
				break
			}
		}
		c := byte(x) // what stands behind it, 0 at the end
		more := number || special[uint8(k)]>>first&1 != 0
		if c == ' ' && !more { // as most do
			special = &mayBeMore
			sc.spanBuf[ns] = newSpan(i, i+k, na, kindWord)
			ns++
			na++
			w += k + 1
			i += k + 1
			continue
		}
		end = i + k
		spaced := end+1 >= len(s) || s[end+1] == ' '
		if more || classes[c]&clEnd == 0 && (c != ':' || !spaced) {
			break
		}
		special = &mayBeMore
		sc.spanBuf[ns] = newSpan(i, end, na, kindWord)
		ns++
		na++
		w += k
		i = end
		if c != ',' && c != ':' || end+1 >= len(s) || !spaced {
			break
		}
		sc.buf[w], sc.buf[w+1] = c, ' '
		w += 2
		i += 2
	}
	if ns > sc.ns {
		sc.w, sc.ns, sc.na, sc.lastVar, sc.datePos = w, ns, na, 0, -1
	}
	return i, end
}

// lettersEnd gives the end of the letters that begin at s[i].
func lettersEnd(s string, i int) int {
	for i < len(s) && classes[s[i]]&clLetter != 0 {
		i++
	}
	return i
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
// of what stands before them, too. A byte is enough for the length of a word, and needs no look whether it is too large.
var mayBeMore, mayBelong = func() (more, belong [256]uint64) {
	for n := range longestUnit + 1 {
		more[n] = constants.begins[n] | dateNames.begins[n]
		belong[n] = more[n] | units.begins[n] | zones.begins[n]
	}
	return more, belong
}()
