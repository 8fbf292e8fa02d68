package repair

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func one(path, search, replace string) edit {
	split := func(s string) []string {
		if s == "" {
			return []string{}
		}
		return strings.Split(s, "\n")
	}
	return edit{path: path, search: split(search), replace: split(replace)}
}

func TestParseAnswer(t *testing.T) {
	const blockText = "<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n"
	plain := []edit{one("src/a.py", "old", "new")}
	for _, c := range []struct {
		name, text string
		want       []edit
	}{
		{"plain", "It was wrong.\n\nsrc/a.py\n" + blockText, plain},
		{"CRLF", strings.ReplaceAll("It was wrong.\n\nsrc/a.py\n"+blockText, "\n", "\r\n"), plain},
		{"a fence around the block", "src/a.py\n```python\n" + blockText + "```\n", plain},
		{"a fence around both", "```\nsrc/a.py\n" + blockText + "```\n", plain},
		{"the path in the fence", "```python src/a.py\n" + blockText + "```\n", plain},
		{"the path after a colon in the fence", "```python:src/a.py\n" + blockText + "```", plain},
		{"backticks", "`src/a.py`\n" + blockText, plain},
		{"bold, with a colon", "**src/a.py**:\n" + blockText, plain},
		{"a heading", "### File: `./src/a.py`\n\n" + blockText, plain},
		{"markers of other lengths", "src/a.py\n<<<<<<<< SEARCH\nold\n========\nnew\n>>>>>>>> REPLACE", plain},
		{"markers that don't agree", "src/a.py\n<<<<<<< SEARCH\nold\n======\nnew\n>>>>>> REPLACE", plain},
		{"trailing spaces", "src/a.py  \n<<<<<<< SEARCH  \nold\n=======\t\nnew\n>>>>>>> REPLACE ", plain},
		{"several, one path", "src/a.py\n" + blockText + blockText, append(plain[:1:1], plain...)},
		{"prose between", "src/a.py\n" + blockText + "And the same again:\n" + blockText, append(plain[:1:1], plain...)},
		{"a new file", "t/b.py\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE", []edit{one("t/b.py", "", "x = 1")}},
		{"a deletion", "t/b.py\n<<<<<<< SEARCH\nx\n=======\n>>>>>>> REPLACE", []edit{one("t/b.py", "x", "")}},
		{"an underline in the text", "d.rst\n<<<<<<< SEARCH\nTitle\n=====\n=======\nOther\n>>>>>>> REPLACE", []edit{one("d.rst", "Title\n=====", "Other")}},
		{"edits and a refusal", "NO PATCH: or so\nsrc/a.py\n" + blockText, plain},
	} {
		a, err := parseAnswer(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, a.edits, cmp.AllowUnexported(edit{})); d != "" || a.refused {
			t.Errorf("%s: %v\n%s", c.name, a.refused, d)
		}
	}
	for _, c := range []struct{ name, text, err string }{
		{"no path", blockText, "edit 1: no path"},
		{"a sentence for a path", "Here it is, fixed:\n" + blockText, "edit 1: no path"},
		{"cut off", "a.py\n<<<<<<< SEARCH\nold\n=======\nne", "edit 1: >>>>>>> REPLACE is missing"},
		{"no separator", "a.py\n<<<<<<< SEARCH\nold\n>>>>>>> REPLACE", "======= is missing"},
		{"two separators that don't fit", "a.py\n<<<<<<< SEARCH\n======\nold\n======\n>>>>>>> REPLACE", "not clear which row"},
		{"nested", "a.py\n<<<<<<< SEARCH\nold\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE", "another block begins"},
		{"nothing", "I can't help with that.", "no SEARCH/REPLACE block"},
		{"too many", "a.py\n" + strings.Repeat(blockText, maxEdits+1), "more than"},
		{"too long", strings.Repeat("x", maxAnswerBytes+1), "more than"},
	} {
		if _, err := parseAnswer(c.text); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
	}
	for _, text := range []string{"NO PATCH: the disk is full", "**NO PATCH**: the disk is full\n", "I looked.\n\nno patch: the disk is full"} {
		if a, err := parseAnswer(text); err != nil || !a.refused || a.noPatch != "the disk is full" {
			t.Errorf("%q: %+v, %v", text, a, err)
		}
	}
	a, err := parseAnswer("It was wrong.\n\nIt is right now.\n\n```python\nsrc/a.py\n" + blockText + "```\nBye.")
	if err != nil || a.prose != "It was wrong.\n\nIt is right now." {
		t.Errorf("prose %q, %v", a.prose, err)
	}
}

