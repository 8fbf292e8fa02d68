package cluster

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// An event with frames is identified by the exception's type and its own frames: the in-app ones, or the top ones where
// none is. Line numbers are left out, and so is everything in a name that a compiler, a bundler or a proxy makes up and
// that changes with the next build: counters of lambdas and anonymous classes, addresses, hashes.
//
// Only the nearest own frames count, and those down to where one comes again: how deep a recursion was, and how much of the
// stack was cut for it, must not matter, and neither must a thread pool or a server below. The ways to one bug through
// different entry points of the service's own (two routes that call the same function) stay two clusters where they are
// near: to open two incidents for one bug is the smaller harm than to hide one bug in another's.

const (
	framesInApp = 8 // own frames that make the fingerprint
	framesTop   = 3 // of those that are no application's
	framesSeen  = 512
	noteLimit   = 256
)

// fingerprint appends 32 hexadecimal characters that stand for r's stack. It tells used, where that is not nil, of each frame
// that they are made of.
func fingerprint(b []byte, r *incident.Record, used func(frame int)) []byte {
	var room [1024]byte
	key := appendName(room[:0], r.Exception)
	var starts [framesInApp]int // of the frames' keys, each behind its "\n"
	n := 0
	add := func(f *incident.Frame) (again bool) {
		from := len(key)
		key = append(key, '\n')
		key = appendName(key, f.Function)
		key = append(key, 0)
		key = appendFile(key, f.File)
		for i, at := range starts[:n] {
			end := from
			if i+1 < n {
				end = starts[i+1]
			}
			if string(key[at:end]) == string(key[from:]) {
				key = key[:from]
				return true
			}
		}
		starts[n] = from
		n++
		return false
	}
	frames := r.Frames[:min(len(r.Frames), framesSeen)]
	for i := range frames {
		f := &frames[i]
		if !f.InApp || inlined(f.Function) {
			continue
		}
		if add(f) {
			break
		}
		if used != nil {
			used(i)
		}
		if n == framesInApp {
			break
		}
	}
	if n == 0 {
		for i := range frames[:min(len(frames), framesTop)] {
			if !add(&frames[i]) && used != nil {
				used(i)
			}
		}
	}
	sum := sha256.Sum256(key)
	return hex.AppendEncode(b, sum[:16])
}

// inlined says whether a frame is there with one version of the language and not with the next: Python 3.12 gives
// comprehensions no frame of their own.
func inlined(function string) bool {
	return function == "<listcomp>" || function == "<dictcomp>" || function == "<setcomp>"
}

// appendName appends normalName(s). Most names have nothing to take off.
func appendName(b []byte, s string) []byte {
	s = clipName(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c == '$', c == '{', c == '@', c == '<', c == '[':
			return appendNormal(b, s)
		}
	}
	if strings.HasSuffix(s, ".") || strings.IndexByte(s, '.') > 0 && strings.HasSuffix(s, ".cold") {
		return appendNormal(b, s)
	}
	return append(b, s...)
}

