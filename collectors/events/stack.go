package events

import (
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// A trace is read as a chain of blocks, each an exception with its frames. Which one is the root cause depends on the
// language: the JVM, JavaScript and Ruby print it last, Python and PHP first, .NET in the middle.

type blockKind uint8

const (
	blockFirst blockKind = iota
	blockCause           // Caused by, [cause], --->
	blockWrapper
	blockSuppressed
)

type block struct {
	kind      blockKind
	typ, text string
	frames    []incident.Frame
	named     bool
}

// stackReader gathers the blocks of one event.
type stackReader struct {
	blocks     []block
	cur        int // where frames go
	lang       lang
	reversed   bool // most recent call last
	prev       string
	suppressed int    // indentation of the Suppressed we are in, -1 where we are in none
	goDone     bool   // what follows is of other goroutines, processes or threads
	system     bool   // the frames so far are of the runtime's own stack, which comes before the goroutine's
	causes     bool   // in the list of causes that Rust's anyhow prints
	said       string // the first line that says something, where the first one is only a ruler
	report     bool   // the lines are of Redis' report: the first one says what happened
	first      string // the event's first line, where it names no exception by itself
	fileIndent int    // indentation of Python's last File line
}

const maxBlocks = 64

// add takes the next line of the event.
func (sr *stackReader) add(s string) {
	b := trimIndent(s)
	indent := len(s) - len(b)
	for strings.HasPrefix(b, "| ") || strings.HasPrefix(b, "+ ") { // the margin of an ExceptionGroup
		rest := trimIndent(b[2:])
		indent = len(b) - 2 - len(rest)
		b = rest
	}
	if b == "" {
		sr.prev = ""
		return
	}
	defer func() { sr.prev = b }()
	if len(sr.blocks) == 0 {
		sr.blocks = append(sr.blocks, block{})
		sr.suppressed, sr.first, sr.report = -1, b, false
	}
	f, ok := parseFrame(b, sr.prev)
	if !ok {
		f, ok = dumpFrame(b, sr.lang)
	}
	if ok && !rubyStart(b) {
		if sr.suppressed < 0 {
			sr.frame(f, b)
		}
		if f.File != "" && b[0] == 'F' {
			sr.fileIndent = indent
		}
		return
	}
	if sr.lang == langPython && len(sr.blocks[sr.cur].frames) > 0 && indent >= sr.fileIndent && sr.fileIndent > 0 {
		return // the frame's source
	}
	switch {
	case strings.HasSuffix(b, tracebackLine):
		sr.reversed, sr.lang = true, langPython
		if len(sr.blocks[sr.cur].frames) > 0 || sr.blocks[sr.cur].named {
			sr.push(blockFirst)
		}
		return
	case strings.HasPrefix(b, "Caused by: "):
		if sr.suppressed >= 0 {
			if indent >= sr.suppressed && sr.suppressed > 0 {
				return
			}
			sr.suppressed = -1
		}
		sr.push(blockCause)
		sr.name(b[11:])
		return
	case b == "Caused by:":
		sr.causes = true
		return
	case b == "Stack backtrace:":
		sr.causes, sr.lang = false, langRust
		return
	case sr.causes && indent > 0:
		if n := run(b, 0, 3); n > 0 && strings.HasPrefix(b[n:], ": ") {
			b = b[n+2:]
		}
		sr.push(blockCause)
		cur := &sr.blocks[sr.cur]
		cur.typ, cur.text, cur.named = "Error", b, true
		return
	case strings.HasPrefix(b, "... "):
		if n, ok := moreFrames(b); ok {
			sr.more(n)
			return
		}
	case b == "Original Stack Trace:": // Reactor's, within a Suppressed
		if len(sr.blocks[sr.cur].frames) == 0 {
			sr.suppressed = -1
		}
		return
	case strings.HasPrefix(b, "Suppressed: "):
		if sr.suppressed < 0 {
			sr.suppressed = indent
		}
		return
	case strings.HasPrefix(b, "Wrapped by: "):
		sr.push(blockWrapper)
		sr.name(b[12:])
		return
	case strings.HasPrefix(b, "[cause]: "):
		sr.push(blockCause)
		sr.name(b[9:])
		return
	case strings.HasPrefix(b, "---> "):
		if !strings.HasPrefix(b, "---> (Inner Exception #") {
			sr.push(blockCause)
			sr.name(b[5:])
		}
		return
	case strings.HasPrefix(b, "--- End of inner"):
		if sr.cur > 0 {
			sr.cur--
		}
		return
	case b == "runtime stack:":
		sr.system = true
		return
	case strings.HasPrefix(b, "goroutine "):
		if sr.system {
			sr.system = false
			sr.blocks[sr.cur].frames = sr.blocks[sr.cur].frames[:0]
		}
		if len(sr.blocks[sr.cur].frames) > 0 {
			sr.goDone = true // the first goroutine is the one that panicked
		}
		return
	case strings.HasPrefix(b, "Next "):
		if sr.lang == langPHP {
			sr.push(blockWrapper)
			sr.name(b[5:])
			return
		}
	case strings.HasPrefix(b, "thrown in "):
		return
	case b == "stack traceback:":
		sr.lang = langLua
		return
	}
	if sr.lang >= langReport && sr.dump(b) {
		return
	}
	if sr.suppressed >= 0 {
		return
	}
	cur := &sr.blocks[sr.cur]
	if rubyStart(b) {
		sr.rubyHead(b)
		return
	}
	if cur.named {
		if sr.lang == langRust && cur.text == "" && !strings.HasPrefix(b, "note: ") && b != "stack backtrace:" {
			cur.text = b
		}
		return
	}
	sr.head(b)
}

func (sr *stackReader) frame(f incident.Frame, b string) {
	if sr.goDone {
		return
	}
	cur := &sr.blocks[sr.cur]
	if sr.first != "" && sr.cur == 0 && len(cur.frames) == 0 && !cur.named {
		sr.firstLine(b)
	}
	if goFile(b) {
		sr.lang = langGo
	}
	if strings.HasPrefix(b, "File ") {
		sr.lang = langPython
		sr.reversed = true
	}
	if len(cur.frames) >= maxFrames {
		if !sr.reversed {
			return
		}
		cur.frames = append(cur.frames[:0], cur.frames[1:]...) // the most recent come last
	}
	cur.frames = append(cur.frames, f)
}

// firstLine reads the exception that the words of the first line tell of, now that the first frame says whose it is.
func (sr *stackReader) firstLine(frame string) {
	cur, s := &sr.blocks[sr.cur], sr.first
	sr.first = ""
	switch {
	case rubyFrame(frame) && rubyClassed(s): // Ruby's Logger makes "text (Class)" of an exception
		k := lastIndex(s, " (")
		cur.typ, cur.text, cur.named = s[k+2:len(s)-1], s[:k], true
	case strings.HasPrefix(frame, "at "): // console.error("words:", exception)
		for i := 0; i < min(len(s), 512); i++ {
			k := strings.Index(s[i:], ": ")
			if k < 0 {
				return
			}
			i += k
			end := i
			if at(s, i-1) == ']' { // Error [ERR_SOMETHING]: text
				end = max(lastIndex(s[:i], " ["), 0)
			}
			if typ, text, ok := exceptionHeader(s[strings.LastIndexByte(s[:end], ' ')+1:]); ok {
				cur.typ, cur.text, cur.named = typ, text, true
				return
			}
		}
	}
}

func (sr *stackReader) push(k blockKind) {
	if len(sr.blocks) >= maxBlocks {
		return
	}
	sr.blocks = append(sr.blocks, block{kind: k})
	sr.cur = len(sr.blocks) - 1
}

// name reads an exception's type and text into the current block.
func (sr *stackReader) name(s string) {
	cur := &sr.blocks[sr.cur]
	if cur.named {
		return
	}
	if k := strings.Index(s, " ---> "); k > 0 { // .NET's ToString on one line
		cur.typ, cur.text = splitException(s[:k])
		cur.named = true
		sr.push(blockCause)
		sr.name(s[k+6:])
		return
	}
	cur.typ, cur.text = splitException(s)
	cur.text = strings.TrimSuffix(cur.text, " {")
	cur.named = cur.typ != ""
}

// splitException splits "type: text"; what has no type is all text.
func splitException(s string) (typ, text string) {
	if t, x, ok := exceptionHeader(s); ok {
		return t, x
	}
	if k := strings.Index(s, ": "); k > 0 && !strings.ContainsAny(s[:k], " \t\"'") {
		return s[:k], s[k+2:]
	}
	if !strings.ContainsAny(s, " \t") {
		return strings.TrimSuffix(s, ":"), ""
	}
	return "", s
}

// head reads a line that may name the exception of the current block.
func (sr *stackReader) head(b string) {
	cur := &sr.blocks[sr.cur]
	set := func(l lang, typ, text string) {
		cur.typ, cur.text, cur.named = typ, text, true
		if l != langNone {
			sr.lang = l
		}
	}
	switch {
	case strings.HasPrefix(b, "panic: "):
		text, _, _ := strings.Cut(b[7:], " [recovered")
		set(langGo, "panic", text)
		return
	case strings.HasPrefix(b, "fatal error: "):
		set(langGo, "fatal error", b[13:])
		return
	case strings.HasPrefix(b, "http: panic serving "):
		text := b[20:]
		if k := strings.Index(text, ": "); k > 0 {
			text = text[k+2:]
		}
		set(langGo, "panic", text)
		return
	case strings.HasPrefix(b, "thread '") && strings.Contains(b, " panicked at "):
		_, text, _ := strings.Cut(b, " panicked at ")
		if strings.HasSuffix(text, ":") {
			text = "" // it is on the next line
		} else if strings.HasPrefix(text, "'") { // before Rust 1.73
			if k := lastIndex(text, "', "); k > 0 {
				text = text[1:k]
			}
		}
		set(langRust, "panic", text)
		return
	}
	if strings.HasPrefix(b, "[UnhandledPromiseRejection: ") {
		set(langAt, "UnhandledPromiseRejection", strings.TrimSuffix(b[28:], "] {"))
		return
	}
	s := b
	if k := strings.Index(s, "Uncaught "); k >= 0 {
		s = s[k+9:]
		if strings.Contains(b[:k], "PHP") || strings.Contains(b[:k], "Fatal error") {
			sr.phpHead(s)
			return
		}
	} else if strings.HasPrefix(s, `Exception in thread "`) {
		if k := strings.Index(s[21:], `" `); k >= 0 {
			s = s[21+k+2:]
		}
	} else if hasAnyPrefix(s, "Unhandled exception. ", "Unhandled Exception: ") {
		s = s[21:]
	}
	if k := strings.Index(s, `{"exception":"[object] (`); k >= 0 { // Laravel
		in := s[k+24:]
		if k := strings.IndexByte(in, '('); k > 0 {
			typ := in[:k]
			text := in[k:]
			if k := strings.Index(text, "): "); k > 0 {
				text = text[k+3:]
			}
			sr.phpHead(typ + ": " + text)
			return
		}
	}
	if _, text, ok := exceptionHeader(s); ok {
		if k := strings.LastIndexByte(text, ':'); k > 4 && strings.HasSuffix(text[:k], ".php") && strings.Contains(text, " in /") {
			sr.phpHead(s)
			return
		}
		sr.name(s)
		return
	}
	if typ, text, ok := beamHead(s); ok {
		set(langBeam, typ, text)
		return
	}
	if k := lastIndex(b, " at "); k > 0 && len(cur.frames) == 0 { // Perl: text at /srv/t.pl line 2.
		if file, line, ok := perlPlace(b[k+4:]); ok {
			cur.text, cur.named = b[:k], true
			sr.frame(incident.Frame{File: file, Line: line, InApp: perlInApp(file)}, "")
			return
		}
	}
	if len(s) < len(b) && s != "" {
		sr.name(s)
		return
	}
	// Python prints the exception behind its frames, whatever its name
	if sr.lang == langPython && len(cur.frames) > 0 && sr.prev != "" && cur.pythonEnd(b) {
		sr.name(b)
		return
	}
	// an exception behind other words of the message: "Servlet.service() threw exception [... ] with root cause"
	if k := lastIndex(b, ": "); k > 0 {
		start := strings.LastIndexByte(b[:k], ' ') + 1
		if t, x, ok := exceptionHeader(b[start:]); ok && len(t) > 5 {
			set(langNone, t, x)
		}
	}
}

// pythonEnd says whether b can be "package.Type: text" or "package.Type".
func (*block) pythonEnd(b string) bool {
	i := 0
	for i < len(b) && (isWord(b[i]) || b[i] == '.') {
		i++
	}
	return i > 1 && !isDigit(b[0]) && (i == len(b) || strings.HasPrefix(b[i:], ": ") || b[i:] == ":")
}

// phpHead reads "Type: text in /file.php:12"; the place is the most recent frame, which PHP does not number.
func (sr *stackReader) phpHead(s string) {
	sr.lang = langPHP
	text := s
	var fr incident.Frame
	if k := lastIndex(s, " in "); k > 0 {
		if file, line, ok := splitPos(s[k+4:]); ok {
			text, fr = s[:k], incident.Frame{File: file, Line: line, InApp: inApp(langPHP, file, "")}
		}
	} else if k := lastIndex(s, " at "); k > 0 {
		if file, line, ok := splitPos(strings.TrimSuffix(s[k+4:], ")")); ok {
			text, fr = s[:k], incident.Frame{File: file, Line: line, InApp: inApp(langPHP, file, "")}
		}
	}
	sr.name(text)
	if fr.File != "" {
		sr.frame(fr, "")
	}
}

// rubyHead reads "file.rb:12:in 'name': text (Class)".
func (sr *stackReader) rubyHead(b string) {
	sr.lang = langRuby
	if cur := &sr.blocks[sr.cur]; cur.named {
		sr.push(blockCause)
	}
	cur := &sr.blocks[sr.cur]
	k := strings.Index(b, ":in ") + 5
	e := k + strings.IndexByte(b[k:], '\'')
	if f, ok := parseRubyFrame(b[:e+1]); ok {
		sr.frame(f, "")
	}
	text := b[e+3:]
	if strings.HasSuffix(text, ")") {
		if p := lastIndex(text, " ("); p >= 0 {
			cur.typ, text = text[p+2:len(text)-1], text[:p]
		}
	}
	cur.text, cur.named = text, true
}

// rubyClassed says whether b is "text (Class)".
func rubyClassed(b string) bool {
	k := lastIndex(b, " (")
	if k < 1 || b[len(b)-1] != ')' || !isUpper(at(b, k+2)) {
		return false
	}
	for i := k + 2; i < len(b)-1; i++ {
		if !isWord(b[i]) && b[i] != ':' {
			return false
		}
	}
	return true
}

// root gives the block of the root cause, nil where there was neither exception nor frame.
func (sr *stackReader) root() *block {
	if len(sr.blocks) == 0 {
		return nil
	}
	best := -1
	for i := range sr.blocks {
		b := &sr.blocks[i]
		if !b.named && len(b.frames) == 0 {
			continue
		}
		switch {
		case best < 0:
			best = i
		case b.kind == blockCause:
			best = i
		case b.kind == blockFirst && strings.HasSuffix(sr.blocks[best].typ, "ExceptionGroup"):
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	b := &sr.blocks[best]
	if sr.reversed {
		slices.Reverse(b.frames)
	}
	return b
}

// surface gives a message in place of a first line that names no exception, "" where the line is good as it is. It is the
// exception that reached the surface: in Python the last one printed.
func (sr *stackReader) surface(first string) string {
	first = strings.TrimSpace(first)
	silent := strings.HasPrefix(first, tracebackLine[:9]) || strings.HasPrefix(first, "+ Exception Group Traceback") ||
		strings.HasPrefix(first, `File "`) || sourceLine(first) || first == "#" || ruler(first) || hasAnyPrefix(first, redisReport, "<--- Last few GCs") || sr.lang == langBeam && strings.HasPrefix(first, "=") ||
		strings.HasSuffix(first, "RemoteTraceback:") || first == "Unhandled exception:"
	if !silent {
		if sr.lang == langRust && strings.HasPrefix(first, "thread '") && strings.HasSuffix(first, ":") && sr.blocks[0].text != "" {
			return first + " " + sr.blocks[0].text
		}
		return ""
	}
	s := ""
	for i := range sr.blocks {
		b := &sr.blocks[i]
		if !b.named || b.kind != blockFirst {
			continue
		}
		s = b.typ
		if b.text != "" {
			s += ": " + b.text
		}
		if !sr.reversed || strings.HasSuffix(b.typ, "ExceptionGroup") {
			break
		}
	}
	if sr.said != "" {
		return sr.said
	}
	return s
}
