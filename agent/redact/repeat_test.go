package redact

import (
	"strings"
	"testing"
)

// Anybody who may write a log may write names without end. Looked at to the end of the text for each, these take from
// seconds to hours, which the time limit of the tests does not allow.
func TestNamesWithoutEnd(t *testing.T) {
	r := newRedactor(t, Config{PII: true})
	for _, s := range []string{
		"cookie:", "set-cookie:cookie=", "password=password=", "password=[redacted", "password={{", "pwd=/", "token=Token{", "--password=",
		"authorization:", "authorization: ", "authorization:basic ",
	} {
		n := 128 << 10
		r.Text(strings.Repeat(s, n/len(s)))
	}
	// Only the looking is saved.
	for text, want := range map[string]string{
		"cookie: a=SECRET1 cookie: b=SECRET2; c=SECRET3\ncookie: d=SECRET4": "cookie: a=[REDACTED:cookie] cookie: b=[REDACTED:cookie]; c=[REDACTED:cookie]\ncookie: d=[REDACTED:cookie]",
		"password=a1b2token=SECRET1 token=SECRET2":                          "password=[REDACTED:password] token=[REDACTED:token]",
	} {
		if got := r.Text(text); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
