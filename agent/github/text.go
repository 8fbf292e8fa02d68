package github

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/logwright/logwright/agent/incident"
)

// How text of strangers (logs, models, command output, names of files) stays text where GitHub reads it:
//
//   - What is to be read word for word stands in a fence that is longer than any row of backticks in it; what is prose
//     stands in a block quote with every character of markup escaped.
//   - Both are defused as well. A fence keeps GitHub's Markdown quiet, but not all that reads a description: bots look for
//     slash commands in the raw text, and a squash merge may copy the description into a commit message, where "fixes #1"
//     closes an issue and "[skip ci]" stops the checks. A word joiner, which is not seen, breaks each of those.
//   - It is redacted first, then cut, so that no cut leaves half a secret; control characters, direction marks and
//     invisible characters are written out.

// joiner is U+2060. A stranger's own would have been written out as an escape.
const joiner = "\u2060"

var (
	mention   = regexp.MustCompile(`@([A-Za-z0-9])`)
	reference = regexp.MustCompile(`(?i)(#|\bgh-)([0-9])`)
	skipCI    = regexp.MustCompile(`(?i)\[(\s*(?:skip|ci|no|actions)\b)`)
	noCI      = regexp.MustCompile(`(?i)no_ci|skip-checks`)
	command   = regexp.MustCompile(`(?m)^([ \t]*)([/!])`)
	trailer   = regexp.MustCompile(`(?mi)^([ \t]*(?:co-authored|signed-off|reviewed|acked))-by`)
	wwwHost   = regexp.MustCompile(`(?i)\bwww\.`)
)

// defuse breaks what acts wherever it stands, Markdown or not.
func defuse(s string) string {
	s = command.ReplaceAllString(s, "$1"+joiner+"$2")
	s = trailer.ReplaceAllString(s, "$1"+joiner+"-by")
	return defuseWithin(s)
}

// defuseWithin is for what stands within a line, where a path that begins with a slash is no command.
func defuseWithin(s string) string {
	s = mention.ReplaceAllString(s, "@"+joiner+"$1")
	s = reference.ReplaceAllString(s, "$1"+joiner+"$2")
	s = skipCI.ReplaceAllString(s, "["+joiner+"$1")
	s = noCI.ReplaceAllStringFunc(s, func(m string) string { return m[:2] + joiner + m[2:] })
	s = wwwHost.ReplaceAllStringFunc(s, func(m string) string { return m[:3] + joiner + "." })
	s = strings.ReplaceAll(s, "://", ":"+joiner+"//")
	return strings.ReplaceAll(s, "<!--", "<"+joiner+"!--")
}

// acts says whether defuse would find something to do in s.
func acts(s string) bool { return defuse(s) != s }

// writer makes Markdown of texts. redact comes before every cut.
type writer struct {
	redact func(string) string
	strings.Builder
}

// clean is s redacted, then printable, then at most n bytes of it. What was cut away is said.
func (w *writer) clean(s string, n int) string {
	s = incident.Printable(strings.ReplaceAll(w.redact(s), "\r\n", "\n"))
	if len(s) <= n {
		return s
	}
	return cutBytes(s, n) + " […]"
}

// tail is clean for what is most telling at its end.
func (w *writer) tail(s string, n int) string {
	s = incident.Printable(strings.ReplaceAll(w.redact(s), "\r\n", "\n"))
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	if _, rest, ok := strings.Cut(s, "\n"); ok && rest != "" {
		s = rest
	}
	return "[…]\n" + s
}

func cutBytes(s string, n int) string {
	n = max(0, min(n, len(s)))
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// code is an inline span of strangers' text.
func (w *writer) code(s string, n int) string {
	s = defuseWithin(incident.PrintableLine(w.clean(s, n)))
	if strings.TrimSpace(s) == "" {
		return "(nothing)"
	}
	ticks := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || s[0] == ' ' {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// fence is a block of strangers' text. Its text has been cleaned.
func fence(s string) string {
	s = strings.Trim(s, "\n")
	ticks := strings.Repeat("`", max(3, longestRun(s, '`')+1))
	return ticks + "text\n" + defuse(s) + "\n" + ticks + "\n"
}

// markup are the characters that mean something to Markdown wherever they stand in a line; leading those at its beginning.
const markup = "\\`*_{}[]<>#|~&$"

var leading = regexp.MustCompile(`^(?:([-+=:])|([0-9]+)([.)]))`)

// quote is a block quote of strangers' prose. Its text has been cleaned.
func quote(s string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.Trim(s, "\n"), "\n") {
		line = strings.TrimSpace(line)
		var e strings.Builder
		for _, r := range line {
			if r < utf8.RuneSelf && strings.ContainsRune(markup, r) {
				e.WriteByte('\\')
			}
			e.WriteRune(r)
		}
		b.WriteString(strings.TrimRight("> "+leading.ReplaceAllString(defuse(e.String()), `$2\$1$3`), " ") + "\n")
	}
	return b.String()
}

func longestRun(s string, c byte) int {
	most, n := 0, 0
	for i := range len(s) {
		if s[i] == c {
			n++
			most = max(most, n)
			continue
		}
		n = 0
	}
	return most
}
