package repair

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/model/fakemodel"
	"github.com/logwright/logwright/agent/repair/sandbox"
)

// realSandbox is the one of the product. In CI it has to be there.
func realSandbox(t *testing.T, programs ...string) *sandbox.Sandbox {
	t.Helper()
	need := func(err error) {
		if err == nil {
			return
		}
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, p := range programs {
		if _, err := os.Stat("/usr/bin/" + p); err != nil {
			_, err = exec.LookPath(p)
			need(err)
		}
	}
	c := sandbox.DefaultConfig()
	c.Timeout = 3 * time.Minute
	s, err := sandbox.New(c, sandbox.Options{Redact: redactFake})
	var un *sandbox.UnavailableError
	if err != nil && !errors.As(err, &un) {
		t.Fatal(err)
	}
	need(err)
	return s
}

// layout is a project in some language with one fault, and answers that a person wrote.
type layout struct {
	program string
	files   map[string]string
	pathMap map[string]string
	frame   incident.Frame
	verify  []string
	test    string
	fix     string
	// weak is a test that does not build or load without the fix.
	weak string
}

func layouts() map[string]layout {
	return map[string]layout{
		"python": {
			program: "python3",
			files: map[string]string{
				"shop/__init__.py": "", "tests/__init__.py": "",
				"shop/cart.py":   "from shop.prices import price\n\n\ndef total(cart):\n    return sum(price(i) for i in cart['items'])\n",
				"shop/prices.py": "PRICES = {'tea': 3}\n\n\ndef price(item):\n    return PRICES[item]\n",
				"tests/test_cart.py": "import unittest\n\nfrom shop.cart import total\n\n\nclass CartTest(unittest.TestCase):\n" +
					"    def test_total(self):\n        self.assertEqual(total({'items': ['tea']}), 3)\n",
			},
			pathMap: map[string]string{"/app": "."},
			frame:   incident.Frame{File: "/app/shop/cart.py", Line: 5, Function: "total", InApp: true},
			verify:  []string{"python3", "-m", "unittest", "discover", "-s", "tests", "-t", "."},
			test: blockText("tests/test_cart.py", "        self.assertEqual(total({'items': ['tea']}), 3)",
				"        self.assertEqual(total({'items': ['tea']}), 3)\n\n    def test_total_of_a_cart_without_items(self):\n        self.assertEqual(total({}), 0)"),
			fix:  blockText("shop/cart.py", "    return sum(price(i) for i in cart['items'])", "    return sum(price(i) for i in cart.get('items', []))"),
			weak: blockText("tests/test_new.py", "", "from shop.cart import missing\n"),
		},
		"go": {
			program: "go",
			files: map[string]string{
				// go test says of it "[no test files]", whatever else it says.
				"internal/plain/plain.go": "package plain\n",
				"go.mod":                  "module example.com/shop\n\ngo 1.24\n",
				"internal/cart/cart.go":   "package cart\n\n// Last gives the last item.\nfunc Last(items []string) string {\n\treturn items[len(items)-1]\n}\n",
				"internal/cart/cart_test.go": "package cart\n\nimport \"testing\"\n\nfunc TestLast(t *testing.T) {\n\tif Last([]string{\"a\", \"b\"}) != \"b\" {\n" +
					"\t\tt.Fatal(\"wrong\")\n\t}\n}\n",
			},
			frame:  incident.Frame{File: "/home/build/src/shop/internal/cart/cart.go", Line: 5, Function: "example.com/shop/internal/cart.Last", InApp: true},
			verify: []string{"go", "test", "./..."},
			test: blockText("internal/cart/empty_test.go", "", "package cart\n\nimport \"testing\"\n\nfunc TestLastOfNone(t *testing.T) {\n"+
				"\tif got := Last(nil); got != \"\" {\n\t\tt.Fatal(got)\n\t}\n}"),
			fix: blockText("internal/cart/cart.go", "\treturn items[len(items)-1]", "\tif len(items) == 0 {\n\t\treturn \"\"\n\t}\n\treturn items[len(items)-1]"),
			weak: blockText("internal/cart/empty_test.go", "", "package cart\n\nimport \"testing\"\n\nfunc TestLastOfNone(t *testing.T) {\n"+
				"\tif got := LastOr(nil, \"\"); got != \"\" {\n\t\tt.Fatal(got)\n\t}\n}"),
		},
		"javascript": {
			program: "node",
			files: map[string]string{
				"package.json":       "{\"type\": \"module\"}\n",
				"src/user.js":        "export function name(user) {\n  return user.profile.name;\n}\n",
				"test/user.test.js":  "import test from 'node:test';\nimport assert from 'node:assert';\nimport { name } from '../src/user.js';\n\ntest('name', () => {\n  assert.equal(name({ profile: { name: 'a' } }), 'a');\n});\n",
				"src/other/index.js": "export const x = 1;\n",
			},
			frame:  incident.Frame{File: "file:///srv/web/src/user.js", Line: 2, Function: "name", InApp: true},
			verify: []string{"node", "--test", "test/"},
			test: blockText("test/empty.test.js", "", "import test from 'node:test';\nimport assert from 'node:assert';\nimport { name } from '../src/user.js';\n\n"+
				"test('name of a user without profile', () => {\n  assert.equal(name({}), undefined);\n});"),
			fix:  blockText("src/user.js", "  return user.profile.name;", "  return user.profile?.name;"),
			weak: blockText("test/empty.test.js", "", "import test from 'node:test';\nimport { missing } from '../src/user.js';\ntest('x', () => missing());"),
		},
	}
}

// TestReal: real repositories, real git, the real sandbox and the languages' own test runners. The answers are authored.
func TestReal(t *testing.T) {
	for name, l := range layouts() {
		t.Run(name, func(t *testing.T) {
			if name == "go" && testing.Short() {
				t.Skip("the standard library is compiled")
			}
			s := realSandbox(t, l.program)
			repo := Repository{Path: newRepo(t, l.files), Base: "main", PathMap: l.pathMap, Verify: [][]string{l.verify}}
			before := gitIn(t, repo.Path, "rev-parse", "HEAD") + gitIn(t, repo.Path, "status", "--porcelain")
			inc := incidentAt("", l.frame)
			// A wrong fix, then a weak test, then all of it.
			m := answers(l.test+blockText(firstPath(l.fix), "", "nonsense"), l.weak+l.fix, l.test+l.fix)
			r := newRepairer(t, m, s)
			res := repair(t, r, inc, repo)
			c := res.Change
			for _, check := range c.Checks {
				t.Logf("%s %v: exit %d %s in %s\n%s", check.Stage, check.Argv, check.Exit, check.Reason, check.Duration, check.Output)
			}
			if !c.Verified || !c.Reproduced || c.Stopped != "" || c.Rounds != 3 || len(c.Tests) != 1 || len(c.Files) != 2 {
				t.Fatalf("%+v", c)
			}
			var failed []string
			for _, check := range c.Checks {
				if !check.Passed() {
					failed = append(failed, check.Stage)
				}
			}
			if !slices.Equal(failed, []string{incident.StageReproduce}) {
				t.Errorf("failed: %v", failed)
			}
			if got := m.asked[2].Messages[2].Text; !strings.Contains(got, "do not build or load") {
				t.Errorf("the weak test was taken:\n%s", got)
			}
			if after := gitIn(t, repo.Path, "rev-parse", "HEAD") + gitIn(t, repo.Path, "status", "--porcelain"); after != before {
				t.Errorf("the repository changed: %s", after)
			}
		})
	}
}

func firstPath(block string) string {
	p, _, _ := strings.Cut(block, "\n")
	return p
}

// TestRealAttack: a patch whose code does harm, in the loop as it is. The sandbox's own tests have the long list.
func TestRealAttack(t *testing.T) {
	l := layouts()["python"]
	s := realSandbox(t, l.program)
	repo := Repository{Path: newRepo(t, l.files), Base: "main", Verify: [][]string{l.verify}}
	victim := filepath.Join(t.TempDir(), "victim")
	writeFiles(t, filepath.Dir(victim), map[string]string{"victim": "whole"})
	if err := os.Chmod(victim, 0o666); err != nil {
		t.Fatal(err)
	}
	attack := blockText("tests/test_new.py", "", "import os, unittest, socket, subprocess\n\nclass T(unittest.TestCase):\n    def test(self):\n"+
		"        done = []\n"+
		"        for what in (lambda: open('"+victim+"', 'w').write('x'), lambda: open('/cache/x', 'w').write('x'), lambda: open('/etc/shadow').read(),\n"+
		"                     lambda: socket.create_connection(('127.0.0.1', 22), 1), lambda: os.listdir('"+repo.Path+"'), lambda: os.stat('.git')):\n"+
		"            try:\n                what()\n                done.append(what.__code__.co_consts)\n            except Exception:\n                pass\n"+
		"        self.assertEqual(done, ['nothing was done'])\n")
	m := answers(attack + l.fix)
	r := newRepairer(t, m, s)
	r.cfg.MaxRounds = 1
	res := repair(t, r, incidentAt("", l.frame), repo)
	c := res.Change
	if c.Verified || len(c.Checks) == 0 {
		t.Fatalf("%+v", c)
	}
	if out := c.Checks[len(c.Checks)-1].Output; !strings.Contains(out, "First list contains 0 elements") && !strings.Contains(out, "[] != ['nothing was done']") {
		t.Errorf("something was done:\n%s", out)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "whole" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestOverTheWire: the question goes through the door to an endpoint, whose place a real one can take by its base_url.
func TestOverTheWire(t *testing.T) {
	repo, inc := small(t)
	srv := fakemodel.Start(t, fakemodel.Reply{Text: "It was 1.\n\n" + test + fix, InputTokens: 100, OutputTokens: 50})
	cfg := model.DefaultConfig()
	cfg.Provider, cfg.Name, cfg.BaseURL, cfg.APIKey = "openai", "gpt-4o", srv.URL+"/v1", "k"
	door, err := model.New(cfg, model.Options{Redact: redactFake, Ledger: model.NewMemoryLedger(cfg.Budget)})
	if err != nil {
		t.Fatal(err)
	}
	res := repair(t, newRepairer(t, door, &fakeRunner{run: asserting}), inc, repo)
	if !res.Change.Verified || res.Change.Explanation != "It was 1." {
		t.Errorf("%+v", res.Change)
	}
}
