package repair

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// edit is one SEARCH/REPLACE block of an answer. A new file has an empty search.
type edit struct {
	path            string
	search, replace []string // lines without their ends
}

// answer is what a model's text holds.
type answer struct {
	edits []edit
	// prose is what stands before the first edit: the model's own account.
	prose string
	// noPatch is the reason where the model says that there is no patch; refused says that it said so.
	noPatch string
	refused bool
}

// Bounds of an answer.
const (
	maxEdits       = 40
	maxAnswerBytes = 512 << 10
	maxProse       = 2000
	maxReason      = 400
)

// parseAnswer reads a model's text. It takes what models make of the form: fences around blocks or paths, markers a little
// shorter or longer, the path in backticks or bold, CRLF. The error is for the model to read.
func parseAnswer(text string) (answer, error) {
	var a answer
	if len(text) > maxAnswerBytes {
		return a, fmt.Errorf("the answer has %d bytes, more than %d", len(text), maxAnswerBytes)
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	path, firstPath := "", -1
	for i := 0; i < len(lines); i++ {
		if marker(lines[i], '<', "SEARCH") == 0 {
			if reason, ok := noPatch(lines[i]); ok && !a.refused {
				a.refused, a.noPatch = true, incident.CutText(reason, maxReason)
			}
			continue
		}
		n := len(a.edits) + 1
		if n > maxEdits {
			return a, fmt.Errorf("the answer has more than %d edits", maxEdits)
		}
		p, at := pathBefore(lines, i)
		if p == "" {
			p = path // several edits of one file
		}
		e, last, err := block(lines, i)
		if err != nil {
			return a, fmt.Errorf("edit %d: %w", n, err)
		}
		if p == "" {
			return a, fmt.Errorf("edit %d: no path stands alone on the line before the block", n)
		}
		if n == 1 {
			firstPath = at
		}
		e.path, path, i = p, p, last
		a.edits = append(a.edits, e)
	}
	prose := lines
	if firstPath >= 0 {
		prose = lines[:firstPath]
	}
	if len(a.edits) > 0 {
		// A model that gives edits and says that there are none means the edits.
		a.refused, a.noPatch = false, ""
		a.prose = cutProse(prose)
		return a, nil
	}
	if a.refused {
		return a, nil
	}
	a.prose = cutProse(prose)
	return a, errors.New("the answer has no SEARCH/REPLACE block and no line NO PATCH")
}

// block reads the block whose first marker is in line i, and gives the index of its last line.
func block(lines []string, i int) (edit, int, error) {
	var e edit
	width := marker(lines[i], '<', "SEARCH")
	separator := -1
	for j := i + 1; j < len(lines); j++ {
		l := lines[j]
		switch {
		case marker(l, '<', "SEARCH") > 0:
			return e, j, errors.New("another block begins before it ends (>>>>>>> REPLACE)")
		case marker(l, '>', "REPLACE") > 0:
			if separator < 0 {
				// Models that count badly: any row of = will do if there is only one.
				for k := i + 1; k < j; k++ {
					if marker(lines[k], '=', "") > 0 {
						if separator >= 0 {
							return e, j, errors.New("it is not clear which row of = separates SEARCH from REPLACE")
						}
						separator = k
					}
				}
			}
			if separator < 0 {
				return e, j, errors.New("======= is missing between SEARCH and REPLACE")
			}
			e.search, e.replace = lines[i+1:separator:separator], lines[separator+1:j:j]
			return e, j, nil
		case separator < 0 && marker(l, '=', "") == width:
			separator = j
		}
	}
	return e, len(lines), errors.New(">>>>>>> REPLACE is missing: the answer ends within the block")
}

// marker gives how often c stands in a line that is nothing but a row of it and the word, 0 where it is none.
func marker(line string, c byte, word string) int {
	line = strings.TrimRight(line, " \t\r")
	n := 0
	for n < len(line) && line[n] == c {
		n++
	}
	if n < 5 || n > 10 || strings.TrimLeft(line[n:], " ") != word {
		return 0
	}
	return n
}

// noPatch reads "NO PATCH: reason".
func noPatch(line string) (string, bool) {
	line = strings.Trim(line, "*`# \t")
	if len(line) < 8 || !strings.EqualFold(line[:8], "NO PATCH") {
		return "", false
	}
	return strings.TrimSpace(strings.TrimLeft(line[8:], "*: \t")), true
}

// pathBefore looks for the path that stands before the block at line i, over empty lines and fences. It gives the line, too.
func pathBefore(lines []string, i int) (string, int) {
	for at := i - 1; at >= 0 && at >= i-4; at-- {
		l := strings.TrimSpace(lines[at])
		if p := pathLine(l); p != "" {
			return p, at
		}
		if l != "" && !isFence(l) {
			return "", i
		}
	}
	return "", i
}

// isFence says that a line only opens or closes a fence.
func isFence(l string) bool {
	rest := strings.TrimLeft(l, "`~")
	return len(l)-len(rest) >= 3 && !strings.ContainsAny(rest, " /.")
}

// bare is a file's name without directory and extension.
var bare = regexp.MustCompile(`^[A-Za-z0-9_-]{2,40}$`)

// pathLine reads a line that names a file and says nothing else, "" for another one.
func pathLine(l string) string {
	if isFence(l) || marker(l, '>', "REPLACE") > 0 {
		return ""
	}
	if strings.HasPrefix(l, "```") || strings.HasPrefix(l, "~~~") { // a fence that says what is in it: ```python src/app.py
		l = strings.TrimLeft(l, "`~")
		if i := strings.LastIndexAny(l, " :"); i >= 0 {
			l = l[i+1:]
		}
	}
	const decoration = "`*\"' \t"
	l = strings.Trim(strings.TrimLeft(l, "# "), decoration)
	for _, word := range []string{"file:", "path:", "filename:"} {
		if len(l) > len(word) && strings.EqualFold(l[:len(word)], word) {
			l = l[len(word):]
		}
	}
	l = strings.Trim(l, decoration)
	if bare.MatchString(l) {
		return l // Makefile; "Then:" has a colon
	}
	l = strings.Trim(strings.TrimSuffix(l, ":"), decoration)
	l = strings.TrimPrefix(l, "./")
	if l == "" || len(l) > 300 || !strings.ContainsAny(l, "/.") || strings.ContainsAny(l, "<>|;{}=`") || strings.HasSuffix(l, ".") ||
		strings.Count(l, " ") > 2 {
		return "" // a sentence, or code
	}
	return l
}

func cutProse(lines []string) string {
	var kept []string
	for _, l := range lines {
		if !isFence(strings.TrimSpace(l)) {
			kept = append(kept, l)
		}
	}
	return incident.CutText(strings.TrimSpace(strings.Join(kept, "\n")), maxProse)
}
