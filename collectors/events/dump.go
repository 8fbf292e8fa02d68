package events

import "strings"

// The grammars of what is printed by no exception of a managed language: sanitizers and the race detector, crashes of native
// code, the kernel, BEAM, Lua, Dart, PowerShell. Each has lines of its own that don't look like the service's.

const (
	phaseRace   uint8 = iota + 1 // langReport: between two rulers of the race detector
	phaseAsan                    // langReport: a sanitizer's report
	phaseInnoDB                  // langReport: the monitor's output, up to its END line
	phaseHash                    // langReport: the JVM's crash notice, every line of it begins with #
	phaseHeap                    // langReport: what V8 prints when its heap is full
	phaseRedis                   // langReport: Redis' report of its own crash, up to its END line
	phaseEnding                  // langReport: only the closing ruler is still to come
	phaseClosed                  // langReport: nothing goes on with it
)

// maxReport is how many lines a report may have that says itself where it ends.
const maxReport = 4000

// ruler says whether b is a line of nothing but '='.
func ruler(b string) bool {
	return len(b) >= 18 && b[0] == '=' && strings.Trim(b, "=") == ""
}

// beginDump is beginTrace for the families of this file. t is without its indentation.
func beginDump(t string) trace {
	switch t[0] {
	case '=':
		switch {
		case ruler(t):
			return trace{lang: langReport}
		case sanitizerLine(t):
			return trace{lang: langReport, phase: phaseAsan}
		case strings.HasPrefix(t, redisReport+"START"):
			return trace{lang: langReport, phase: phaseRedis}
		case strings.HasSuffix(t, " ===") && strings.Contains(t, " REPORT==== "):
			return trace{lang: langBeam, phase: phaseText}
		}
	case '#':
		if t == "#" {
			return trace{lang: langReport, phase: phaseHash}
		}
	case '<':
		if strings.HasPrefix(t, "<--- Last few GCs --->") {
			return trace{lang: langReport, phase: phaseHeap}
		}
	case 'A':
		if strings.HasPrefix(t, "AddressSanitizer:DEADLYSIGNAL") {
			return trace{lang: langReport, phase: phaseAsan}
		}
	case 'D':
		if t == "DATA RACE" {
			return trace{lang: langReport, phase: phaseRace}
		}
	case 't':
		if strings.HasPrefix(t, "terminate called ") {
			return trace{lang: langNative}
		}
	case 'F':
		if strings.HasPrefix(t, "Fatal error: ") { // Swift; PHP's goes before
			return trace{lang: langNative}
		}
	case '*':
		switch {
		case strings.HasPrefix(t, "** ("):
			if k := strings.IndexByte(t, ')'); k > 4 && at(t, k+1) == ' ' {
				return trace{lang: langBeam}
			}
		case hasAnyPrefix(t, "*** Aborted at ", "*** Error in `", "*** SIG", "*** Signal ", "*** Terminating app", "*** Check failure"):
			return trace{lang: langNative}
		}
	case 'U':
		if t == "Unhandled exception:" {
			return trace{lang: langDart, phase: phaseText}
		}
	case 0xe2:
		if strings.HasPrefix(t, "══╡ EXCEPTION CAUGHT BY ") {
			return trace{lang: langDart, phase: phaseGroup}
		}
	}
	if isUpper(t[0]) { // Get-Content : Cannot find path
		k, dash := 1, false
		for k < len(t) && (isLetter(t[k]) || t[k] == '-') {
			dash = dash || t[k] == '-'
			k++
		}
		if dash && strings.HasPrefix(t[k:], " : ") {
			return trace{lang: langShell}
		}
	}
	from := 0
	for range 4 { // what is told by what stands before one of the first colons
		k := strings.IndexByte(t[from:], ':')
		if k < 0 {
			break
		}
		k += from
		from = k + 1
		switch {
		case strings.HasSuffix(t[:k], ".lua"):
			if n := run(t, k+1, 7); n > 0 && strings.HasPrefix(t[k+1+n:], ": ") {
				return trace{lang: langLua}
			}
		case strings.HasSuffix(t[:k], " invoked oom-killer"):
			return trace{lang: langKernel, phase: phaseText}
		}
	}
	return kernelBegin(t)
}

