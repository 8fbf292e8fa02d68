package events

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// A message without a level is judged by its words. The words of trouble are few; what tells "3 errors" from "0 errors",
// "errors: none", "error handler installed", "if an error occurs" and "/errors/500.html" is what stands around them. So
// each such word is looked at with the words before it and the text behind it (words_context.go). Severity is the worst
// of what is left: in doubt a line is harmless, since a false alarm wakes a person and a real problem rarely says only
// one thing.

// wordHead and wordTail are how much of a message's beginning and end is looked at for words. What matters is said
// early, or, where errors are wrapped, last.
const (
	wordHead = 320
	wordTail = 160
)

// wordSeverity reads a severity from the words of a message that has no level.
func wordSeverity(s string) incident.Severity {
	if len(s) < 4 {
		return incident.SeverityUnset
	}
	switch s[0] {
	case 'o', 'P', '-', 't', 0xe2: // what test runners print of a test, whatever its name says
		if hasAnyPrefix(s, "ok ", "PASS", "--- PASS", "✓ ", "✔ ", "√ ") || strings.HasPrefix(s, "test ") && strings.HasSuffix(s, " ok") {
			return incident.SeverityUnset
		}
	case 'n':
		if strings.HasPrefix(s, "not ok ") {
			return incident.SeverityError
		}
	}
	if s = withoutUnit(s); len(s) <= wordHead+wordTail {
		return wordsIn(s)
	}
	worst := wordsIn(s[:wordHead])
	tail := s[len(s)-wordTail:]
	if k := strings.IndexByte(tail, ' '); k >= 0 { // not in the middle of a word
		worst = max(worst, wordsIn(tail[k:]))
	}
	return worst
}

// place is a word with what stands around it.
type place struct {
	s    string
	i, k int       // the word is s[i:k]
	back [4]string // the words before it in its clause, the nearest first
}

func (p *place) word() string { return p.s[p.i:p.k] }
func (p *place) rest() string { return p.s[p.k:] }

func wordsIn(s string) incident.Severity {
	_, sev := wordIn(s)
	return sev
}

// wordIn gives the worst severity that a word of s speaks of, and the first word that does.
func wordIn(s string) (string, incident.Severity) {
	worst, from, to := incident.SeverityUnset, 0, 0
	for i := 0; i < len(s); {
		if !termBytes[s[i]] {
			i++
			continue
		}
		k := i + 1
		for k < len(s) && termBytes[s[k]] {
			k++
		}
		if n := k - i; n > 1 && n < 40 && mayAlarm(s[i:k]) {
			if a := alarmWord(s[i:k]); a.part != partNone {
				p := place{s: s, i: i, k: k, back: wordsBefore(s, i)}
				if sev := p.judge(a); sev > worst {
					worst, from, to = sev, i, k
				}
			}
		}
		i = k
	}
	return s[from:to], worst
}

// termBytes holds which bytes words are made of: those of wordBytes, and all of other alphabets.
var termBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = isWord(byte(c)) || c >= 0x80
	}
	return t
}()

// wordsBefore gives the words of s before i, the nearest first, as far as they stand in the same clause: what is said in another
// one does not negate what follows.
func wordsBefore(s string, i int) (back [4]string) {
	for n := range back {
		for i > 0 && !termBytes[s[i-1]] {
			if c := s[i-1]; c == ',' || c == ';' || c == '.' && at(s, i) == ' ' {
				return back
			}
			i--
		}
		k := i
		for i > 0 && termBytes[s[i-1]] {
			i--
		}
		back[n] = s[i:k]
	}
	return back
}

// part says what part a word plays, and so what can take its sense away.
type part uint8

const (
	partNone   part = iota
	partThing       // error, failure: may be none, handled, or part of another thing's name
	partDone        // failed, killed: something did it
	partDoes        // fails, abort: may only be said of what could be
	partBad         // fatal, uncaught: says how bad the thing behind it is
	partName        // TypeError, ECONNREFUSED: means itself
	partPhrase      // begins a phrase
)

