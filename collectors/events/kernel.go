package events

import "strings"

// readKernel reads "[12345.678901] message", the form of dmesg. Its time is one since boot, which says nothing here.
func readKernel(s string, h *head) bool {
	i := 1
	for at(s, i) == ' ' {
		i++
	}
	n := run(s, i, 12)
	if n == 0 || at(s, i+n) != '.' {
		return false
	}
	m := run(s, i+n+1, 7)
	k := i + n + 1 + m
	if m != 6 || at(s, k) != ']' {
		return false
	}
	h.format, h.headed = FormatKernel, true
	h.msg = strings.TrimPrefix(s[k+1:], " ")
	if len(h.msg) > 2 && h.msg[0] == '[' && h.msg[1] == ' ' { // the CPU or task: "[   T12] "
		if e := strings.IndexByte(h.msg[:min(len(h.msg), 12)], ']'); e > 0 {
			h.msg = strings.TrimPrefix(h.msg[e+1:], " ")
		}
	}
	return true
}

// readPriority reads "<3>message", as programs write to the journal and the kernel to its ring buffer: the level is that of
// syslog. What the message says of itself goes before it.
func (r *reader) readPriority(s string, h *head) bool {
	if len(s) < 4 || s[2] != '>' || s[1] < '0' || s[1] > '7' {
		return false
	}
	sev := syslogSeverity(int(s[1] - '0'))
	if s[3] == '<' { // only once
		h.msg = s[3:]
	} else {
		r.read(s[3:], h)
	}
	if !h.leveled {
		h.sev, h.leveled, h.headed = sev, true, true
	}
	return true
}

// readDmesg reads what dmesg -x prints: "kern  :err   : [    1.234567] message".
func readDmesg(s string, h *head) bool {
	if !hasAnyPrefix(s, "kern ", "user ", "daemon:", "syslog:", "auth ") {
		return false
	}
	level, _, ok := strings.Cut(s[7:min(len(s), 18)], ":")
	if !ok {
		return false
	}
	sev, ok := levelWord(strings.TrimSpace(level))
	if !ok {
		return false
	}
	rest := strings.TrimLeft(s[7+len(level)+1:], " ")
	if !strings.HasPrefix(rest, "[") || !readKernel(rest, h) {
		return false
	}
	h.sev, h.leveled = sev, true
	return true
}
