package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// An event with frames is identified by the exception's type and its own frames: the in-app ones, or the top ones where
// none is. Line numbers are left out, and so is everything in a name that a compiler, a bundler or a proxy makes up and
// that changes with the next build: counters of lambdas and anonymous classes, addresses, hashes. A frame counts once
// however deep the recursion was.

const (
	framesInApp = 32 // frames that make the fingerprint
	framesTop   = 3  // of those that are no application's
	framesSeen  = 512
	noteLimit   = 256
)

// fingerprint appends 32 hexadecimal characters that stand for r's stack.
func fingerprint(b []byte, r *incident.Record) []byte {
	h := sha256.New()
	h.Write([]byte(normalName(r.Exception)))
	seen := make(map[string]bool, 16)
	add := func(f *incident.Frame) {
		key := frameKey(f)
		if !seen[key] {
			seen[key] = true
			h.Write([]byte{'\n'})
			h.Write([]byte(key))
		}
	}
	frames := r.Frames[:min(len(r.Frames), framesSeen)]
	for i := range frames {
		if frames[i].InApp && len(seen) < framesInApp {
			add(&frames[i])
		}
	}
	if len(seen) == 0 {
		for i := range frames[:min(len(frames), framesTop)] {
			add(&frames[i])
		}
	}
	sum := h.Sum(nil)
	return hex.AppendEncode(b, sum[:16])
}

// frameKey is what of a frame survives a rebuild: its function, and its file where a function alone says little.
func frameKey(f *incident.Frame) string {
	return normalName(f.Function) + "\x00" + normalFile(f.File)
}