// dumpFamily is frameFamily for the families of this file.
func dumpFamily(b string) lang {
	switch b[0] {
	case 's':
		if b == "stack traceback:" {
			return langLua
		}
	case 'A':
		if strings.HasPrefix(b, "At ") {
			if k := lastIndex(b, " char:"); k > 0 && run(b, k+6, 6) == len(b)-k-6 {
				return langShell
			}
		}
	case 'S':
		if hasAnyPrefix(b, "Stack trace (most recent call ", "Stack trace of thread ") {
			return langNative
		}
	case '=':
		if hasAnyPrefix(b, "======= Backtrace: ==", "======= Memory map: ==") {
			return langNative
		}
	}
	return langNone
}

// stepDump says whether b, which was s before its indentation was taken off, goes on with the trace.
func (t *trace) stepDump(b string, indented bool) bool {
	switch t.lang {
	case langReport:
		return t.stepReport(b, indented)
	case langNative:
		return t.stepNative(b, indented)
	case langBeam:
		return t.stepBeam(b, indented)
	case langKernel:
		return t.stepKernel(b)
	case langLua:
		return indented || hasAnyPrefix(b, "[C]: in ", "stack traceback:", "coroutine ", "(...tail calls...)")
	case langPerl:
		return indented && strings.Contains(b, " called at ")
	case langShell:
		return indented || strings.HasPrefix(b, "+ ") || dumpFamily(b) == langShell
	case langDart:
		return t.stepDart(b, indented)
	}
	return false
}

// redisReport begins the first and the last line of Redis' report of its own crash.
const redisReport = "=== REDIS BUG REPORT "

// redisLine says whether b has the header of Redis: "7:M 02 Jan ...".
func redisLine(b string) bool {
	n := run(b, 0, 8)
	return n > 0 && at(b, n) == ':' && isUpper(at(b, n+1)) && at(b, n+2) == ' '
}

func (t *trace) stepReport(b string, indented bool) bool {
	if t.depth++; t.depth > maxReport {
		return false
	}
	switch t.phase {
	case phaseStart:
		switch {
		case b == "WARNING: DATA RACE" || strings.HasPrefix(b, "WARNING: ThreadSanitizer: "):
			t.phase = phaseRace
		case sanitizerLine(b):
			t.phase = phaseAsan
		case strings.HasSuffix(b, " INNODB MONITOR OUTPUT"):
			t.phase = phaseInnoDB
		default:
			return false
		}
		return true
	case phaseRace:
		if ruler(b) {
			t.phase = phaseClosed
			return true
		}
		return indented || hasAnyPrefix(b, "Read at ", "Write at ", "Previous ", "Goroutine ", "Read of ", "Write of ", "Location is ", "Mutex ",
			"Thread T", "SUMMARY: ", "Atomic ") || b == "WARNING: DATA RACE"
	case phaseAsan:
		if strings.HasPrefix(b, "==") && strings.HasSuffix(b, "==ABORTING") {
			t.phase = phaseClosed
			return true
		}
		return indented || ruler(b) || sanitizerLine(b) || sanitizerText(b)
	case phaseInnoDB:
		if strings.HasPrefix(b, "END OF INNODB MONITOR OUTPUT") {
			t.phase = phaseEnding
		}
		return true
	case phaseHeap:
		n := run(b, 0, 3)
		return indented || n > 0 && strings.HasPrefix(b[n:], ": 0x") || hasAnyPrefix(b, "[", "<--- ", "FATAL ERROR: ", "----- Native stack trace", "Aborted")
	case phaseRedis:
		if strings.HasPrefix(b, redisReport+"END") {
			t.phase = phaseClosed
		}
		return t.depth > 1 || redisLine(b)
	case phaseHash:
		if t.depth == 1 {
			return hasAnyPrefix(b, "# A fatal error has been detected", "# There is insufficient memory for the Java")
		}
		return b[0] == '#'
	case phaseEnding:
		t.phase = phaseClosed
		return ruler(b)
	}
	return false
}

