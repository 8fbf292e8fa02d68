package events

import "strings"

// lang is a family of stack traces: what follows the same grammar.
type lang uint8

const (
	langNone   lang = iota
	langGo          // panics, fatal errors and goroutine dumps
	langPython      // and Ruby's "Traceback" order, which begins the same
	langAt          // "at ..." frames: the JVM, JavaScript, .NET
	langRuby
	langRust
	langPHP
	langObject // a JSON object printed over several lines
)

// trace is how far a trace has come. It decides by one line at a time whether the line goes on with it. What it holds is
// a part of the Joiner's state.
type trace struct {
	lang  lang
	phase uint8
	depth int32 // open brackets of a langObject
}

// The phases, per family.
const (
	phaseStart uint8 = iota
	phaseFrames
	phaseDone    // Python: the exception's own line was there
	phaseChained // Python: "During handling of ..." was there
	phaseSource  // JavaScript: file:line was there, code follows
	phaseCaret   // JavaScript: code was there, ^ follows
	phaseThrown  // JavaScript: ^ was there, the error follows
	phaseText    // Rust: the panic's own text follows
	phaseGroup   // Python: within the margin of an ExceptionGroup
)

const tracebackLine = "Traceback (most recent call last):"

// trimIndent takes blanks off the beginning of a line, and the tabs that rsyslog writes as #011.
func trimIndent(s string) string {
	for s != "" {
		switch {
		case s[0] == ' ' || s[0] == '\t':
			s = s[1:]
		case s[0] == '#' && strings.HasPrefix(s, "#011"):
			s = s[4:]
		default:
			return s
		}
	}
	return s
}

// beginTrace says which trace a line begins, if any.
func beginTrace(s string) trace {
	if s == "" {
		return trace{}
	}
	last := s[len(s)-1]
	if last == ':' && strings.HasSuffix(s, "(most recent call last):") {
		if strings.HasPrefix(trimIndent(s), "+ Exception Group") {
			return trace{lang: langPython, phase: phaseGroup}
		}
		return trace{lang: langPython, phase: phaseFrames}
	}
	t := trimIndent(s)
	if t == "" {
		return trace{}
	}
	switch t[0] {
	case 'p':
		if strings.HasPrefix(t, "panic: ") {
			return trace{lang: langGo}
		}
	case 'f':
		if strings.HasPrefix(t, "fatal error: ") {
			return trace{lang: langGo}
		}
		if hasAnyPrefix(t, "file:///") && sourceLine(t) {
			return trace{lang: langAt, phase: phaseSource}
		}
	case 'g':
		if goroutineLine(t) {
			return trace{lang: langGo, phase: phaseFrames}
		}
	case 'h':
		if strings.HasPrefix(t, "http: panic serving ") {
			return trace{lang: langGo}
		}
	case 'u':
		if strings.HasPrefix(t, "unexpected fault address ") {
			return trace{lang: langGo}
		}
	case 'r':
		if strings.HasPrefix(t, "runtime: goroutine stack exceeds") {
			return trace{lang: langGo}
		}
	case 'S':
		if hasAnyPrefix(t, "SIGSEGV: ", "SIGABRT: ", "SIGQUIT: ") {
			return trace{lang: langGo}
		}
	case 'F':
		if strings.HasPrefix(t, `File "`) && strings.Contains(t, ", line ") {
			return trace{lang: langPython, phase: phaseFrames}
		}
		if strings.HasPrefix(t, "Fatal Python error: ") {
			return trace{lang: langPython, phase: phaseDone}
		}
		if hasAnyPrefix(t, "Fatal error: Uncaught ", "Fatal error:  Uncaught ") {
			return trace{lang: langPHP}
		}
	case 't':
		if strings.HasPrefix(t, "thread '") && strings.Contains(t, " panicked at ") {
			if strings.HasSuffix(t, ":") {
				return trace{lang: langRust, phase: phaseText}
			}
			return trace{lang: langRust}
		}
	case 'P':
		if strings.HasPrefix(t, "PHP ") && strings.Contains(t[:min(len(t), 60)], "error: ") {
			return trace{lang: langPHP}
		}
	case 'U':
		if hasAnyPrefix(t, "Unhandled exception. ", "Unhandled Exception: ", "Uncaught ") {
			return trace{lang: langAt}
		}
	case 'E':
		if strings.HasPrefix(t, `Exception in thread "`) {
			return trace{lang: langAt}
		}
	case '/', 'n', 'C', 'D':
		if sourceLine(t) {
			return trace{lang: langAt, phase: phaseSource}
		}
	case '(':
		if hasAnyPrefix(t, "(node:") && strings.Contains(t, "Error: ") {
			return trace{lang: langAt}
		}
	case '{':
		if strings.TrimRight(t, " \t") == "{" && len(t) == len(s) {
			return trace{lang: langObject, depth: 1}
		}
	}
	if _, _, ok := exceptionHeader(t); ok {
		return trace{lang: langAt}
	}
	if rubyStart(t) {
		return trace{lang: langRuby}
	}
	if strings.HasPrefix(t, "FastCGI sent in stderr") || last == ')' && strings.Contains(t, `{"exception":"[object]`) {
		return trace{lang: langPHP}
	}
	return trace{}
}