func TestReplace(t *testing.T) {
	const file = "def a():\n    x = 1\n    return x\n\n\ndef b():\n    x = 1\n    return x + 1\n"
	const long = "start\nalpha = compute(1)\nbeta = compute(2)\ngamma = compute(3)\ndelta = compute(4)\nend\n"
	for _, c := range []struct{ name, file, search, replace, want string }{
		{"exact", file, "    return x + 1", "    return x + 2", strings.Replace(file, "+ 1", "+ 2", 1)},
		{"trailing white space", file, "def b():  \n    x = 1\t", "def b():\n    x = 3", "def a():\n    x = 1\n    return x\n\n\ndef b():\n    x = 3\n    return x + 1\n"},
		{"less indented in SEARCH", file, "x = 1\nreturn x + 1", "x = 2\n\nreturn x + 1", "def a():\n    x = 1\n    return x\n\n\ndef b():\n    x = 2\n\n    return x + 1\n"},
		{"more indented in SEARCH", file, "    def b():\n        x = 1", "    def b():\n        x = 5", "def a():\n    x = 1\n    return x\n\n\ndef b():\n    x = 5\n    return x + 1\n"},
		{"nearly", long, "start\nalpha = compute(1)\nbeta = compute(2)\ngamma = compute( 3 )\ndelta = compute(4)\nend", "start\nend", "start\nend\n"},
		{"empty lines around", file, "\ndef b():\n    x = 1\n", "\ndef b():\n    x = 9\n", "def a():\n    x = 1\n    return x\n\n\ndef b():\n    x = 9\n    return x + 1\n"},
		{"a deletion", "a\nb\nc\n", "b", "", "a\nc\n"},
		{"the last line, unfinished", "a\nb", "b", "c", "a\nc"},
		{"after the last line", "a\nb", "b", "b\nc", "a\nb\nc"},
		{"CRLF stays", "a\r\nb\r\nc\r\n", "b", "x\ny", "a\r\nx\r\ny\r\nc\r\n"},
		{"tabs", "if x {\n\ty()\n}\n", "y()", "z()", "if x {\n\tz()\n}\n"},
	} {
		s, _ := newSource(c.file, noRedaction)
		e := one("f", c.search, c.replace)
		if err := s.replace(e.search, e.replace); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := s.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, c := range []struct{ name, file, search, replace, err string }{
		{"twice", file, "    x = 1", "    x = 2", "stands 2 times in the file (lines 2 and 7)"},
		{"twice when shifted", file, "x = 1", "x = 2", "stands 2 times"},
		{"not there", file, "def c():\n    return 7", "", "not in the file as it is"},
		{"elided", file, "def a():\n...\n    return x", "", "leaves lines out"},
		{"empty", file, "", "x", "SEARCH is empty"},
		{"indented by different amounts", file, "x = 1\n  return x + 1", "", "not in the file"},
		{"too unlike", long, "start\nfoo\nbar\nbaz\nqux\nend", "", "not in the file"},
		{"other anchors", long, "begin\nalpha = compute(1)\nbeta = compute(2)\ngamma = compute( 3 )\ndelta = compute(4)\nend", "", "not in the file"},
	} {
		s, _ := newSource(c.file, noRedaction)
		e := one("f", c.search, c.replace)
		if err := s.replace(e.search, e.replace); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
		if s.String() != c.file {
			t.Errorf("%s: the file changed", c.name)
		}
	}
	s, _ := newSource(file, noRedaction)
	err := s.replace([]string{"def b():", "    x = 2", "    return x"}, nil)
	var m *mismatch
	if !errors.As(err, &m) || !strings.Contains(m.nearest, "def b():\n    x = 1") {
		t.Errorf("the nearest lines are not shown: %#v", err)
	}
}

func noRedaction(s string) string { return s }

const secret = "hunter2-s3cr3t"

func redactFake(s string) string { return strings.ReplaceAll(s, secret, "[REDACTED:password]") }

// TestReplaceRedacted: a line that was redacted can be kept and dropped, but not made up.
func TestReplaceRedacted(t *testing.T) {
	const file = "a = 1\nkey = \"" + secret + "\"\nb = 2\ninvisible\u202e = 3\n"
	const mark = "key = \"[REDACTED:password]\""
	for _, c := range []struct{ name, search, replace, want, err string }{
		{"beside it", "b = 2", "b = 3", strings.Replace(file, "b = 2", "b = 3", 1), ""},
		{"kept", "a = 1\n" + mark + "\nb = 2", "a = 2\n" + mark + "\nb = 3", "a = 2\nkey = \"" + secret + "\"\nb = 3\ninvisible\u202e = 3\n", ""},
		{"dropped", mark, "", "a = 1\nb = 2\ninvisible\u202e = 3\n", ""},
		{"changed", mark, "key2 = \"[REDACTED:password]\"", "", "redaction mark"},
		{"made up", "a = 1", "a = \"[REDACTED:password]\"", "", "redaction mark"},
		{"guessed", "key = \"" + secret + "\"", "", "", "not in the file"},
		{"invisible, kept", "b = 2\ninvisible\\u202e = 3", "b = 4\ninvisible\\u202e = 3", "a = 1\nkey = \"" + secret + "\"\nb = 4\ninvisible\u202e = 3\n", ""},
	} {
		s, whole := newSource(file, redactFake)
		if !whole {
			t.Fatal("the lines can't be told")
		}
		e := one("f", c.search, c.replace)
		err := s.replace(e.search, e.replace)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.err == "" && s.String() != c.want:
			t.Errorf("%s: %q, want %q", c.name, s.String(), c.want)
		}
	}
	if _, whole := newSource("a\nb\nc\n", func(s string) string { return strings.ReplaceAll(s, "a\nb", "X") }); whole {
		t.Error("lines that were redacted together are told apart")
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add("a.py\n<<<<<<< SEARCH\nold\n=======\nnew\n>>>>>>> REPLACE\n")
	f.Add("```\n`x/y`\n<<<<< SEARCH\n=====\n>>>>> REPLACE\r\n<<<<<<< SEARCH\n")
	f.Add("NO PATCH")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAnswer(text)
		if err != nil {
			return
		}
		if (len(a.edits) == 0) != a.refused || len(a.prose) > maxProse || len(a.noPatch) > maxReason {
			t.Fatalf("%+v", a)
		}
		for _, e := range a.edits {
			if e.path == "" || strings.ContainsAny(e.path, "\n") || len(e.path) > 300 {
				t.Fatalf("path %q", e.path)
			}
		}
	})
}

func FuzzReplace(f *testing.F) {
	f.Add("a\nb\nc\n", "b", "x\ny")
	f.Add("\ta\r\n\tb\r\n", "a\nb", "c")
	f.Add("key "+secret+"\nb", "b", "[REDACTED:password]")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, file, search, with string) {
		s, _ := newSource(file, redactFake)
		if s.String() != file {
			t.Fatalf("reading changed the file: %q, %q", s.String(), file)
		}
		before := len(s.lines)
		e := one("f", search, with)
		if err := s.replace(e.search, e.replace); err != nil {
			if s.String() != file {
				t.Fatalf("a failed edit changed the file")
			}
			return
		}
		n := len(e.search)
		sr, wi := trimBlank(e.search, e.replace)
		if len(s.lines) != before-len(sr)+len(wi) || len(sr) > n {
			t.Fatalf("%d lines became %d by %d for %d", before, len(s.lines), len(wi), len(sr))
		}
		if strings.Count(s.String(), secret) > strings.Count(file, secret)+strings.Count(with, secret)+len(wi) {
			t.Fatal("an edit spread a secret")
		}
	})
}
