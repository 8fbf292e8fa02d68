package incident

import (
	"strings"
	"testing"
)

func TestCutText(t *testing.T) {
	url := "postgres://app:" + "correct" + "horse" + "@db/app"
	for _, tc := range []struct {
		name, in string
		n        int
		want     string
	}{
		{"short enough", "a b", 3, "a b"},
		{"at a border", "alpha bravo", 5, "alpha"},
		{"within a word", "alpha bravo", 8, "alpha "},
		{"a password in a URL goes as a whole", "connecting to " + url, 36, "connecting to "},
		{"compact JSON", `{"user":"a","token":"abcdef"}`, 24, `{"user":"a","token":"`},
		{"one word", strings.Repeat("x", 100), 50, strings.Repeat("x", 25)},
	} {
		if got := CutText(tc.in, tc.n); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := CutText(strings.Repeat("x", 3*maxCutWord), 2*maxCutWord); len(got) != 2*maxCutWord-secretBytes {
		t.Errorf("a word of %d bytes left %d", 3*maxCutWord, len(got))
	}
}
