package events

import (
	"slices"
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// maxStackLines is how many lines of a stack that is an array are kept.
const maxStackLines = 1024

// array reads a stack that is an array of strings (AWS Lambda) or of frame objects (zerolog, structlog, Log4j 2), and
// an array of error objects.
func (f *fields) array(p *jsonScan, ro role, depth int) bool {
	p.i++
	var lines []string
	first := len(f.h.frames)
	if ro != roleError && f.errDepth > 0 {
		f.h.frames, first = nil, 0 // the cause's
	}
	for n := 0; ; n++ {
		switch p.peek() {
		case ']':
			p.i++
			if len(lines) > 0 {
				f.stack(ro, strings.Join(lines, "\n"))
			}
			if ro != roleError {
				f.frameOrder(first)
			}
			return true
		case '"':
			v, ok := p.str()
			if !ok {
				return false
			}
			if ro != roleError {
				if len(lines) < maxStackLines {
					lines = append(lines, v.text())
				}
			} else if n == 0 {
				f.text(ro, v)
			}
		case '{':
			if ro == roleError && n == 0 && depth < 8 {
				if !f.nested(p, roleError, roleError, "", depth) {
					return false
				}
			} else if ro != roleError {
				if !f.frame(p) {
					return false
				}
			} else if !p.skip() {
				return false
			}
		case 0:
			return false
		default:
			if !p.skip() {
				return false
			}
		}
		if !p.comma() && p.peek() != ']' {
			return false
		}
	}
}

// frame reads one frame object.
func (f *fields) frame(p *jsonScan) bool {
	p.i++
	var fr incident.Frame
	class := ""
	for p.peek() != '}' {
		k, ok := p.key()
		if !ok {
			return false
		}
		v := ""
		switch p.peek() {
		case '"':
			js, ok := p.str()
			if !ok {
				return false
			}
			v = js.text()
		default:
			start := p.i
			if !p.skip() {
				return false
			}
			v = p.s[start:p.i]
		}
		switch k.raw {
		case "file", "filename", "fileName", "source", "abs_path":
			if fr.File == "" {
				fr.File = v
			}
		case "line", "lineno", "lineNumber":
			fr.Line, _ = strconv.Atoi(v)
		case "func", "function", "name", "method", "methodName":
			fr.Function = v
		case "class", "className", "declaringClass":
			class = v
		}
		if !p.comma() && p.peek() != '}' {
			return false
		}
	}
	p.i++
	if class != "" {
		fr.Function = class + "." + fr.Function
	}
	if (fr.File != "" || fr.Function != "") && len(f.h.frames) < maxFrames {
		fr.InApp = inApp(langOfFile(fr.File), fr.File, fr.Function)
		f.h.frames = append(f.h.frames, fr)
	}
	return true
}

// frameOrder puts the frames from first on into the order that a Record has, the most recent call first: Python's come
// the other way around.
func (f *fields) frameOrder(first int) {
	if fs := f.h.frames; first < len(fs) && langOfFile(fs[first].File) == langPython {
		slices.Reverse(fs[first:])
	}
}

// stack takes a stack that is text. Where the error was made goes before where it was logged, the cause's before its
// wrapper's, and else the longer one is the better one.
func (f *fields) stack(ro role, t string) {
	rank := 1
	if ro == roleErrStack {
		rank = 2 + f.errDepth
	}
	if t == "" || rank < f.stackRank || rank == f.stackRank && len(t) <= len(f.h.stack) {
		return
	}
	f.h.stack, f.stackRank = t, rank
}
