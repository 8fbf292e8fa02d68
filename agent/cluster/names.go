package cluster

import "strings"

// What tells that a word is a name rather than a part of the sentence, going by its own shape and by what stands around it.

// identifier says whether a word looks made up: joined by punctuation or written in camel case.
func identifier(s string) bool {
	for k := range len(s) {
		switch c := s[k]; {
		case c == '_' || c == '.' || c == '-' || c == '$' || c == '/' || c == '\\':
			return true
		case c >= '0' && c <= '9':
			return true
		}
	}
	return camel(s)
}

// dotted says whether a word is a name of several parts, as hosts, units, packages and settings have: "nginx.service". The
// name of an exception is none: it says what happened.
func dotted(s string) bool {
	return strings.ContainsAny(s, "./") && !strings.HasSuffix(s, "Exception") && !strings.HasSuffix(s, "Error")
}

// enclosed says whether the place p of e stands in brackets alone.
func (e *entry) enclosed(p int) bool {
	sig := e.sig[e.prefix:]
	from, to := int(e.places[p].from), int(e.places[p].to)
	return from > 0 && to < len(sig) && closing(sig[from-1]) == sig[to]
}

// announced gives how many values the place p of e must have had, going by what is around it: quotes, or a preposition
// and a noun that a name follows. "for user X" is told from "user X", which may go on with a verb.
func (e *entry) announced(p int) int {
	sig := e.sig[e.prefix:]
	from, to := int(e.places[p].from), int(e.places[p].to)
	if from > 0 && to < len(sig) && sig[from-1] == sig[to] && (sig[to] == '"' || sig[to] == '\'' || sig[to] == '`') {
		return valuesNamed
	}
	if p < 1 || from < 1 || sig[from-1] != ' ' || e.places[p-1].kind != kindWord || int(e.places[p-1].to) != from-1 {
		return valuesFewWords
	}
	switch e.text(p - 1) {
	case "type", "method", "mode", "protocol", "policy", "strategy", "scheme", "algorithm", "format", "codec", "driver", "profile", "category":
		return valuesNamed
	}
	if p < 2 || e.places[p-2].kind != kindWord {
		return valuesFewWords
	}
	if a, b := e.places[p-2].to, e.places[p-1]; b.from != a+1 || sig[a] != ' ' {
		return valuesFewWords
	}
	switch e.text(p - 2) {
	case "for", "For", "by", "of", "from", "From", "to", "as", "on", "in", "with", "via", "invalid", "unknown":
	default:
		return valuesFewWords
	}
	switch e.text(p - 1) {
	case "user", "username", "account", "login":
		return valuesOfUser
	case "host", "hostname", "node", "server", "machine", "peer", "client", "broker", "member", "worker",
		"unit", "service", "container", "pod", "namespace", "job", "task", "queue", "topic", "group",
		"device", "interface", "disk", "volume", "domain", "database", "table", "index", "shard", "tenant", "plugin", "module", "package":
		return valuesNamed
	}
	return valuesFewWords
}

// longestOutcome is the longest word that outcome knows.
const longestOutcome = 12

// outcome says whether a word tells how something went. Two messages that differ in such a word are never one, however many
// there are: for whoever reads them that is all the difference.
func outcome(s string) bool {
	if len(s) < 2 || len(s) > longestOutcome {
		return false
	}
	var low [longestOutcome]byte
	for i := range len(s) {
		low[i] = s[i] | 0x20
	}
	switch string(low[:len(s)]) {
	case "up", "down", "on", "off", "ok", "success", "succeeded", "successful", "successfully", "failed", "failure", "fail", "fails",
		"passed", "opened", "closed", "open", "close", "opening", "closing", "started", "stopped", "start", "stop", "starting", "stopping",
		"accepted", "rejected", "refused", "denied", "granted", "allowed", "enabled", "disabled", "connected", "disconnected", "online", "offline",
		"added", "removed", "created", "deleted", "loaded", "unloaded", "attached", "detached", "mounted", "unmounted", "acquired", "released",
		"entered", "left", "begin", "end", "healthy", "unhealthy", "available", "unavailable",
		"reachable", "unreachable", "locked", "unlocked", "paused", "resumed", "finished", "aborted", "completed", "cancelled", "valid", "invalid",
		"partial", "running", "dead", "alive", "crashed", "killed", "ready":
		return true
	}
	return false
}

// nobody knows the words that stand where the name of a host or a user would, had there been one. Words for nothing at all are none:
// a place that had a number and "none" may have a word next that says what happened.
func nobody(s string) bool {
	switch s {
	case "unknown", "localhost", "anonymous":
		return true
	}
	return false
}

// method knows what may be asked of an HTTP server.
func method(s string) bool {
	switch s {
	case "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE":
		return true
	}
	return false
}
