package diagnose

import (
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// A secret that crosses the border where a title's service is cut must not leave its first half behind.
func TestTitleIsRedactedBeforeItIsCut(t *testing.T) {
	secret := "tok" + "-" + strings.Repeat("abcdefghij", 4)
	d, err := New(Config{}, nil, Options{Redact: func(s string) string { return strings.ReplaceAll(s, secret, "[REDACTED:test]") }})
	if err != nil {
		t.Fatal(err)
	}
	r := d.Offline(incident.Incident{Service: strings.Repeat("s", maxTitleService-10) + secret, Trigger: incident.TriggerNew})
	if strings.Contains(r.Title, "tok") {
		t.Errorf("the title holds the beginning of a secret: %q", r.Title)
	}
}