// normalFile gives a file's base name without what bundlers and deployments add: a query, a content hash, a line.
func normalFile(s string) string {
	s = clipName(s)
	if k := strings.IndexAny(s, "?#"); k >= 0 {
		s = s[:k]
	}
	if k := strings.LastIndexAny(s, `/\`); k >= 0 {
		s = s[k+1:]
	}
	for { // "app.js:10:5"
		k := strings.LastIndexByte(s, ':')
		if k < 0 || !digits(s[k+1:]) {
			break
		}
		s = s[:k]
	}
	// main.3f2a91bc.js, chunk-ABCD1234.js, index-BqX2_k3a.js: parts between dots and dashes that look like a hash go.
	var b strings.Builder
	from := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' && s[i] != '-' {
			continue
		}
		part := s[from:i]
		if from == 0 || !hashLike(part) {
			if from > 0 && b.Len() > 0 {
				b.WriteByte(s[from-1])
			}
			b.WriteString(part)
		}
		from = i + 1
	}
	return b.String()
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// hashLike says whether a part of a file's name is a content hash: 6 to 64 letters and digits with at least one digit,
// hexadecimal or in mixed case, or a bare number.
func hashLike(s string) bool {
	if digits(s) {
		return true
	}
	if len(s) < 6 || len(s) > 64 {
		return false
	}
	digit, lower, upper, hexa := false, false, false, true
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digit = true
		case c >= 'a' && c <= 'z':
			lower = true
			hexa = hexa && c <= 'f'
		case c >= 'A' && c <= 'Z':
			upper = true
			hexa = hexa && c <= 'F'
		case c != '_':
			return false
		}
	}
	return digit && (hexa || upper && (lower || len(s) >= 8))
}

// nameLimit bounds the names that are looked at, in bytes.
const nameLimit = 512

func clipName(s string) string {
	if len(s) > nameLimit {
		return s[:nameLimit]
	}
	return s
}

// normalName gives a function's or class's name without what is made up at build or run time.
func normalName(s string) string {
	s = clipName(s)
	if k := strings.Index(s, "{closure:"); k >= 0 { // PHP 8.4: {closure:/srv/a.php:12}
		if e := strings.IndexByte(s[k:], '}'); e > 0 {
			s = s[:k] + "{closure" + s[k+e:]
		}
	}
	if k := strings.Index(s, "class@anonymous"); k >= 0 { // PHP: class@anonymous\0/srv/a.php:12$0::run
		rest := ""
		if m := strings.LastIndex(s[k:], "::"); m > 0 {
			rest = s[k+m:]
		} else if m := strings.LastIndex(s[k:], "->"); m > 0 {
			rest = s[k+m:]
		}
		s = s[:k] + "class@anonymous" + rest
	}
	for _, m := range []string{"$$EnhancerBySpringCGLIB$$", "$$FastClassBySpringCGLIB$$", "$$SpringCGLIB$$", "$$EnhancerByCGLIB$$",
		"$$EnhancerByGuice$$", "_spring_CGLIB$$", "$HibernateProxy$", "$MockitoMock$", "$ByteBuddy$", "_$$_jvst", "_$$_javassist_", "$$_WeldClientProxy"} {
		if k := strings.Index(s, m); k >= 0 {
			e := k + len(m)
			for e < len(s) && s[e] != '.' && s[e] != ':' {
				e++
			}
			s = s[:k] + s[e:]
		}
	}
	if plainName(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '/' && strings.HasPrefix(s[i:], "/0x"), strings.HasPrefix(s[i:], "0x") && (i == 0 || !letter(s[i-1])):
			// An address: of a hidden class "$$Lambda$14/0x0000000800c8b840", of a Go argument "(0xc000112000)".
			i += strings.Index(s[i:], "0x") + 2
			for i < len(s) && hexDigit(s[i]) {
				i++
			}
		case c == 'h' && i >= 2 && s[i-2:i] == "::" && len(s)-i == 17 && allHex(s[i+1:]):
			// The hash at the end of a Rust symbol.
			b = b[:len(b)-2]
			i = len(s)
		case c >= '0' && c <= '9' && counter(s, i):
			for i < len(s) && s[i] >= '0' && s[i] <= '9' {
				i++
			}
		default:
			b = append(b, c)
			i++
		}
	}
	return strings.TrimRight(string(b), "$.")
}

func plainName(s string) bool {
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			return false
		}
	}
	return !strings.HasSuffix(s, "$") && !strings.HasSuffix(s, ".")
}

// counter says whether the digits at s[i] are a counter of the compiler's, going by what is before them.
func counter(s string, i int) bool {
	for k := i; k < len(s) && s[k] >= '0' && s[k] <= '9'; k++ {
		if k-i > 20 {
			return true
		}
	}
	before := s[:i]
	if before == "" {
		return false
	}
	switch before[len(before)-1] {
	case '$', '#', '@', '+': // Foo$1, {closure#0}, Object@1f, ghost frames
		return true
	case '.':
		return true // main.run.func1.2
	case '(':
		return true // block (2 levels) in run
	}
	for _, m := range []string{"Proxy", "jdk.proxy", "Accessor", "func", "gowrap", "Lambda", "lambda", "lambda_method", "d__", "b__", "g__", "c__",
		"DisplayClass", "anonfun", "anon", "closure", "fn_", "__"} {
		if strings.HasSuffix(before, m) {
			return true
		}
	}
	// The second number of "DisplayClass3_0" and "b__1_0".
	if strings.HasSuffix(before, "_") && (strings.Contains(before, "__") || strings.Contains(before, "DisplayClass")) {
		return true
	}
	// "func1" may be followed by "-range1"; "|0_1" ends a .NET local function.
	return strings.HasSuffix(before, "-range") || strings.HasSuffix(before, "|")
}

func letter(c byte) bool   { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' }
func hexDigit(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

func allHex(s string) bool {
	for i := range len(s) {
		if !hexDigit(s[i]) {
			return false
		}
	}
	return true
}

// note gives what a template says of the stack: " (java.sql.SQLException at Orders.place)".
func note(r *incident.Record) string {
	if len(r.Frames) == 0 {
		return ""
	}
	top := &r.Frames[0]
	for i := range r.Frames {
		if r.Frames[i].InApp {
			top = &r.Frames[i]
			break
		}
	}
	where := normalName(top.Function)
	if where == "" {
		where = normalFile(top.File)
	}
	kind := normalName(r.Exception)
	s := ""
	switch {
	case kind != "" && where != "":
		s = kind + " at " + where
	case kind != "":
		s = kind
	default:
		s = "at " + where
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > noteLimit-4 {
		s = strings.ToValidUTF8(s[:noteLimit-4], "")
	}
	return " (" + s + ")"
}