// judge gives the severity that the word speaks of where it stands; a is what it means by itself.
func (p *place) judge(a alarm) incident.Severity {
	w := p.word()
	pt, sev := a.part, a.sev
	switch pt {
	case partPhrase:
		if !p.phrase() {
			return incident.SeverityUnset
		}
		return incident.SeverityError
	case partName:
		if !p.alone() || p.negated(pt) || nothing(p.rest()) {
			return incident.SeverityUnset
		}
		return sev
	}
	if !p.alone() || p.negated(pt) || nothing(p.rest()) || p.aside(pt) {
		return incident.SeverityUnset
	}
	if p.overcome(w) {
		return incident.SeverityWarning
	}
	return p.inContext(sev)
}

// alarm is what a word means by itself.
type alarm struct {
	part part
	sev  incident.Severity
}

// alarms holds the words, in lower case.
var alarms = func() map[string]alarm {
	all := make(map[string]alarm)
	for _, a := range [...]struct {
		part  part
		sev   incident.Severity
		words []string
	}{
		{partThing, incident.SeverityError, []string{
			"error", "errors", "exception", "exceptions", "failure", "failures", "crash", "crashes", "deadlock", "corruption", "traceback",
		}},
		{partDone, incident.SeverityError, []string{
			"failed", "aborted", "crashed", "corrupt", "corrupted", "killed", "denied", "refused", "unreachable", "dumped", "panicked",
			"unreadable", "violates", "aborting", "exhausted",
		}},
		{partDoes, incident.SeverityError, []string{
			"fail", "fails", "failing", "abort", "cannot", "unable",
		}},
		{partBad, incident.SeverityError, []string{
			"unhandled", "uncaught",
		}},
		{partBad, incident.SeverityFatal, []string{
			"fatal", "critical", "emergency",
		}},
		{partThing, incident.SeverityFatal, []string{
			"panic", "segfault", "segmentation",
		}},
		{partThing, incident.SeverityWarning, []string{
			"warn", "warning", "deprecated", "timeout", "retrying",
		}},
		{partDone, incident.SeverityWarning, []string{
			"timed",
		}},
		{partName, incident.SeverityError, []string{
			"crashloopbackoff", "imagepullbackoff", "errimagepull", "oomkilled", "oomkill",
		}},
		{partPhrase, incident.SeverityError, []string{
			"able", "address", "already", "bad", "bug", "can", "certificate", "command", "core", "could", "couldn", "deadline", "disk", "err", "exceeded",
			"exit", "exitcode", "exited", "file", "full", "http", "illegal", "invalid", "license", "lockup", "lost", "name", "no", "not", "oom", "oops",
			"out", "overflow", "protection", "quota", "read", "return", "returned", "service", "signal", "status", "statuscode",
			"terminate", "too", "undefined", "unexpected", "violation", "x509",
		}},
	} {
		for _, w := range a.words {
			all[w] = alarm{a.part, a.sev}
		}
	}
	return all
}()

// alarmTable is what alarms are looked up in.
var alarmTable = newWordTable(alarms)

// mayAlarm says no to most of the words that mean nothing by themselves; w has two bytes or more.
func mayAlarm(w string) bool {
	c, n := w[0], len(w)
	return alarmTable.shapes[c|0x20]>>n&1 != 0 || isUpper(c) && (n > 5 && (w[n-1] == 'r' || w[n-1] == 'n') || c == 'E' && isUpper(w[1]))
}

// alarmWord gives what a single word means.
func alarmWord(w string) alarm {
	if a, ok := alarmTable.find(w); ok {
		return a
	}
	if exceptionName(w) || errnoName(w) {
		return alarm{partName, incident.SeverityError}
	}
	return alarm{}
}

// exceptionName says whether w is a name of the form SomethingError, SomethingException.
func exceptionName(w string) bool {
	n := len(w)
	return n > 5 && isUpper(w[0]) && (w[n-5:] == "Error" || n > 9 && w[n-9:] == "Exception")
}

