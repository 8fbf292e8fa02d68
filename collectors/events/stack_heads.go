package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// The lines of a trace that are no frames: the exception, its text, and what begins a cause.

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
