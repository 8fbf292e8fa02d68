package events

// The lines of a structured source have the same keys in the same order, but for a few. A keyMemo is scratch memory of a
// reader that holds what the last line had at each place, so that a key is compared and not looked for its end and its
// meaning again. Where a line has another key there, it is read as any other and takes the place. What is read does
// not depend on the memo.
type keyMemo [keyMemoSize]memoKey

const (
	keyMemoSize = 24
	keyMemoText = 30
)

// memoKey is a key with what stands around it: "time": in JSON, time= in logfmt.
type memoKey struct {
	n    uint8
	role role
	text [keyMemoText]byte
}

// keyMemos are a reader's, one for each syntax.
type keyMemos struct{ json, logfmt keyMemo }

// recall gives how many bytes of s the i-th key takes where it is the one of the last line, and its role; else 0.
func (m *keyMemo) recall(i int, s string) (int, role) {
	if m == nil || i >= keyMemoSize {
		return 0, roleNone
	}
	e := &m[i]
	n := int(e.n)
	if n == 0 || n > len(s) || s[:n] != string(e.text[:n]) {
		return 0, roleNone
	}
	return n, e.role
}

// remember keeps the i-th key of a line, with what stands around it.
func (m *keyMemo) remember(i int, text string, ro role) {
	if m == nil || i >= keyMemoSize || len(text) > keyMemoText {
		return
	}
	e := &m[i]
	e.n, e.role = uint8(len(text)), ro
	copy(e.text[:], text)
}
