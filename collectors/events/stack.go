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
