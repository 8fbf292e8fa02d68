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
	langReport // between rulers: sanitizers, Go's race detector, InnoDB's monitor; the JVM's crash notice
	langNative // C, C++, Swift
	langBeam   // Elixir, Erlang
	langKernel
	langLua
	langShell // PowerShell
	langDart
	langPerl
	langEnd // how many there are
)

// trace is how far a trace has come. It decides by one line at a time whether the line goes on with it. What it holds is
// a part of the Joiner's state.
type trace struct {
	lang  lang
	phase uint8
	depth int32 // open brackets of a langObject; lines of what has to end some time
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
	phaseText    // Rust: the panic's own text follows; JVM: more of the uncaught exception's text may
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
	case 'm', 'c', '_':
		if strings.HasSuffix(strings.TrimRight(t, " "), "RemoteTraceback:") { // of another process, in triple quotes
			return trace{lang: langPython, phase: phaseChained}
		}
	case '-':
		if t == "--- Logging error ---" {
			return trace{lang: langPython, phase: phaseChained}
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
	case 'T':
		if hasAnyPrefix(t, "Task exception was never retrieved", "Task was destroyed but it is pending") {
			return trace{lang: langPython, phase: phaseChained}
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
			return trace{lang: langAt, phase: phaseText}
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
	if d := beginDump(t); d.lang != langNone {
		return d
	}
	if _, _, ok := exceptionHeader(t); ok {
		return trace{lang: langAt}
	}
	if rubyStart(t) {
		return trace{lang: langRuby}
	}
	if last == '.' {
		if k := lastIndex(t, " at "); k > 0 {
			if _, _, ok := perlPlace(t[k+4:]); ok {
				return trace{lang: langPerl}
			}
		}
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
		if t.lang == langRuby && t.phase == phaseStart {
			t.phase = phaseSource // what error_highlight quotes follows, indented as it is in its file
		}
		if t.lang == langBeam && t.phase == phaseText {
			t.phase = phaseDone
		}
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
		if k == langRuby || indented || t.phase == phaseSource || strings.HasPrefix(b, "Did you mean?") {
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
	case langReport, langNative, langBeam, langKernel, langLua, langShell, langDart, langPerl:
		return t.stepDump(b, indented)
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
		strings.HasPrefix(b, "runtime: ") || strings.HasPrefix(b, "fatal error: ") || strings.HasPrefix(b, "exit status ")
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
		"Python runtime state:", "future: <", "task: <", "Arguments: (", "Arguments: {", `"""`):
		return true
	case b == "Call stack:":
		t.phase = phaseFrames
		return true
	case t.phase == phaseChained && strings.HasPrefix(b, "concurrent.futures.process._RemoteTraceback:"):
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
	case phaseThrown: // the error's text, up to its frames or, where it is no Error, to what Node says last
		if k == langAt || strings.HasPrefix(b, "Node.js v") {
			t.phase = phaseFrames
		}
		t.depth++
		return t.depth < maxThrown || t.phase == phaseFrames
	case phaseText:
		if k != langAt && !indented {
			t.depth++
			return t.depth <= maxTextLines
		}
	}
	if k == langPHP && t.phase == phaseStart && b == "Stack trace:" { // an exception that was logged as text
		t.lang, t.phase = langPHP, phaseFrames
		return true
	}
	if k == langAt || indented {
		t.phase = phaseFrames
		if strings.HasPrefix(b, "Caused by: ") {
			t.phase, t.depth = phaseText, 0
		}
		return true
	}
	if b == "Caused by:" || b == "Stack backtrace:" { // Rust's anyhow
		t.phase = phaseFrames
		return true
	}
	if hasAnyPrefix(b, "Require stack:", "Assembly trace from producer [", "Error has been observed at the following site(s):", "Original Stack Trace:") {
		t.phase = phaseFrames
		return true
	}
	return t.phase == phaseFrames && (strings.Trim(b, "}]), ") == "" || strings.HasPrefix(b, "Node.js v") || strings.HasPrefix(b, "- /") ||
		strings.HasPrefix(b, "Emitted '") && strings.HasSuffix(b, " at:"))
}

// maxThrown is how many lines Node may print of what was thrown.
const maxThrown = 64

// maxTextLines is how many lines the text of an uncaught exception may have before its frames must come.
const maxTextLines = 8

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
