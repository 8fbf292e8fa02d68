package events

import (
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// maxFrames bounds the frames of a record: the most recent calls are kept.
const maxFrames = 128

// parseFrame reads a line, without its indentation, as one frame. prev is the line before, which holds the function in
// Go and Rust.
func parseFrame(b, prev string) (incident.Frame, bool) {
	if b == "" {
		return incident.Frame{}, false
	}
	switch {
	case strings.HasPrefix(b, "at "):
		if f, ok := rustFrame(b, prev); ok {
			return f, true
		}
		return atFrame(strings.TrimSuffix(b[3:], " {"))
	case strings.HasPrefix(b, `File "`):
		return pythonFrame(b)
	case b[0] == '#':
		if f, ok := phpFrame(b); ok {
			return f, true
		}
		return numberedFrame(b)
	case strings.HasPrefix(b, "from "):
		return parseRubyFrame(b[5:])
	case isDigit(b[0]):
		n := run(b, 0, 4)
		if strings.HasPrefix(b[n:], ": from ") {
			return parseRubyFrame(b[n+7:])
		}
	}
	if goFile(b) {
		return goFrame(b, prev)
	}
	if rubyFrame(b) {
		return parseRubyFrame(b)
	}
	return incident.Frame{}, false
}

// moreFrames reads "... 12 more".
func moreFrames(b string) (int, bool) {
	if !strings.HasPrefix(b, "... ") {
		return 0, false
	}
	n := run(b, 4, 6)
	v, ok := digits(b, 4, n)
	return v, ok && n > 0 && (b[4+n:] == " more" || b[4+n:] == " common frames omitted")
}

// splitPos takes ":12" or ":12:5" off the end of s.
func splitPos(s string) (file string, line int, ok bool) {
	k := strings.LastIndexByte(s, ':')
	if k < 1 {
		return s, 0, false
	}
	n, err := strconv.Atoi(s[k+1:])
	if err != nil || n < 0 {
		return s, 0, false
	}
	if j := strings.LastIndexByte(s[:k], ':'); j > 0 {
		if m, err := strconv.Atoi(s[j+1 : k]); err == nil && m >= 0 {
			return s[:j], m, true
		}
	}
	return s[:k], n, true
}

// atFrame reads what stands behind "at " in the traces of the JVM, of JavaScript and of .NET.
func atFrame(b string) (incident.Frame, bool) {
	if k := lastIndex(b, " in "); k > 0 { // .NET: A.B.C(String x) in /src/f.cs:line 12
		if j := lastIndex(b, ":line "); j > k {
			n, err := strconv.Atoi(strings.TrimSpace(b[j+6:]))
			if err == nil {
				return dotNetFrame(b[:k], b[k+4:j], n), true
			}
		}
	}
	open := lastIndex(b, " (")
	if open > 0 && strings.HasSuffix(b, ")") { // JavaScript: name (file:line:column)
		in := b[open+2 : len(b)-1]
		name := strings.TrimPrefix(strings.TrimPrefix(b[:open], "async "), "new ")
		if k := strings.Index(name, " ["); k > 0 { // Object.method [as alias]
			name = name[:k]
		}
		if strings.Contains(in, "eval at") || strings.Contains(name, "(") {
			return incident.Frame{Function: name}, true
		}
		file, line, ok := splitPos(in)
		if ok || in == "<anonymous>" || in == "native" || strings.HasPrefix(in, "node:") {
			if !ok {
				file = in
			}
			file = strings.TrimPrefix(file, "file://")
			return incident.Frame{File: file, Line: line, Function: name, InApp: inApp(langAt, file, name)}, true
		}
	}
	if paren := strings.IndexByte(b, '('); paren > 0 { // Java: a.b.C.m(File.java:12) ~[x.jar:1.0]
		end := strings.IndexByte(b[paren:], ')')
		if end < 0 {
			return incident.Frame{}, false
		}
		in, name := b[paren+1:paren+end], b[:paren]
		if k := strings.LastIndexByte(name, '/'); k >= 0 { // app//a.b.C.m, java.base/java.lang.Thread.run
			name = name[k+1:]
		}
		if strings.ContainsAny(name, " ") && strings.IndexByte(name, '<') < 0 {
			return incident.Frame{}, false
		}
		file, line, ok := splitPos(in)
		if ok || in == "Native Method" || in == "Unknown Source" || in == "<generated>" || strings.HasSuffix(in, ".java") || strings.HasSuffix(in, ".kt") || strings.HasSuffix(in, ".scala") {
			if !ok && !strings.Contains(in, ".") {
				file = ""
			}
			return incident.Frame{File: file, Line: line, Function: name, InApp: inApp(langAt, "", name)}, true
		}
		if strings.IndexByte(name, '.') > 0 { // .NET without symbols
			return dotNetFrame(b, "", 0), true
		}
		return incident.Frame{}, false
	}
	loc := strings.TrimPrefix(strings.TrimPrefix(b, "async "), "file://")
	if file, line, ok := splitPos(loc); ok && !strings.Contains(file, " ") { // JavaScript without a name
		return incident.Frame{File: file, Line: line, InApp: inApp(langAt, file, "")}, true
	}
	return incident.Frame{}, false
}

func dotNetFrame(sig, file string, line int) incident.Frame {
	name := sig
	if k := strings.IndexByte(sig, '('); k > 0 {
		name = sig[:k]
	}
	return incident.Frame{File: file, Line: line, Function: name, InApp: inApp(langAt, file, name)}
}

// pythonFrame reads `File "x.py", line 12, in name`.
func pythonFrame(b string) (incident.Frame, bool) {
	e := strings.IndexByte(b[6:], '"')
	if e < 0 || !strings.HasPrefix(b[6+e:], `", line `) {
		return incident.Frame{}, false
	}
	file, rest := b[6:6+e], b[6+e+8:]
	n := run(rest, 0, 9)
	line, _ := digits(rest, 0, n)
	name := ""
	if k := strings.Index(rest, ", in "); k >= 0 {
		name = rest[k+5:]
	} else if k := strings.Index(rest, " in "); k >= 0 {
		name = rest[k+4:]
	}
	return incident.Frame{File: file, Line: line, Function: name, InApp: inApp(langPython, file, name)}, n > 0
}

// phpFrame reads "#0 /x.php(12): Foo->bar('a')", "#1 [internal function]: foo()", "#2 {main}".
func phpFrame(b string) (incident.Frame, bool) {
	n := run(b, 1, 5)
	if n == 0 || at(b, 1+n) != ' ' {
		return incident.Frame{}, false
	}
	rest := b[n+2:]
	if rest == "{main}" {
		return incident.Frame{Function: "{main}"}, true
	}
	file, call, ok := strings.Cut(rest, ": ")
	if !ok {
		return incident.Frame{}, false
	}
	if k := strings.IndexByte(call, '('); k > 0 {
		call = call[:k]
	}
	line := 0
	if k := strings.LastIndexByte(file, '('); k > 0 && strings.HasSuffix(file, ")") {
		line, _ = strconv.Atoi(file[k+1 : len(file)-1])
		file = file[:k]
	} else if strings.HasPrefix(file, "[") {
		file = ""
	}
	return incident.Frame{File: file, Line: line, Function: call, InApp: inApp(langPHP, file, call)}, true
}

// parseRubyFrame reads "file.rb:12:in `name'" in its forms.
func parseRubyFrame(b string) (incident.Frame, bool) {
	k := strings.Index(b, ":in ")
	if k < 0 || k+5 > len(b) {
		return incident.Frame{}, false
	}
	file, line, ok := splitPos(b[:k])
	if !ok {
		return incident.Frame{}, false
	}
	name := b[k+5:]
	if e := strings.IndexByte(name, '\''); e >= 0 {
		name = name[:e]
	}
	return incident.Frame{File: file, Line: line, Function: name, InApp: inApp(langRuby, file, name)}, true
}

// goFrame reads "/path/file.go:12 +0x1d"; the function is on the line before.
func goFrame(b, prev string) (incident.Frame, bool) {
	if k := strings.Index(b, " +0x"); k > 0 {
		b = b[:k]
	}
	file, line, ok := splitPos(b)
	if !ok {
		return incident.Frame{}, false
	}
	name := strings.TrimPrefix(trimIndent(prev), "created by ")
	if k := strings.Index(name, " in goroutine "); k > 0 {
		name = name[:k]
	}
	if strings.HasSuffix(name, ")") || strings.HasSuffix(name, "...") {
		if k := goArgs(name); k > 0 {
			name = name[:k]
		}
	}
	if strings.ContainsAny(name, " \t") {
		name = ""
	}
	return incident.Frame{File: file, Line: line, Function: name, InApp: inApp(langGo, file, name)}, true
}

// goArgs gives where the arguments of "main.(*T).f(0x1)" begin.
func goArgs(name string) int {
	depth := 0
	for i := len(name) - 1; i > 0; i-- {
		switch name[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth <= 0 {
				return i
			}
		}
	}
	return strings.IndexByte(name, '(')
}

// rustFrame reads "at /path/file.rs:12:5", whose function is on the line before: "3: app::run".
func rustFrame(b, prev string) (incident.Frame, bool) {
	p := trimIndent(prev)
	n := run(p, 0, 5)
	if n == 0 || !strings.HasPrefix(p[n:], ": ") || !strings.Contains(b, ".rs:") {
		return incident.Frame{}, false
	}
	file, line, ok := splitPos(b[3:])
	if !ok {
		return incident.Frame{}, false
	}
	name := strings.TrimLeft(p[n+2:], " ")
	if strings.HasPrefix(name, "0x") { // 0: 0x55d0 - app::run
		if k := strings.Index(name, " - "); k > 0 {
			name = name[k+3:]
		}
	}
	return incident.Frame{File: file, Line: line, Function: name, InApp: inApp(langRust, file, name)}, true
}