// inReport says whether the lines of the report, whatever they look like, are the report's.
func (t *trace) inReport() bool {
	return t.lang == langReport && t.phase != phaseClosed
}

// sanitizerLine says whether b is "==123==ERROR: AddressSanitizer: ..." or another line with that mark.
func sanitizerLine(b string) bool {
	if !strings.HasPrefix(b, "==") {
		return false
	}
	n := run(b, 2, 10)
	return n > 0 && strings.HasPrefix(b[2+n:], "==")
}

func sanitizerText(b string) bool {
	return hasAnyPrefix(b, "READ of size ", "WRITE of size ", "0x", "freed by thread ", "previously allocated ", "allocated by thread ",
		"Shadow byte", "=>0x", "SUMMARY: ", "Direct leak of ", "Indirect leak of ", "Thread T", "AddressSanitizer ", "Address 0x", "HINT: ",
		"This frame has ", "Register values:", "Uninitialized value ", "Command: ", "ACCESS of size ")
}

func (t *trace) stepNative(b string, indented bool) bool {
	switch {
	case indented, strings.HasPrefix(b, "@ "), nativeFrameLine(b), dumpFamily(b) == langNative:
		t.phase = phaseFrames
		return true
	case hasAnyPrefix(b, "what():", "PC: @", "Current stack trace:", "terminate called recursively", "*** ", "First throw call stack:", "Backtrace:",
		"Registers:", "Images (", "libc++abi"):
		return true
	case strings.HasPrefix(b, "Thread ") && strings.HasSuffix(b, ":"):
		return true
	case strings.HasPrefix(b, "Aborted"), b == "Segmentation fault", strings.HasPrefix(b, "Segmentation fault ("), strings.HasPrefix(b, "Trace/breakpoint trap"):
		return true
	case t.phase == phaseFrames: // a memory map: 00400000-00452000 r-xp ...
		k := strings.IndexByte(b, '-')
		return k > 6 && k < 18 && strings.Contains(b[:min(len(b), 48)], "p ") && strings.Trim(b[:k], "0123456789abcdef") == ""
	}
	return false
}

// nativeFrameLine says whether b is a frame of a debugger, a sanitizer, glibc or Swift.
func nativeFrameLine(b string) bool {
	if b[0] == '#' {
		n := run(b, 1, 5)
		rest := strings.TrimLeft(b[1+n:], " ")
		return n > 0 && strings.HasPrefix(rest, "0x")
	}
	if isDigit(b[0]) {
		n := run(b, 0, 4)
		rest := strings.TrimLeft(b[n:], " \t")
		return len(rest) < len(b)-n && (strings.HasPrefix(rest, "[") || strings.HasPrefix(rest, "0x") || strings.Contains(rest, " 0x") || strings.Contains(rest, " in "))
	}
	if b[len(b)-1] == ']' { // ./app(_ZN3foo3barEv+0x1a) [0x55d0c0de]
		k := lastIndex(b, "[0x")
		return k > 0 && strings.IndexByte(b[:k], '(') > 0
	}
	return false
}

func (t *trace) stepBeam(b string, indented bool) bool {
	switch {
	case indented:
		if t.phase == phaseText {
			t.phase = phaseFrames
		}
		return true
	case strings.HasPrefix(b, "** ("):
		return false
	case t.phase == phaseText, t.phase == phaseFrames && strings.HasPrefix(b, "** "): // a report of Erlang's ends with a blank line
		t.depth++
		return t.depth < maxTextLines
	}
	return hasAnyPrefix(b, "Last message", "State: ", "Client #PID", "Function: ", "Args: ", "Start Call: ", "Initial Call: ", "Ancestors: ", "Registered name: ")
}

func (t *trace) stepDart(b string, indented bool) bool {
	if t.phase == phaseGroup { // Flutter's box, up to its lower edge
		if strings.HasPrefix(b, "════") {
			t.phase = phaseDone
		}
		t.depth++
		return t.depth < maxLoose
	}
	if t.phase == phaseDone {
		return false
	}
	if b[0] == '#' || b == "<asynchronous suspension>" || indented {
		t.phase = phaseFrames
		return true
	}
	t.depth++
	return t.phase == phaseText && t.depth <= maxTextLines
}

