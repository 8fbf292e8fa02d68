package cluster

import "strings"

// What an atom is, going by its shape alone: addresses, paths, values, units. None of these functions knows the words
// of any particular log.

func closing(c byte) byte {
	switch c {
	case '(':
		return ')'
	case '[':
		return ']'
	case '{':
		return '}'
	}
	return 0
}

// valueKind says whether a variable part is numeric-like: a number with what stands around it, a hexadecimal one, or
// something with so many digits in a row that nobody would call it a name.
func valueKind(s string, fl class) uint8 {
	if fl&clDigit == 0 {
		if constants.has(s) || hexNumber(s) || len(s) > wordLimit {
			return kindStrong
		}
		return kindWeak
	}
	if classes[s[0]]&clDigit != 0 || len(s) > 1 && s[0] == '-' && classes[s[1]]&clDigit != 0 || // "17", "1.5e3", "30s", "2nd"
		fl&(clNonHex|clSlash) == 0 || digitRun(s, 4) {
		return kindStrong
	}
	return kindWeak
}

// decimal says whether s is a plain number: digits with at most one dot.
func decimal(s string) bool {
	dots := 0
	for i := range len(s) {
		if s[i] == '.' {
			dots++
		} else if classes[s[i]]&clDigit == 0 && s[i] != '-' {
			return false
		}
	}
	return dots < 2
}

// digitRun says whether s has n digits in a row.
func digitRun(s string, n int) bool {
	run := 0
	for i := len(s) - 1; i >= 0; i-- { // most end in digits, if they have any
		if classes[s[i]]&clDigit == 0 {
			run = 0
		} else if run++; run == n {
			return true
		}
	}
	return false
}

// ordinal gives the length of the name in "node-17", "core.2275", its separator included; 0 where s is no such thing.
func ordinal(s string, fl class) int {
	if fl&clEdge == 0 || fl&(clLetter|clSlash|clHigh) != clLetter && fl&(clSlash|clHigh) != 0 || fl&clLetter == 0 {
		return 0
	}
	k := 0
	for k < len(s) && classes[s[k]]&clLetter != 0 {
		k++
	}
	if k < 2 || k+1 >= len(s) || s[k] != '-' && s[k] != '.' {
		return 0
	}
	k++
	for i := k; i < len(s); i++ {
		if classes[s[i]]&clDigit == 0 && s[i] != '.' {
			return 0
		}
	}
	return k
}

// valueLimit is the longest value that is looked for: each "=" in a line may begin one.
const valueLimit = 512

// valueEnd gives the end of a value that goes on at i. It is none where a bracket opens: then it is
// the name of a structure, "token=Token{1f2e}".
func valueEnd(s string, i int) (int, bool) {
	for from := i; i < len(s); i++ {
		if i-from == valueLimit {
			return 0, false
		}
		if classes[s[i]]&clValue == 0 {
			continue
		}
		switch c := s[i]; c {
		case '(', '[', '{':
			// "ws=Source{10113}" is a value as a whole.
			k := i + 1
			for k < len(s) && k < i+64 && classes[s[k]]&clStop == 0 {
				k++
			}
			if k == len(s) || s[k] != closing(c) {
				return 0, false
			}
			i = k
		case '<':
			return 0, false
		default:
			return i, true
		}
	}
	return len(s), true
}

// colon reads on over the ":" at s[end]: URLs, host:port, drive letters, clocks, MAC and IPv6 addresses. 0 means none of
// them.
func colon(s string, start, end int, fl class) (int, uint8) {
	if end+1 >= len(s) {
		return 0, 0
	}
	next := classes[s[end+1]]
	n := end - start
	switch {
	case s[end+1] == '/' && end+2 < len(s) && s[end+2] == '/' && fl&clSlash == 0:
		e := linkEnd(s, end+3)
		if digitRun(s[start:e], 4) {
			return e, kindStrong
		}
		return e, kindWeak
	case s[end+1] == '\\' && n == 1 && fl&clLetter != 0:
		e := end + 1
		for e < len(s) && classes[s[e]]&clStop == 0 {
			e++
		}
		for e > end+2 && classes[s[e-1]]&clEdge != 0 {
			e--
		}
		return e, kindWeak
	case n <= 4 && fl&^(clDigit|clLetter) == 0 && (next&(clDigit|clLetter) != 0 && next&clNonHex == 0 || s[end+1] == ':'):
		if e := address(s, start); e > 0 {
			return e, kindStrong
		}
		if fl&clLetter == 0 && n <= 2 {
			if e := clock(s, end); e > 0 {
				return e, kindStrong
			}
		}
	}
	if next&clDigit != 0 && (fl&clDot != 0 && fl&(clLetter|clSlash) != clSlash|clLetter || fl&clDigit != 0 && fl&(clDot|clEdge) != 0) && !camel(s[start:end]) {
		e := end + 1
		for e < len(s) && classes[s[e]]&clDigit != 0 {
			e++
		}
		if e-end <= 6 && (e == len(s) || classes[s[e]]&(clLetter|clDigit) == 0 && (s[e] != ':' || e+1 == len(s) || classes[s[e+1]]&clDigit == 0)) {
			if fl&(clLetter|clHigh) == 0 || fl&clDigit != 0 && digitRun(s[start:end], 4) {
				return e, kindStrong
			}
			return e, kindWeak
		}
	}
	return 0, 0
}

