package repair

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/git"
	"github.com/logwright/logwright/agent/incident"
)

// bench gives a workbench over a repository of these files.
func bench(t testing.TB, repo Repository, files map[string]string) *workbench {
	t.Helper()
	repo.Path, repo.Base = newRepo(t, files), "main"
	store, err := git.Open(t.Context(), filepath.Join(t.TempDir(), "s.git"), git.Options{})
	if err != nil {
		t.Fatal(err)
	}
	base, err := store.Fetch(t.Context(), repo.Path, repo.Base)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorkbench(t.Context(), store, base, repo, redactFake)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestMapFrame(t *testing.T) {
	files := make(map[string]string)
	for _, p := range []string{
		"app.py", "shop/cart.py", "shop/views.py", "admin/views.py", "services/api/main.go", "services/web/main.go", "src/main/java/com/acme/Cart.java",
		"src/test/java/com/acme/Cart.java", "src/main/java/org/Cart.java", "src/index.ts", "lib/decoder.py", "vendor/x/dep.go",
	} {
		files[p] = "x\n"
	}
	files["link.py"] = "-> app.py"
	w := bench(t, Repository{PathMap: map[string]string{"/app": ".", "/app/special": "shop", "C:/build/": "services", "/gone": "nowhere"}}, files)
	for _, c := range []struct{ file, function, want string }{
		{"/app/shop/cart.py", "", "shop/cart.py"},
		{"/app/special/cart.py", "", "shop/cart.py"},         // the longest beginning
		{"/application/shop/cart.py", "", "shop/cart.py"},    // no part of a name; its end is unique
		{"/gone/shop/cart.py", "", "shop/cart.py"},           // the map leads nowhere
		{`C:\build\api\main.go`, "", "services/api/main.go"}, // a path of Windows
		{"/srv/x/services/api/main.go", "", "services/api/main.go"},
		{"/srv/x/main.go", "", ""}, // two fit
		{"/srv/views.py", "", ""},  // two fit
		{"/srv/admin/views.py", "", "admin/views.py"},
		{"shop/cart.py", "", "shop/cart.py"},
		{"./shop/cart.py", "", "shop/cart.py"},
		{"Cart.java", "org.Cart.add", "src/main/java/org/Cart.java"},
		{"Cart.java", "com.acme.Cart.add", ""}, // main and test
		{"webpack:///./src/index.ts?1234", "", "src/index.ts"},
		{"file:///srv/src/index.ts", "", "src/index.ts"},
		{"/usr/lib/python3.11/json/decoder.py", "", ""}, // a library's
		{"/x/site-packages/shop/cart.py", "", ""},
		{"node:internal/index.ts", "", ""},
		{"/srv/link.py", "", ""}, // a symbolic link is no code
		{"../../etc/passwd", "", ""},
		{"", "", ""},
		{strings.Repeat("a/", 3000), "", ""},
	} {
		if got := w.mapFrame(c.file, c.function); got != c.want {
			t.Errorf("%.60q in %q: %q, want %q", c.file, c.function, got, c.want)
		}
	}
}

// TestWhatIsNamedComesFirst: the place where it broke is not always the one that is wrong.
func TestWhatIsNamedComesFirst(t *testing.T) {
	w := bench(t, Repository{}, map[string]string{
		"money/split.go": "package money\n", "money/split_test.go": "package money\n", "invoice/final.go": "package invoice\n",
		"invoice/final_test.go": "package invoice\n",
	})
	inc := incidentAt("", incident.Frame{File: "money/split.go", Line: 1, InApp: true}, incident.Frame{File: "invoice/final.go", Line: 1, InApp: true})
	inc.Diagnosis = &incident.Diagnosis{Culprit: &incident.Culprit{File: "invoice/final.go", Line: 1}}
	q, err := w.ask(t.Context(), inc, Config{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range q.input.Files {
		paths = append(paths, f.Path)
	}
	if want := []string{"invoice/final.go", "money/split.go", "invoice/final_test.go", "money/split_test.go"}; !slices.Equal(paths, want) {
		t.Errorf("files %v, want %v", paths, want)
	}
}

func TestAsk(t *testing.T) {
	var long strings.Builder
	long.WriteString("import one\nimport two\n")
	for range 2000 {
		long.WriteString("filler = 'nothing of interest here'\n")
	}
	long.WriteString("def broken():\n    return helper(1)\n")
	for range 2000 {
		long.WriteString("filler = 'nothing of interest here'\n")
	}
	w := bench(t, Repository{}, map[string]string{
		"shop/big.py": long.String(), "shop/util.py": "def other():\n    pass\n\n\ndef helper(x):\n    return x\n", "tests/test_big.py": "def test_big():\n    pass\n",
		"tests/test_other.py": "x\n", "README.md": "x\n", "bin.py": "\x00", "keys.py": "key = '" + secret + "'\n",
	})
	inc := incidentAt("", incident.Frame{File: "shop/big.py", Line: 2004, Function: "broken", InApp: true},
		incident.Frame{File: "keys.py", Line: 1, InApp: true}, incident.Frame{File: "bin.py", Line: 1, InApp: true})
	cfg := Config{MaxFileBytes: 4 << 10, MaxSourceBytes: 8 << 10}.withDefaults()
	q, err := w.ask(t.Context(), inc, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	total := 0
	text := ""
	for _, f := range q.input.Files {
		paths = append(paths, f.Path)
		for _, p := range f.Parts {
			total += len(p.Text)
			text += p.Text + "\n"
			if n := strings.Count(p.Text, "\n") + 1; n != p.Last-p.First+1 {
				t.Errorf("%s: %d lines are said to be %d to %d", f.Path, n, p.First, p.Last)
			}
		}
	}
	if !slices.Equal(paths, []string{"shop/big.py", "keys.py", "tests/test_big.py", "shop/util.py"}) {
		t.Errorf("files %v", paths)
	}
	if total > cfg.MaxSourceBytes {
		t.Errorf("%d bytes of source", total)
	}
	for _, want := range []string{"import two", "def broken():\n    return helper(1)", "key = '[REDACTED:password]'", "def helper(x):", "def test_big"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not shown", want)
		}
	}
	if strings.Contains(text, secret) || slices.Contains(paths, "bin.py") {
		t.Error("what may not be shown is")
	}
	if !slices.Contains(q.input.Listing, "tests/test_other.py") {
		t.Errorf("listing %v", q.input.Listing)
	}
}

func TestIsTest(t *testing.T) {
	for p, want := range map[string]bool{
		"tests/test_a.py": true, "a/test_b.py": true, "a/b_test.go": true, "src/a.test.ts": true, "spec/a_spec.rb": true, "src/test/java/ATest.java": true,
		"lib/__tests__/a.js": true, "a.spec.tsx": true, "AppTest.kt": true, "tests.py": true,
		"src/a.py": false, "src/contest.py": false, "main.go": false, "latest.js": false, "attest.go": false, "src/Testament.txt": false, "protest/a.go": false,
	} {
		if got := isTest(p); got != want {
			t.Errorf("%s: %t", p, got)
		}
	}
}

func TestValidate(t *testing.T) {
	good := Repository{
		Path: "/srv/api", Base: "main", PathMap: map[string]string{"/app": ".", "/srv/x": "sub/dir"}, Allow: []string{"src/**"}, Deny: []string{"src/old/**"},
		Prepare: [][]string{{"go", "mod", "download"}}, Verify: [][]string{{"go", "test", "./..."}, {"sh", "-c", "exit 0"}},
	}
	if ps := good.Validate(); len(ps) > 0 {
		t.Errorf("%v", ps)
	}
	for _, c := range []struct {
		change func(r *Repository)
		path   string
	}{
		{func(r *Repository) { r.Path = "" }, "path"},
		{func(r *Repository) { r.Path = "srv" }, "path"},
		{func(r *Repository) { r.Path = "/srv\x1b" }, "path"},
		{func(r *Repository) { r.Base = "" }, "base"},
		{func(r *Repository) { r.Base = "-x" }, "base"},
		{func(r *Repository) { r.PathMap = map[string]string{"": "."} }, `path_map[""]`},
		{func(r *Repository) { r.PathMap = map[string]string{"/app": "../x"} }, `path_map["/app"]`},
		{func(r *Repository) { r.PathMap = map[string]string{"/app": "/x"} }, `path_map["/app"]`},
		{func(r *Repository) { r.Allow = []string{"["} }, "allow[0]"},
		{func(r *Repository) { r.Deny = []string{"a", "/x"} }, "deny[1]"},
		{func(r *Repository) { r.Deny = []string{"../x"} }, "deny[0]"},
		{func(r *Repository) { r.Verify = nil }, "verify"},
		{func(r *Repository) { r.Verify = [][]string{{}} }, "verify[0]"},
		{func(r *Repository) { r.Verify = [][]string{{"go test"}} }, "verify[0]"},
		{func(r *Repository) { r.Prepare = [][]string{{"a", "b\x00"}} }, "prepare[0]"},
	} {
		r := good
		c.change(&r)
		if ps := r.Validate(); len(ps) != 1 || ps[0].Path != c.path || ps[0].Message == "" {
			t.Errorf("%s: %v", c.path, ps)
		}
	}
	if ps := (Config{MaxRounds: 99, MaxFiles: -1}).Validate(); len(ps) != 2 {
		t.Errorf("%v", ps)
	}
}

func TestStoreName(t *testing.T) {
	seen := make(map[string]string)
	for _, s := range []string{"api", "API", "a/pi", "../api", "a_pi", "", ".", "..", strings.Repeat("x", 300), "api.service", "_"} {
		n := storeName(s)
		if n != filepath.Base(n) || n[0] == '.' || len(n) > 80 || seen[n] != "" {
			t.Errorf("%q: %q, that of %q", s, n, seen[n])
		}
		seen[n] = s + "!"
	}
}