// errnoName lists the names of system errors that mean that something does not work; that a peer went away does not.
func errnoName(w string) bool {
	if len(w) < 4 || w[0] != 'E' || !isUpper(w[1]) {
		return false
	}
	switch w {
	case "ECONNREFUSED", "ECONNABORTED", "EADDRINUSE", "EADDRNOTAVAIL", "ENOENT", "EACCES", "EPERM", "ENOSPC", "EMFILE", "ENFILE", "ETIMEDOUT",
		"ENOTFOUND", "ENOMEM", "EHOSTUNREACH", "ENETUNREACH", "EROFS", "EIO", "EBADF", "EDQUOT", "EAI_AGAIN", "EAI_NONAME", "ESOCKETTIMEDOUT",
		"ELIFECYCLE", "ERESOLVE", "EINTEGRITY", "ENOTEMPTY", "EISDIR", "ENOTDIR", "ELOOP":
		return true
	}
	return false
}

// phrase says whether the phrase that may begin, or end, with the word is there and means trouble.
func (p *place) phrase() bool {
	w, rest := p.word(), p.rest()
	b0, b1 := p.back[0], p.back[1]
	if c := at(p.s, p.i-1); c == '_' || c == '/' && w != "dev" || c == '$' {
		return false
	}
	switch {
	case fold(w, "able"):
		return fold(b0, "not") && foldPrefix(rest, " to ")
	case fold(w, "address"), fold(w, "already"):
		return foldPrefix(rest, " already in use") || foldPrefix(rest, " in use") && fold(b0, "port")
	case fold(w, "bad"):
		return foldPrefix(rest, " gateway")
	case w == "BUG", w == "Oops":
		return at(rest, 0) == ':'
	case fold(w, "can"), fold(w, "couldn"):
		return foldPrefix(rest, "'t ") || foldPrefix(rest, "’t ")
	case fold(w, "could"):
		return foldPrefix(rest, " not ")
	case fold(w, "certificate"), fold(w, "license"):
		return foldPrefix(rest, " has expired") || foldPrefix(rest, " expired")
	case fold(w, "command"), fold(w, "file"):
		return foldPrefix(rest, " not found")
	case fold(w, "core"):
		return foldPrefix(rest, " dumped")
	case fold(w, "deadline"), fold(w, "quota"):
		return foldPrefix(rest, " exceeded")
	case fold(w, "exceeded"):
		return fold(b0, "timeout") || fold(b0, "watermark")
	case fold(w, "disk"):
		return foldPrefix(rest, " full") || foldPrefix(rest, " is full")
	case fold(w, "err"):
		return at(rest, 0) == '!'
	case fold(w, "exit"), fold(w, "exited"), fold(w, "exitcode"):
		n, ok := exitCode(rest)
		return ok && n != 0
	case fold(w, "return"):
		if !foldPrefix(rest, " code") {
			return false
		}
		n, ok := exitCode(rest)
		return ok && n != 0
	case fold(w, "status"), fold(w, "statuscode"), fold(w, "http"), fold(w, "returned"):
		if fold(b0, "exited") && at(rest, 0) == '=' { // systemd: code=exited, status=1/FAILURE
			return false // said by what precedes it
		}
		if w == "status" && at(rest, 0) == '=' {
			n := run(rest, 1, 3)
			return n > 0 && at(rest, 1+n) == '/' && rest[1:1+n] != "0"
		}
		return serverStatus(rest, fold(w, "returned"))
	case fold(w, "full"):
		return (fold(b0, "disk") || fold(b0, "filesystem") || fold(b0, "device") || fold(b0, "partition") || fold(b0, "volume") || fold(b0, "table")) && !wordNext(rest)
	case fold(w, "illegal"):
		return foldPrefix(rest, " instruction")
	case fold(w, "invalid"):
		return foldPrefix(rest, " memory address")
	case fold(w, "lost"):
		return foldPrefix(rest, " connection to ") || foldPrefix(rest, " the connection to ")
	case fold(w, "lockup"):
		return fold(b0, "soft") || fold(b0, "hard")
	case fold(w, "name"):
		return foldPrefix(rest, " or service not known")
	case fold(w, "no"):
		return foldPrefix(rest, " such file") || foldPrefix(rest, " such host") || foldPrefix(rest, " such device") ||
			foldPrefix(rest, " space left") || foldPrefix(rest, " route to host") || foldPrefix(rest, " live upstreams") ||
			(foldPrefix(rest, " server available") || foldPrefix(rest, " servers available") || foldPrefix(rest, " backend available")) && !p.conditional()
	case fold(w, "not"):
		return foldPrefix(rest, " responding") || foldPrefix(rest, " permitted")
	case fold(w, "oom"):
		return foldPrefix(rest, "-kill")
	case fold(w, "out"):
		return foldPrefix(rest, " of memory") && !p.conditional()
	case fold(w, "overflow"):
		return (fold(b0, "stack") || fold(b0, "buffer") || fold(b0, "heap")) && !fold(b1, "on") && !p.negated(partThing)
	case fold(w, "protection"):
		return foldPrefix(rest, " fault")
	case fold(w, "read"):
		return foldPrefix(rest, "-only file system")
	case fold(w, "service"):
		return foldPrefix(rest, " unavailable")
	case fold(w, "signal"):
		if !fold(b0, "on") && !fold(b0, "by") && !fold(b0, "with") || at(rest, 0) != ' ' {
			return false
		}
		n := run(rest, 1, 2)
		switch rest[1 : 1+n] {
		case "4", "6", "7", "8", "9", "11":
			return true
		}
	case fold(w, "terminate"):
		return foldPrefix(rest, " called ")
	case fold(w, "too"):
		return foldPrefix(rest, " many ") && !foldPrefix(rest, " many requests") || foldPrefix(rest, " quickly") && fold(b0, "repeated")
	case fold(w, "undefined"):
		return foldPrefix(rest, " symbol") || foldPrefix(rest, " reference to") || foldPrefix(rest, " method")
	case fold(w, "unexpected"):
		return foldPrefix(rest, " eof") || foldPrefix(rest, " token") || foldPrefix(rest, " end of")
	case fold(w, "violation"):
		return !p.negated(partThing) && !nothing(rest) && !tameThing(rest)
	case fold(w, "x509"):
		return at(rest, 0) == ':'
	}
	return false
}

