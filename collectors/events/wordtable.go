package events

// wordTable finds a word among a few dozen, whatever its case. Readers ask of every word of a line whether it is one of
// them, and nearly none is: most are told apart by their length and first letter, the others by a slot that is free.
type wordTable[T any] struct {
	shapes [256]uint32           // by the first letter: a bit for each length that a word with it has
	slots  [wordTableSlots]uint8 // 1 + the word's index, 0 where a slot is free
	words  []string
	values []T
}

// wordTableSlots is a power of two, and about four times the words of the largest table.
const (
	wordTableSlots = 512
	wordTableShift = 32 - 9
)

// newWordTable makes a table of words in lower case, of two bytes or more each, which begin with a letter.
func newWordTable[T any](words map[string]T) *wordTable[T] {
	t := &wordTable[T]{}
	for w, v := range words {
		t.words, t.values = append(t.words, w), append(t.values, v)
		t.shapes[w[0]] |= 1 << len(w)
		k := wordSlot(w)
		for t.slots[k] != 0 {
			k = (k + 1) % wordTableSlots
		}
		t.slots[k] = uint8(len(t.words))
	}
	return t
}

// find gives what the table has for w.
func (t *wordTable[T]) find(w string) (v T, ok bool) {
	if len(w) < 2 || t.shapes[w[0]|0x20]>>len(w)&1 == 0 {
		return v, false
	}
	for k := wordSlot(w); t.slots[k] != 0; k = (k + 1) % wordTableSlots {
		if i := t.slots[k] - 1; fold(w, t.words[i]) {
			return t.values[i], true
		}
	}
	return v, false
}

// wordSlot gives where to look for a word first.
func wordSlot(w string) uint32 {
	h := uint32(w[0]|0x20) | uint32(w[1]|0x20)<<8 | uint32(w[len(w)-1]|0x20)<<16 | uint32(len(w))<<24
	return h * 0x9e3779b1 >> wordTableShift
}