// appendFile appends normalFile(s).
func appendFile(b []byte, s string) []byte {
	s = clipName(s)
	if k := strings.IndexAny(s, "?#"); k >= 0 {
		s = s[:k]
	}
	if k := strings.LastIndexAny(s, `/\`); k >= 0 {
		s = s[k+1:]
	}
	for i := range len(s) {
		if c := s[i]; c >= '0' && c <= '9' || c == ':' {
			return appendParts(b, s)
		}
	}
	return append(b, s...)
}

// normalFile gives a file's base name without what bundlers and deployments add: a query, a content hash, a line.
func normalFile(s string) string { return string(appendFile(nil, s)) }

// appendParts appends a base name that may have something to take off.
func appendParts(b []byte, s string) []byte {
	for { // "app.js:10:5"
		k := strings.LastIndexByte(s, ':')
		if k < 0 || !digits(s[k+1:]) {
			break
		}
		s = s[:k]
	}
	// main.3f2a91bc.js, chunk-ABCD1234.js, index-BqX2_k3a.js: parts between dots and dashes that look like a hash go.
	from, start := 0, len(b)
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '.' && s[i] != '-' {
			continue
		}
		part := s[from:i]
		if from == 0 || !hashLike(part) {
			if from > 0 && len(b) > start {
				b = append(b, s[from-1])
			}
			b = append(b, part...)
		}
		from = i + 1
	}
	return b
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// hashLike says whether a part of a file's name is a content hash: 5 to 64 hexadecimal digits or 6 to 64 letters and digits
// in mixed case, with at least one digit; or a bare number.
func hashLike(s string) bool {
	if digits(s) {
		return true
	}
	if len(s) < 5 || len(s) > 64 {
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
	return digit && (hexa || len(s) >= 6 && upper && (lower || len(s) >= 8))
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
	var room [64]byte
	return string(appendName(room[:0], s))
}

// appendNormal is appendName for a name that may have something to take off.
func appendNormal(b []byte, s string) []byte {
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
	for _, m := range proxies(s) {
		if k := strings.Index(s, m); k >= 0 {
			e := k + len(m)
			for e < len(s) && s[e] != '.' && s[e] != ':' {
				e++
			}
			s = s[:k] + s[e:]
		}
	}
	s = nativeName(s)
	if plainName(s) {
		return append(b, s...)
	}
	from := len(b)
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
			b = b[:max(len(b)-2, from)]
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
	return b[:from+len(clones(bytes.TrimRight(b[from:], "$.")))]
}

// clones takes off what compilers of C put behind the name of a function that they split or specialised: "place.part.3".
func clones(s []byte) []byte {
	for {
		t := s
		for _, suffix := range [...]string{".cold", ".isra", ".part", ".constprop", ".llvm"} {
			if n := len(t) - len(suffix); n > 0 && string(t[n:]) == suffix {
				t = bytes.TrimRight(t[:n], ".")
			}
		}
		if len(t) == len(s) {
			return s
		}
		s = t
	}
}

// proxies gives what marks a class made by a library that s may have: whatever follows up to the method is made up.
func proxies(s string) []string {
	if strings.IndexByte(s, '$') < 0 {
		return nil
	}
	return []string{"$$EnhancerBySpringCGLIB$$", "$$FastClassBySpringCGLIB$$", "$$SpringCGLIB$$", "$$EnhancerByCGLIB$$",
		"$$EnhancerByGuice$$", "_spring_CGLIB$$", "$HibernateProxy$", "$MockitoMock$", "$ByteBuddy$", "_$$_jvst", "_$$_javassist_", "$$_WeldClientProxy"}
}

// nativeName takes off what a symbol of C++ or Rust has that the next build may change: template arguments, ABI tags, the
// hash of a crate.
func nativeName(s string) string {
	if strings.IndexByte(s, '[') >= 0 {
		if k := strings.Index(s, " [clone "); k > 0 {
			s = s[:k]
		}
		s = strings.ReplaceAll(s, "[abi:cxx11]", "")
		for from := 0; ; {
			k := strings.IndexByte(s[from:], '[')
			if k < 0 {
				break
			}
			k += from
			if len(s) > k+17 && s[k+17] == ']' && allHex(s[k+1:k+17]) {
				s = s[:k] + s[k+18:]
			} else {
				k++
			}
			from = k
		}
	}
	// Template arguments stand right behind a name and before "::", "(" or the end; <init>, <Place>d__3 and ::<T> do not.
	for from := 0; ; {
		k := strings.IndexByte(s[from:], '<')
		if k < 0 {
			return s
		}
		k += from
		from = k + 1
		if k == 0 || !letter(s[k-1]) || strings.HasSuffix(s[:k], "operator") {
			continue
		}
		depth, e := 0, k
		for ; e < len(s); e++ {
			if s[e] == '<' {
				depth++
			} else if s[e] == '>' && s[e-1] != '-' {
				if depth--; depth == 0 {
					break
				}
			}
		}
		if depth != 0 {
			return s
		}
		if e+1 == len(s) || s[e+1] == '(' || strings.HasPrefix(s[e+1:], "::") {
			s = s[:k] + s[e+1:]
			from = k
		}
	}
}

func plainName(s string) bool {
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			return false
		}
	}
	return !strings.HasSuffix(s, "$") && !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, ".cold")
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
		"DisplayClass", "anonfun", "anon", "closure", "fn_", "__", "lambda-", "fun-"} {
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
