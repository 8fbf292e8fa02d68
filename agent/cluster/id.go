package cluster

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

const idPrefix = "lw-"

// idBits is what twelve base32 characters hold.
const idBits = 60

var idEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// makeRef hashes a signature with its prefix (service and stack).
func makeRef(sig []byte) Ref {
	sum := sha256.Sum256(sig)
	return Ref(binary.BigEndian.Uint64(sum[:]) >> (64 - idBits))
}

// String gives the id that ref was when it was made: "lw-" and twelve characters.
func (r Ref) String() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(r)<<(64-idBits))
	var text [13]byte
	idEncoding.Encode(text[:], b[:])
	return idPrefix + string(text[:12])
}

// ParseID gives the handle of an id, false where the text is none.
func ParseID(id string) (Ref, bool) {
	rest, ok := strings.CutPrefix(id, idPrefix)
	if !ok || len(rest) != 12 {
		return 0, false
	}
	var n uint64
	for i := range 12 {
		c := rest[i]
		switch {
		case c >= 'a' && c <= 'z':
			n = n<<5 | uint64(c-'a')
		case c >= '2' && c <= '7':
			n = n<<5 | uint64(c-'2'+26)
		default:
			return 0, false
		}
	}
	return Ref(n), true
}
