package repair

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// isTest says that a file only tests, by how projects name and place tests.
func isTest(p string) bool {
	dir, file := path.Split(strings.ToLower(p))
	ext := path.Ext(file)
	stem := strings.TrimSuffix(file, ext)
	for part := range strings.SplitSeq(strings.Trim(dir, "/"), "/") {
		switch part {
		case "test", "tests", "__tests__", "spec", "specs", "testing", "unittests", "e2e", "testdata", "fixtures", "__mocks__", "__snapshots__":
			return true
		}
	}
	switch ext {
	case ".go", ".exs", ".ex", ".c", ".cc", ".cpp", ".dart", ".erl", ".zig":
		return strings.HasSuffix(stem, "_test")
	case ".py":
		return strings.HasPrefix(stem, "test_") || strings.HasSuffix(stem, "_test") || stem == "tests" || stem == "test"
	case ".js", ".ts", ".jsx", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte":
		return strings.HasSuffix(stem, ".test") || strings.HasSuffix(stem, ".spec") || strings.HasSuffix(stem, "-test") || stem == "test"
	case ".rb":
		return strings.HasSuffix(stem, "_spec") || strings.HasSuffix(stem, "_test") || strings.HasPrefix(stem, "test_")
	case ".java", ".kt", ".scala", ".groovy", ".cs", ".fs", ".php", ".swift":
		return strings.HasSuffix(stem, "test") || strings.HasSuffix(stem, "tests") || strings.HasSuffix(stem, "spec") ||
			strings.HasPrefix(path.Base(p), "Test")
	case ".rs":
		return strings.HasSuffix(stem, "_test") || stem == "tests"
	}
	return false
}

// isSource says that a file is code in a language whose tests are told apart.
func isSource(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".go", ".py", ".js", ".ts", ".jsx", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte", ".rb", ".java", ".kt", ".scala",
		".groovy", ".cs", ".fs", ".php", ".swift", ".rs", ".ex", ".exs", ".erl", ".c", ".h", ".cc", ".cpp", ".hpp", ".dart", ".zig", ".lua",
		".pl", ".pm", ".clj", ".hs", ".ml", ".r", ".jl", ".cr", ".nim":
		return true
	}
	return false
}

// subject is what a test's file name says that it tests: "views" of tests/test_views.py.
func subject(p string) string {
	stem := strings.ToLower(strings.TrimSuffix(path.Base(p), path.Ext(p)))
	for _, s := range []string{".test", ".spec", "_test", "_tests", "_spec", "-test", "tests", "test", "spec"} {
		if t, ok := strings.CutSuffix(stem, s); ok && t != "" {
			stem = t
			break
		}
	}
	for _, s := range []string{"test_", "test-"} {
		stem = strings.TrimPrefix(stem, s)
	}
	return stem
}

// testsOf gives the tests among paths that belong to a file, the likeliest first.
func testsOf(p string, paths []string) []string {
	type scored struct {
		path  string
		score int
	}
	want := subject(p)
	var found []scored
	for _, t := range paths {
		if t == p || !isTest(t) || !isSource(t) || !sameLanguage(p, t) {
			continue
		}
		score := 0
		if subject(t) == want {
			score += 10
		} else if strings.Contains(subject(t), want) && len(want) > 2 {
			score += 4
		}
		if path.Dir(t) == path.Dir(p) {
			score += 3
		}
		for part := range strings.SplitSeq(path.Dir(p), "/") {
			if part != "." && slices.Contains(strings.Split(path.Dir(t), "/"), part) {
				score++
			}
		}
		if score > 0 {
			found = append(found, scored{t, score})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int { return b.score - a.score })
	out := make([]string, len(found))
	for i, f := range found {
		out[i] = f.path
	}
	return out
}

func sameLanguage(a, b string) bool {
	family := func(p string) string {
		switch e := strings.ToLower(path.Ext(p)); e {
		case ".js", ".ts", ".jsx", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".vue", ".svelte":
			return "js"
		case ".java", ".kt", ".scala", ".groovy":
			return "jvm"
		case ".ex", ".exs":
			return "ex"
		case ".c", ".h", ".cc", ".cpp", ".hpp":
			return "c"
		default:
			return e
		}
	}
	return family(a) == family(b)
}

// What a change could do to pass without mending anything. The patterns are for added lines.
var (
	// skips take a test out of the run. They are looked for in tests only.
	skips = regexp.MustCompile(`(?i)\b(t|b|tb)\.(skip|skipf|skipnow)\(|pytest\.(mark\.)?(skip|xfail|importorskip)|@?unittest\.(skip|expectedfailure)|self\.skiptest\(|` +
		`\b(it|test|describe|context|suite)\.(skip|only|todo|failing)\b|\b(xit|xdescribe|xtest|fit|fdescribe|pending)\s*\(|@(disabled|ignore)\b|` +
		`#\[ignore|@tag\s+:?skip|\[(ignore|fact\(skip)|marktest(skipped|incomplete)|testing\.short\(\)`)
	// asks is code that wants to know whether it is being tested.
	asks = regexp.MustCompile(`(?i)\btesting\.testing\(\)|pytest_current_test|flag\.lookup\("test\.|jest_worker_id|vitest_worker_id|` +
		`["']pytest["']\s+in\s+sys\.modules|["']unittest["']\s+in\s+sys\.modules|cfg!?\(test\)|node_env\s*={2,3}\s*["']test|rails\.env\.test\?|` +
		`strings\.hassuffix\(os\.args\[0\],\s*"\.test"`)
	// leaves ends the process that runs the tests, with success.
	leaves = regexp.MustCompile(`(?i)(\b(os\._?exit|syscall\.exit|sys\.exit|process\.exit|system\.exit|process::exit)|(^|[^.\w])(_?exit!?|quit))\s*\(\s*0?\s*\)|` +
		`\bfunc TestMain\(|process\.exitcode\s*=\s*0|\batexit\.register|os\.kill\(|signal\.raise_signal|\bloadtests\b|\bload_tests\b|pytest_\w+\(`)
	// builds is what a build runs or links.
	builds = regexp.MustCompile(`^\s*//go:(build|generate|linkname|cgo_|embed)|^\s*// \+build|^\s*(//\s*)?#cgo\b|^\s*import\s+"C"|^\s*"C"\s*$`)
	// trivial lines of a test may go when others come: imports, brackets, blank lines.
	trivial = regexp.MustCompile(`^\s*$|^\s*[\[\](){},;]+\s*$|^\s*(import|from|use|using|require|package|#include)\b|^\s*(const|let|var)\s+.*\brequire\(|^\s*([\w.]+ )?"[\w./@-]+"\s*$`)
)