// camel says whether s is written in camel case, as no host is.
func camel(s string) bool {
	for i := 1; i < len(s); i++ {
		if s[i]-'A' <= 'Z'-'A' && s[i-1]-'a' <= 'z'-'a' {
			return true
		}
	}
	return false
}

// clock gives the end of a time of day whose first ":" is at s[i]: "12:30", "12:30:01", "12:30:01.250"; 0 for anything else.
func clock(s string, i int) int {
	parts := 1
	for parts < 3 && i+2 < len(s) && s[i] == ':' && classes[s[i+1]]&clDigit != 0 && classes[s[i+2]]&clDigit != 0 {
		i += 3
		parts++
	}
	if parts < 2 {
		return 0
	}
	if i+1 < len(s) && (s[i] == '.' || s[i] == ',') && parts == 3 && classes[s[i+1]]&clDigit != 0 {
		e := i + 1
		for e < len(s) && classes[s[e]]&clDigit != 0 {
			e++
		}
		if s[i] == '.' || e-i == 4 { // ",250" are milliseconds
			i = e
		}
	}
	if i < len(s) && (classes[s[i]]&clStop == 0 && s[i] != '.' && s[i] != '-' || s[i] == ':' && i+1 < len(s) && classes[s[i+1]]&clStop == 0) {
		return 0
	}
	return i
}

func linkEnd(s string, i int) int {
	for i < len(s) {
		switch s[i] {
		case '"', '\'', '<', '>', '(', ')', '[', ']', '{', '}', ',', ';', '|':
			return i
		}
		if classes[s[i]]&clSpace != 0 {
			break
		}
		i++
	}
	for classes[s[i-1]]&clEdge != 0 || s[i-1] == ':' {
		i--
	}
	return i
}

// address reads a MAC or IPv6 address; 0 where there is none.
func address(s string, start int) int {
	i, colons, group := start, 0, 0
	double, digit := false, false
	for i < len(s) {
		f := classes[s[i]]
		if s[i] == ':' {
			if colons++; colons > 19 {
				return 0
			}
			double = double || i+1 < len(s) && s[i+1] == ':'
			group = 0
		} else if f&(clDigit|clLetter) != 0 && f&clNonHex == 0 {
			digit = digit || f&clDigit != 0
			if group++; group > 4 {
				return 0
			}
		} else {
			break
		}
		i++
	}
	if i > start && s[i-1] == ':' {
		if i-1 > start && s[i-2] == ':' { // "fe80::"
			if !digit {
				return 0
			}
		} else { // "a:b:" is no address; the last colon is the sentence's
			i--
			colons--
		}
	}
	// Five colons are an Ethernet address, seven IPv6, eleven and nineteen an EUI-96 or InfiniBand's.
	if i < len(s) && classes[s[i]]&(clLetter|clHigh) != 0 || !(double && digit || colons == 5 || colons == 7 || colons == 11 || colons == 19) {
		return 0
	}
	return i
}