// kernelBegin says whether a kernel's message begins a dump.
func kernelBegin(t string) trace {
	begins := false
	switch t[0] {
	case 'B':
		begins = strings.HasPrefix(t, "BUG: ") && hasAnyPrefix(t[5:], "unable to handle", "kernel ", "soft lockup", "scheduling", "sleeping function", "KASAN", "Bad page")
	case 'I':
		begins = strings.HasPrefix(t, "INFO: ") && hasAnyPrefix(t[6:], "task ", "rcu_")
	case 'K':
		begins = strings.HasPrefix(t, "Kernel panic - not syncing")
	case 'O':
		begins = strings.HasPrefix(t, "Oops: ")
	case 'U':
		begins = strings.HasPrefix(t, "Unable to handle kernel")
	case 'W':
		begins = strings.HasPrefix(t, "WARNING: CPU: ")
	case 'g':
		begins = strings.HasPrefix(t, "general protection fault")
	case 'k':
		begins = strings.HasPrefix(t, "kernel BUG at ")
	case 'r':
		begins = strings.HasPrefix(t, "rcu: INFO: ")
	case 'w':
		begins = strings.HasPrefix(t, "watchdog: BUG: ")
	case '-':
		begins = strings.HasPrefix(t, "------------[ cut here ]")
	}
	if begins {
		return trace{lang: langKernel}
	}
	return trace{}
}

func (t *trace) stepKernel(b string) bool {
	if t.phase == phaseDone {
		return false
	}
	if t.depth++; t.depth > maxReport {
		return false
	}
	if t.phase == phaseText { // the memory's state and every task's, up to who was killed
		if hasAnyPrefix(b, "Out of memory: ", "Memory cgroup out of memory: ", "Killed process ") {
			t.phase = phaseDone
		}
		return !strings.Contains(b, " invoked oom-killer: ")
	}
	if hasAnyPrefix(b, "---[ end ", "---[ end Kernel") {
		t.phase = phaseDone
		return true
	}
	if strings.HasPrefix(b, "------------[ cut here ]") {
		return false
	}
	if k := strings.IndexByte(b, ':'); k > 0 && k <= 20 && kernelField(b[:k]) {
		return true
	}
	return kernelFrameLine(b) || hasAnyPrefix(b, "<", "BUG: ", "Oops: ", "#PF: ", "PGD ", "Call Trace", "Modules linked in", "Workqueue: ", "kernel BUG at ",
		"WARNING: CPU: ", "invalid opcode", "general protection", "\"echo 0 > /proc/sys/kernel/hung_task", "task:", "Kernel panic", "Internal error", "Mem abort info",
		"Not tainted", "Tainted: ", "? ")
}

// kernelField says whether s is what stands before the colon in a dump of registers.
func kernelField(s string) bool {
	s = strings.TrimSpace(s)
	switch s {
	case "CPU", "RIP", "RSP", "RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "R08", "R09", "R10", "R11", "R12", "R13", "R14", "R15", "FS", "GS", "CS", "DS", "ES",
		"CR0", "CR2", "CR3", "CR4", "DR0", "DR3", "DR6", "PKRU", "Code", "Hardware name", "EIP", "ESP", "EAX", "EFLAGS", "pc", "lr", "sp", "pstate", "Tainted", "Comm",
		"Call Trace", "Call trace", "Stack", "Process", "Workqueue":
		return true
	}
	return len(s) > 1 && len(s) < 4 && s[0] == 'x' && isDigit(s[1])
}

// kernelFrameLine says whether b is "name+0x12/0x34", perhaps with a module behind it.
func kernelFrameLine(b string) bool {
	b = strings.TrimPrefix(b, "? ")
	k := strings.Index(b, "+0x")
	return k > 0 && strings.IndexByte(b[:k], ' ') < 0 && strings.Contains(b[k:], "/0x")
}
