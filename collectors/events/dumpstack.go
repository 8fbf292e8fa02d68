package events

import "strings"

// dump takes a line of one of the families of dump.go that is no frame, and says whether that was all there is to it.
func (sr *stackReader) dump(b string) bool {
	cur := &sr.blocks[sr.cur]
	name := func(typ, text string) {
		if !cur.named {
			cur.typ, cur.text, cur.named = typ, text, true
		}
	}
	switch sr.lang {
	case langReport:
		switch {
		case ruler(b) || b == "#":
		case b == "WARNING: DATA RACE" || b == "DATA RACE":
			sr.said = "DATA RACE"
			name("DATA RACE", "")
		case sanitizerLine(b):
			if k := strings.Index(b, "ERROR: "); k > 0 && !cur.named {
				sr.said = b[k+7:]
				name(splitException(sr.said))
			}
		case strings.HasPrefix(b, "FATAL ERROR: ") && !cur.named:
			sr.said = b
			name("fatal error", b[13:])
		case strings.HasPrefix(b, redisReport) || strings.HasPrefix(b, "<--- "):
			sr.report = sr.report || b[0] == '='
		case sr.report && !cur.named:
			sr.said = b
			name("fatal error", b)
		case strings.HasPrefix(b, "# "):
			text := strings.TrimSpace(b[1:])
			if hasAnyPrefix(text, "SIG", "EXCEPTION_", "Internal Error") && !cur.named {
				typ, _, _ := strings.Cut(text, " ")
				name(typ, text)
				if sr.said != "" {
					sr.said += " " + text
				}
			} else if sr.said == "" {
				sr.said = text
			}
		case strings.HasSuffix(b, " INNODB MONITOR OUTPUT"):
			sr.said = "INNODB MONITOR OUTPUT"
			name("", "")
		case hasAnyPrefix(b, "freed by ", "previously allocated ", "Shadow bytes ", "allocated by "):
			sr.goDone = true
		}
		return true
	case langNative:
		switch {
		case strings.HasPrefix(b, "terminate called after throwing an instance of '"):
			name(strings.TrimSuffix(b[48:], "'"), "")
		case strings.HasPrefix(b, "what():"):
			cur.text = strings.TrimSpace(b[7:])
		case strings.HasPrefix(b, "Fatal error: "):
			name("Fatal error", b[13:])
		case strings.HasPrefix(b, "terminate called "):
			name("terminate", b)
		case strings.HasPrefix(b, "*** "):
			name("", strings.Trim(b, "* "))
		case strings.HasPrefix(b, "Thread ") && len(cur.frames) > 0:
			sr.goDone = true
		}
		return true
	case langBeam:
		switch {
		case strings.HasPrefix(b, "** ("):
			return false
		case hasAnyPrefix(b, "exception error: ", "exception exit: ", "exception throw: "):
			typ, text, _ := strings.Cut(b[10:], ": ")
			name(typ, text)
			sr.said = b
		case strings.HasPrefix(b, "{") && strings.HasSuffix(sr.prev, " with exit value:"):
			typ, _, _ := strings.Cut(b[1:], ",")
			name(typ, "")
			sr.said = typ
		case hasAnyPrefix(b, "Last message", "Client ", "State: ", "Function: "):
			sr.goDone = len(cur.frames) > 0
		case hasAnyPrefix(b, "Error in process ", "Supervisor: ") && sr.said == "":
			sr.said = b
		}
		return true
	case langKernel:
		if !cur.named && !strings.HasPrefix(b, "------------[") {
			typ, text, _ := strings.Cut(b, ":")
			if strings.HasSuffix(typ, " invoked oom-killer") {
				typ, text = "oom-killer", b
			}
			name(typ, strings.TrimSpace(text))
			if sr.prev != "" {
				sr.said = b
			}
		}
		return true
	case langDart:
		if b != "Unhandled exception:" && !cur.named && !strings.HasPrefix(b, "══") {
			name(splitException(b))
		}
		return true
	case langLua, langShell:
		return false
	}
	return false
}

// beamHead reads "** (ArgumentError) text".
func beamHead(s string) (typ, text string, ok bool) {
	if !strings.HasPrefix(s, "** (") {
		return "", "", false
	}
	typ, text, ok = strings.Cut(s[4:], ")")
	return typ, strings.TrimSpace(text), ok
}

// more takes over the frames that a cause has in common with what it caused ("... 12 more"), but only where the cause has none
// of the service's own: then they are what tells two places apart. Otherwise the cause's own frames say where it came about,
// whatever way led there.
func (sr *stackReader) more(n int) {
	cur := &sr.blocks[sr.cur]
	if sr.cur == 0 || sr.suppressed >= 0 {
		return
	}
	for i := range cur.frames {
		if cur.frames[i].InApp {
			return
		}
	}
	from := sr.blocks[sr.cur-1].frames
	from = from[max(0, len(from)-n):]
	cur.frames = append(cur.frames, from[:min(len(from), maxFrames-len(cur.frames))]...)
}