// mail gives the end of the address that begins at start and whose "@", or the "+" in front of a tag, is at s[at]; 0 where
// there is none. The host must have a dot, or the address stand between "<" and ">", or have no capitals: "root@db" is one, but
// "OrderController@store" is a place in a program.
func mail(s string, start, at int) int {
	if s[at] == '+' {
		k := at + 1
		for k < len(s) && k < at+tagLimit && classes[s[k]]&(clStop|clSlash) == 0 {
			k++
		}
		if k == len(s) || s[k] != '@' || k == at+1 {
			return 0
		}
		at = k
	}
	fl := class(0)
	i := at + 1
	for i < len(s) {
		f := classes[s[i]]
		if f&(clStop|clSlash) != 0 {
			break
		}
		fl |= f
		i++
	}
	for i > at+1 && classes[s[i-1]]&clEdge != 0 {
		i--
	}
	if fl&clLetter == 0 {
		return 0
	}
	if strings.IndexByte(s[at+1:i], '.') < 0 && !(start > 0 && s[start-1] == '<' && i < len(s) && s[i] == '>') && !(lower(s[start:at]) && lower(s[at+1:i])) {
		return 0
	}
	return i
}

// lower says whether s has no capitals.
func lower(s string) bool {
	for i := range len(s) {
		if s[i]-'A' < 26 {
			return false
		}
	}
	return true
}

// domain says whether a word with dots is the name of a host: small letters, digits, hyphens and, as many have it, underscores,
// under a top-level domain that is no ending of files and no word. Packages of programs have theirs in front: "org.example.shop".
func domain(s string) bool {
	k := strings.LastIndexByte(s, '.')
	if k < 1 || len(s)-k > 12 {
		return false
	}
	switch s[k+1:] {
	case "com", "net", "org", "edu", "gov", "mil", "biz", "internal", "localdomain", "arpa":
	case "cloud", "local", "lan", "corp", "intranet", "test", "example", "consul", "eu", "uk", "de", "fr", "nl", "dk", "fi", "cz", "cn", "jp", "kr", "hk", "tw", "sg", "au", "nz", "ru", "ua":
		if strings.IndexByte(s[:k], '.') < 0 { // "settings.local", "suite.test"
			return false
		}
	default:
		return false
	}
	for i := range len(s) {
		if c := s[i]; c-'a' >= 26 && c-'0' >= 10 && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// tagLimit is the longest tag of a mail address, in bytes: "jo+orders@shop.example".
const tagLimit = 64

// query gives the end of the query whose "?" is at s[at]; 0 where it is a question mark.
func query(s string, at int) int {
	if at+1 == len(s) || classes[s[at+1]]&clStop != 0 {
		return 0
	}
	return linkEnd(s, at+1)
}

func hexNumber(s string) bool { return len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' }

// pathLike says whether s, which has a slash, is a path rather than two words: absolute, with two slashes, or with two
// dots, as "registry.example.org/shop" and "org.example.shop/.Cart" have.
func pathLike(s string) bool {
	slashes, dots := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '/', '\\':
			slashes++
		case '.':
			dots++
		}
	}
	return slashes >= 2 || dots >= 2 || s[0] == '/' && len(s) > 1
}

// constants are the words that are values of their own.
var constants = newWordSet("true", "false", "null", "nil", "None", "True", "False", "NULL", "TRUE", "FALSE", "NaN")

// longestUnit is the longest word that units and zones have.
const longestUnit = 12

// units are the words that are part of the number before them.
var units = newWordSet("B", "b", "KB", "MB", "GB", "TB", "kB", "K", "M", "G", "KiB", "MiB", "GiB", "TiB", "byte", "bytes", "Byte", "Bytes",
	"ms", "us", "ns", "s", "µs", "sec", "secs", "min", "mins", "msec", "msecs", "usec", "hr", "hrs",
	"second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "millis", "milliseconds", "microseconds", "nanoseconds")

// zones are names of time zones that stand behind a time of day.
var zones = newWordSet("UTC", "GMT", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "CET", "CEST", "EET", "EEST", "WET", "WEST", "BST", "IST",
	"JST", "KST", "HKT", "MSK", "AEST", "AEDT", "ACST", "ACDT", "AWST", "NZST", "NZDT", "HST", "SAST", "BRT")

// zone says whether s is the name of a time zone behind the time of day clock: "PDT", "CEST", "UTC". It changes twice a
// year.
func zone(clock, s string) bool {
	return zones.has(s) && len(clock) >= 5 && strings.IndexByte(clock, ':') >= 0
}

// dateNames are names of weekdays and months in the short English form that logs use.
var dateNames = newWordSet("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun",
	"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

// joins says whether two variable parts with sep between them are one.
func joins(sep []byte) bool {
	if len(sep) > 6 {
		return false
	}
	for _, c := range sep {
		if classes[c]&clJoin == 0 {
			return false
		}
	}
	return true
}
