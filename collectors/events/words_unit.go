package events

import "strings"

// What a thing is called, and what a unit's description says, tells nothing of what happened to it: "Started crash.service - Kernel
// crash dump capture." tells of a start.

// withoutUnit takes off s what only names a unit that a service manager started, stopped or reached: what is left is what was done.
// Any other message comes back whole.
func withoutUnit(s string) string {
	if len(s) < 10 || s[len(s)-1] != '.' {
		return s
	}
	if k := strings.Index(s, " was skipped because "); k > 0 && unitName(s[:k], -1) > 0 {
		return s[k:]
	}
	if !isUpper(s[0]) {
		return s
	}
	if strings.HasPrefix(s, "Condition check resulted in ") && strings.HasSuffix(s, " being skipped.") {
		return s[:15]
	}
	verb := strings.IndexByte(s, ' ')
	if verb < 3 || verb > 16 {
		return s
	}
	if k := unitName(s, verb); k > 0 {
		return s[:k]
	}
	if !unitDone(s) {
		return s
	}
	// Before it named units, systemd wrote descriptions alone: a title, and nothing behind it.
	if name := strings.TrimRight(s[verb+1:], "."); !isUpper(at(name, 0)) || strings.ContainsAny(name, ":;,") || strings.Contains(name, ". ") || excused(name) {
		return s
	}
	return s[:verb]
}

// unitName gives the end of a unit's name that one of the first words behind the verb is, where a description follows; else 0.
func unitName(s string, verb int) int {
	s = s[:min(len(s), wordHead)]
	for end := 0; ; end += 3 {
		k := strings.Index(s[end:], " - ")
		if k < 0 {
			return 0
		}
		end += k
		start := strings.LastIndexByte(s[:end], ' ') + 1
		if start <= verb || strings.Count(s[:start], " ") > 5 {
			return 0
		}
		dot := strings.LastIndexByte(s[start:end], '.')
		if dot < 1 {
			continue
		}
		switch s[start+dot+1 : end] {
		case "service", "socket", "target", "timer", "mount", "automount", "swap", "path", "slice", "scope", "device":
			return end
		}
	}
}

// unitDone says whether s begins with what is done to units every day.
func unitDone(s string) bool {
	return hasAnyPrefix(s, "Starting ", "Started ", "Stopping ", "Stopped ", "Finished ", "Reloading ", "Reloaded ", "Listening on ", "Reached target ",
		"Created slice ", "Removed slice ", "Closed ")
}

// excused says whether a reason follows the name: "Stopped Worker after a fatal error."
func excused(name string) bool {
	for _, w := range [...]string{" after ", " because ", " due ", " with ", " on ", " by ", " since "} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
