package policy

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/policy.md lists the variables as they are, and the conditions that it shows can be used.
func TestDocs(t *testing.T) {
	b, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	var want strings.Builder
	for _, v := range Variables() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", v.Name, v.Type, v.Meaning)
	}
	if !strings.Contains(doc, want.String()) {
		t.Errorf("the variables should be listed as\n%s", want.String())
	}
	for _, f := range functions {
		if !strings.Contains(doc, f) {
			t.Errorf("%s is not in it", f)
		}
	}
	found := regexp.MustCompile(`when: '([^']+)'`).FindAllStringSubmatch(doc, -1)
	for _, m := range found {
		if _, ps := compile(m[1], closed([]string{"restart"})); len(ps) > 0 {
			t.Errorf("%s: %+v", m[1], ps)
		}
	}
	if len(found) < 8 {
		t.Errorf("only %d conditions were found", len(found))
	}
	windows := regexp.MustCompile("[\"`]((?:[A-Z][a-zA-Z,-]* )?\\d\\d:\\d\\d-\\d\\d:\\d\\d(?: \\S+)?)[\"`]").FindAllStringSubmatch(doc, -1)
	for _, m := range windows {
		if _, err := parseWindow(m[1], nil); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	if len(windows) < 5 {
		t.Errorf("only %d windows were found", len(windows))
	}
}
