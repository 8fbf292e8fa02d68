package events

import "strings"

// frameFamily says in whose traces a line like b stands that is neither the first one nor the exception itself.
func frameFamily(b string) lang {
	switch b[0] {
	case 'a':
		if strings.HasPrefix(b, "at ") {
			if strings.IndexByte(b, '(') > 0 || strings.Contains(b, ".java:") || hasLineNumber(b) {
				return langAt
			}
		}
	case '.':
		if strings.HasPrefix(b, "... ") && (strings.HasSuffix(b, " more") || strings.Contains(b, "omitted")) {
			return langAt
		}
	case 'C':
		if strings.HasPrefix(b, "Caused by: ") {
			return langAt
		}
	case 'S':
		if strings.HasPrefix(b, "Suppressed: ") {
			return langAt
		}
		if b == "Stack trace:" {
			return langPHP
		}
	case 'W':
		if strings.HasPrefix(b, "Wrapped by: ") {
			return langAt
		}
	case '-':
		if hasAnyPrefix(b, "--- End of ", "---> ") {
			return langAt
		}
	case '[':
		if strings.HasPrefix(b, "[cause]: ") {
			return langAt
		}
		if b == "[stacktrace]" {
			return langPHP
		}
		if strings.HasPrefix(b, "[signal ") {
			return langGo
		}
	case 'F':
		if strings.HasPrefix(b, `File "`) && strings.Contains(b, ", line ") {
			return langPython
		}
	case 'D', 'T':
		if hasAnyPrefix(b, "During handling of the above exception", "The above exception was the direct cause") {
			return langPython
		}
	case 'g':
		if goroutineLine(b) {
			return langGo
		}
	case 'c':
		if strings.HasPrefix(b, "created by ") {
			return langGo
		}
	case '/':
		if goFile(b) {
			return langGo
		}
	case 'f':
		if strings.HasPrefix(b, "from ") && rubyFrame(b[5:]) {
			return langRuby
		}
	case 't':
		if strings.HasPrefix(b, "thrown in ") {
			return langPHP
		}
	case '#':
		if n := run(b, 1, 5); n > 0 && at(b, 1+n) == ' ' {
			if c := at(b, 2+n); c == '/' || c == '{' || c == '[' || strings.IndexByte(b, '(') > 0 {
				return langPHP
			}
		}
	case 's':
		if b == "stack backtrace:" {
			return langRust
		}
	case 'n':
		if hasAnyPrefix(b, "note: run with `RUST_BACKTRACE", "note: Some details are omitted") {
			return langRust
		}
	}
	if rubyFrame(b) && !rubyStart(b) {
		return langRuby
	}
	return dumpFamily(b)
}

// goroutineLine says whether b is "goroutine 1 [running]:".
func goroutineLine(b string) bool {
	if !strings.HasPrefix(b, "goroutine ") {
		return false
	}
	n := run(b, 10, 12)
	return n > 0 && strings.Contains(b[10+n:], " [") && strings.HasSuffix(b, ":")
}

// goFile says whether b is "/path/file.go:12 +0x1d" or the same without the offset.
func goFile(b string) bool {
	k := strings.Index(b, ".go:")
	if k < 1 {
		k = strings.Index(b, ".s:")
		if k < 1 {
			return false
		}
		k--
	}
	n := run(b, k+4, 8)
	rest := b[k+4+n:]
	return n > 0 && (rest == "" || strings.HasPrefix(rest, " +0x"))
}

// goFunction says whether b is "main.(*T).f(0x1, ...)", "panic(...)", "created by ...".
func goFunction(b string) bool {
	k := strings.IndexByte(b, '(')
	return k > 0 && (b[len(b)-1] == ')' || strings.HasSuffix(b, "...")) && !strings.ContainsAny(b[:k], " \t")
}

// goRegister says whether b is a line of the register dump after a fatal signal: "rax    0x0".
func goRegister(b string) bool {
	k := strings.IndexByte(b, ' ')
	return k > 0 && k < 7 && strings.HasPrefix(strings.TrimLeft(b[k:], " "), "0x")
}

