package incident

import "strings"

// maxCutWord is how far CutText looks back for the beginning of the word that it would cut in two.
const maxCutWord = 4 << 10

// secretBytes is longer than a secret is that stands within a longer word.
const secretBytes = 512

// CutText cuts s to at most n bytes without leaving half a word at the end: half a secret is not known for one any more, and
// what is cut here is redacted only later. A word ends at white space, quotes, commas, semicolons, ampersands and brackets.
func CutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const borders = " \t\r\n\"'`,;&()[]{}<>|"
	if strings.IndexByte(borders, s[n]) >= 0 {
		return s[:n]
	}
	from := max(0, n-maxCutWord)
	if i := strings.LastIndexAny(s[from:n], borders); i >= 0 {
		return s[:from+i+1]
	}
	// One word that long is no secret as a whole; one may end it.
	return s[:max(n-secretBytes, n/2)]
}
