package redact

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSecretsBehindColours(t *testing.T) {
	r := newRedactor(t, Config{PII: true})
	for name, text := range map[string]string{
		"logrus":             "\x1b[31mERRO\x1b[0m[0000] refused  \x1b[31mpassword\x1b[0m=SECRET1 user=bob",
		"both coloured":      "\x1b[36mtoken\x1b[0m=\x1b[32mSECRET1\x1b[0m refused",
		"a bold word within": "pass\x1b[1mword\x1b[0m=SECRET1",
		"zero width":         "pass\u200bword=SECRET1",
		"soft hyphen":        "pass\u00adword=SECRET1",
		"NUL":                "pass\x00word=SECRET1",
		"URL":                "postgres://app:\x1b[1mSECRET1\x1b[0m@db1/x",
		"made printable":     `\x1b[36mtoken\x1b[0m=\x1b[32mSECRET1\x1b[0m refused`,
		"Printable's marks":  `pass\u200bword=SECRET1`,
		"no final byte":      "\x1b[;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;; password\x1b[0m=SECRET1",
	} {
		t.Run(name, func(t *testing.T) {
			docker, err := json.Marshal(map[string]string{"log": text + "\n"})
			if err != nil {
				t.Fatal(err)
			}
			within, err := json.Marshal(map[string]string{"m": string(docker)})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{text, string(docker), string(within)} {
				got := r.Text(s)
				if strings.Contains(got, "SECRET1") || !strings.Contains(got, "[REDACTED:") {
					t.Errorf("from %q\ngot  %q", s, got)
				}
				if again := r.Text(got); again != got {
					t.Errorf("not idempotent: %q", again)
				}
			}
		})
	}
}

// Colours by themselves change nothing.
func TestColoursAreKept(t *testing.T) {
	r := newRedactor(t, Config{PII: true})
	for _, s := range kept {
		for _, s := range []string{"\x1b[31m" + s + "\x1b[0m", strings.ReplaceAll(s, " ", "\x1b[0m \x1b[1m"), s + "\u200b"} {
			if got := r.Text(s); got != s {
				t.Errorf("got  %q\nfrom %q", got, s)
			}
		}
	}
}