// rubyFrame says whether b begins with file.rb:12:in 'name'.
func rubyFrame(b string) bool {
	k := strings.IndexByte(b, ' ') - 3
	if k < 3 || k+4 >= len(b) || b[k:k+3] != ":in" || b[k+4] != '`' && b[k+4] != '\'' {
		return false
	}
	i := k
	for i > 0 && isDigit(b[i-1]) {
		i--
	}
	return i < k && i > 1 && b[i-1] == ':'
}

// rubyStart says whether b is the first line of a Ruby trace: file.rb:12:in 'name': message (Class).
func rubyStart(b string) bool {
	if !rubyFrame(b) {
		return false
	}
	k := strings.Index(b, ":in ") + 5
	e := strings.IndexByte(b[k:], '\'')
	return e >= 0 && strings.HasPrefix(b[k+e+1:], ": ")
}

// sourceLine says whether b is file:line and nothing else, as Node prints before an uncaught error.
func sourceLine(b string) bool {
	i := len(b)
	for i > 0 && isDigit(b[i-1]) {
		i--
	}
	if i == len(b) || i < 4 || b[i-1] != ':' || strings.IndexByte(b, ' ') >= 0 {
		return false
	}
	return hasAnyPrefix(b, "/", "node:", "file://") || b[1] == ':' && b[2] == '\\'
}

// hasLineNumber says whether b has ":<digits>" near its end.
func hasLineNumber(b string) bool {
	i := len(b)
	for i > 0 && (isDigit(b[i-1]) || b[i-1] == ')') {
		i--
	}
	return i < len(b) && i > 3 && b[i-1] == ':'
}

// exceptionHeader reads "java.lang.IllegalStateException: text", "TypeError: text", "Error [ERR_X]: text",
// "NoMethodError (text):" at the beginning of s.
func exceptionHeader(s string) (typ, text string, ok bool) {
	i := 0
	for i < len(s) && i < 200 && (isWord(s[i]) || s[i] == '.' || s[i] == '$' || s[i] == '/' && i > 0 || s[i] == ':' && i+2 < len(s) && s[i+1] == ':' && isUpper(s[i+2])) {
		if s[i] == ':' {
			i++
		}
		i++
	}
	if i < 4 {
		return "", "", false
	}
	typ, rest := s[:i], s[i:]
	switch at(rest, 0) {
	case ':', 0:
	case ' ':
		if at(rest, 1) != '[' && at(rest, 1) != '(' {
			return "", "", false
		}
	default:
		return "", "", false
	}
	if !exceptionType(typ) {
		return "", "", false
	}
	switch {
	case rest == "":
		return typ, "", true
	case strings.HasPrefix(rest, ": "):
		return typ, rest[2:], true
	case rest == ":":
		return typ, "", true
	case strings.HasPrefix(rest, " ["), strings.HasPrefix(rest, " ("):
		end := byte(']')
		if rest[1] == '(' {
			end = ')'
		}
		k := closing(rest[1:min(len(rest), 4096)], end)
		if k < 0 {
			return "", "", false
		}
		after := rest[k+2:]
		if rest[1] == '(' {
			if after == ":" || after == "" {
				return typ, rest[2 : k+1], true
			}
			if strings.HasPrefix(after, ": ") { // .NET: SocketException (111): Connection refused
				return typ, after[2:], true
			}
			return "", "", false
		}
		if strings.HasPrefix(after, ": ") {
			return typ, after[2:], true
		}
	}
	return "", "", false
}

// exceptionType says whether a name is one of an exception: its last part ends as those do.
func exceptionType(name string) bool {
	n := name
	if k := strings.LastIndexAny(n, ".$/:"); k >= 0 {
		n = n[k+1:]
	}
	if n == "" || !isUpper(n[0]) && n[0] != '_' {
		return false
	}
	for _, suffix := range [...]string{"Error", "Exception", "Throwable", "ExceptionGroup", "Failure", "Fault", "Interrupt", "SystemExit", "StopIteration", "Rejection", "NotFound", "Timeout", "DoesNotExist"} {
		if strings.HasSuffix(n, suffix) {
			// a bare word in the middle of nothing: "Failure", "Timeout", "Exception" want a package, or to be longer
			return len(n) > len(suffix) || n == "Error" || n == "Exception" || n == "SystemExit" || n == "StopIteration" || len(n) < len(name)
		}
	}
	return false
}