// step says whether a line goes on with the trace, and notes how far it has come. Indented and blank lines are joined by
// the Joiner in any case; step is told of them for what they mean to the phase.
func (t *trace) step(s string) bool {
	b := trimIndent(s)
	if b == "" {
		return t.lang != langNone
	}
	indented := len(b) < len(s)
	if t.lang == langObject {
		return t.stepObject(s, indented)
	}
	k := frameFamily(b)
	switch t.lang {
	case langGo:
		return t.stepGo(b, k, indented)
	case langPython:
		return t.stepPython(b, k, len(s)-len(b))
	case langAt:
		return t.stepAt(b, k, indented)
	case langRuby:
		if k == langRuby || indented {
			t.phase = phaseFrames
			return true
		}
	case langRust:
		switch {
		case k == langRust || indented:
			return true
		case t.phase == phaseText:
			t.phase = phaseFrames
			return true
		}
	case langPHP:
		if k == langPHP || indented || hasAnyPrefix(b, `"}`, "Next ", "PHP Stack trace:", "PHP   ") {
			return true
		}
	case langNone:
		if k != langNone {
			t.lang, t.phase = k, phaseFrames
			return true
		}
	}
	return false
}

func (t *trace) stepGo(b string, k lang, indented bool) bool {
	switch {
	case goroutineLine(b) || b == "runtime stack:":
		t.phase = phaseFrames
		return true
	case k == langGo || indented:
		return true
	case t.phase == phaseFrames:
		return goFunction(b) || strings.HasPrefix(b, "...") || strings.HasPrefix(b, "exit status ") || goRegister(b)
	}
	return strings.HasPrefix(b, "[signal ") || strings.HasPrefix(b, "panic: ") && strings.Contains(b, "[recovered") ||
		strings.HasPrefix(b, "fatal error: ") || strings.HasPrefix(b, "exit status ")
}

func (t *trace) stepPython(b string, k lang, indent int) bool {
	indented := indent > 0
	if t.phase == phaseGroup {
		return indented && (indent > 2 || !strings.HasPrefix(b, "+ Exception Group"))
	}
	switch {
	case strings.HasPrefix(b, "Traceback (most recent") || strings.HasPrefix(b, "+ Exception Group Traceback"):
		if t.phase == phaseChained {
			t.phase = phaseFrames
			return true
		}
		return indented && t.phase != phaseDone
	case hasAnyPrefix(b, "During handling of the above exception", "The above exception was the direct cause"):
		t.phase = phaseChained
		return true
	case hasAnyPrefix(b, "(Background on this error", "[SQL: ", "[parameters: ", "Current thread 0x", "Thread 0x", "Extension modules: ",
		"Python runtime state:", "future: <"):
		return true
	case k == langPython:
		if t.phase == phaseDone && strings.HasPrefix(b, `File "`) && !indented {
			return false
		}
		return true
	case indented:
		return true
	case t.phase == phaseFrames:
		t.phase = phaseDone
		return true
	}
	return false
}

func (t *trace) stepAt(b string, k lang, indented bool) bool {
	switch t.phase {
	case phaseSource:
		t.phase = phaseCaret
		return true
	case phaseCaret:
		if strings.Trim(b, "^~ \t") == "" {
			t.phase = phaseThrown
			return true
		}
		if !indented {
			t.phase = phaseFrames
		}
	case phaseThrown:
		t.phase = phaseFrames
		return true
	}
	if k == langAt || indented {
		t.phase = phaseFrames
		return true
	}
	return t.phase == phaseFrames && (strings.Trim(b, "}]), ") == "" || strings.HasPrefix(b, "Node.js v"))
}

// maxObjectDepth bounds what a pretty-printed object may nest; beyond it the trace ends.
const maxObjectDepth = 256

func (t *trace) stepObject(s string, indented bool) bool {
	if t.depth <= 0 || t.depth > maxObjectDepth {
		return false
	}
	if c := s[0]; !indented && c != '}' && c != '"' && c != ']' && c != '{' {
		t.depth = 0
		return false
	}
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			t.depth++
		case c == '}' || c == ']':
			t.depth--
		}
	}
	return true
}

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
	return langNone
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
	for _, suffix := range [...]string{"Error", "Exception", "Throwable", "ExceptionGroup", "Failure", "Fault", "Interrupt", "SystemExit", "StopIteration", "NotFound", "Timeout", "DoesNotExist"} {
		if strings.HasSuffix(n, suffix) {
			// a bare word in the middle of nothing: "Failure", "Timeout", "Exception" want a package, or to be longer
			return len(n) > len(suffix) || n == "Error" || n == "Exception" || n == "SystemExit" || n == "StopIteration" || len(n) < len(name)
		}
	}
	return false
}