// exitCode reads " with code 3", " status 3", "(3)", "=3": what a process ended with.
func exitCode(rest string) (int, bool) {
	for _, w := range [...]string{" with", " exit", " status", " code", " value"} {
		if foldPrefix(rest, w) {
			rest = rest[len(w):]
		}
	}
	i := 0
	for i < 4 && i < len(rest) && strings.IndexByte(" :=(-", rest[i]) >= 0 {
		i++
	}
	n := run(rest, i, 10)
	if i == 0 || n == 0 || n > 9 || isWord(at(rest, i+n)) {
		return 0, false
	}
	v, _ := digits(rest, i, n)
	return v, true
}

// serverStatus says whether what follows is an HTTP status of 500 and more. Behind "returned" it might be a count too.
func serverStatus(rest string, counts bool) bool {
	if foldPrefix(rest, " code") {
		rest = rest[5:]
	}
	if foldPrefix(rest, " status") {
		rest = rest[7:]
	}
	i := 0
	for i < 3 && i < len(rest) && (rest[i] == ' ' || rest[i] == ':' || rest[i] == '=') {
		i++
	}
	n := run(rest, i, 4)
	if i == 0 || n != 3 || rest[i] != '5' || rest[i+1] > '1' || isWord(at(rest, i+3)) || at(rest, i+3) == '.' && isDigit(at(rest, i+4)) {
		return false
	}
	return !counts || at(rest, i+3) != ' ' || !isLower(at(rest, i+4))
}
