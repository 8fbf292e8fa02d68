package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"
)

// What is written as JSON is shown in terminals as often as not. It is inert there, and the same text to whoever reads it.
func TestJSONIsInertAndTheSame(t *testing.T) {
	for _, s := range []string{
		"plain", "Zürich ☃ 日本", "\x1b[2J\x07\x7f", "\u009b31m \u0085", "\u202egnp.exe\u2066", "a\u200bb\ufeff\u2028\u2029", "\U000e0041\U000e0042 \U0001f600", "\ue000", "tab\tline\n<&>",
	} {
		var out bytes.Buffer
		if err := writeJSON(&out, map[string]string{s: s}); err != nil {
			t.Fatal(err)
		}
		inert(t, "JSON", out.String())
		var back map[string]string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back[s] != s {
			t.Errorf("%q became %q (%v): %s", s, back, err, out.String())
		}
	}
}

func TestErrorsAreInert(t *testing.T) {
	name := filepath.Join(t.TempDir(), "\x1b]0;t\x07\u202e.log")
	for _, args := range [][]string{
		{"diagnose", name}, {"explain", name}, {"prompt", "all", name}, {"doctor", "--config", name}, {"incidents", "show", name, "--state", name},
		{name}, {"diagnose", "--" + name}, {"diagnose", "--severity", name, "x"}, {"deploy", "api", name, "--state", name + "/x"}, {"-o", name, "doctor"},
	} {
		stdout, stderr, code := run(t, "", args...)
		if code == exitDone {
			t.Errorf("%q: exit 0", args)
		}
		inert(t, args[0], stdout+stderr)
	}
}
