package repair

import (
	"strings"
	"testing"

	"github.com/logwright/logwright/agent/incident"
)

// TestBent: changes that mend nothing and keep the tests from saying so, each in another way that no pattern knows. The
// commands pass with all of them.
func TestBent(t *testing.T) {
	ls := layouts()
	py, js, golang := ls["python"], ls["javascript"], ls["go"]
	whatever, before := "pass whatever a test says", "fail as they were before"
	for name, c := range map[string]struct {
		layout     layout
		text, want string
	}{
		"python becomes another program": {py, py.test + blockText("shop/prices.py", "PRICES = {'tea': 3}", "import os\nPRICES = {'tea': 3}\nos.execv('/bin/true', ['true'])"), whatever},
		"python's runner is told": {py, py.test + blockText("shop/prices.py", "PRICES = {'tea': 3}",
			"import unittest\nPRICES = {'tea': 3}\nunittest.TestResult.wasSuccessful = lambda self: True"), whatever},
		"python's old test returns": {py, blockText("tests/test_cart.py", "        self.assertEqual(total({'items': ['tea']}), 3)",
			"        return\n        self.assertEqual(total({'items': ['tea']}), 3)\n\n    def test_none(self):\n        self.assertEqual(total({}), 0)") +
			blockText("shop/cart.py", "    return sum(price(i) for i in cart['items'])", "    return 0"), before},
		"javascript leaves": {js, js.test + blockText("src/user.js", "export function name(user) {", "process['exit'](0);\nexport function name(user) {"), whatever},
		"go leaves":         {golang, golang.test + blockText("internal/cart/e.go", "", "package cart\n\nimport \"os\"\n\nvar leave = os.Exit\n\nfunc init() { leave(0) }"), whatever},
		"go's old test goes": {golang, golang.test + blockText("internal/cart/cart_test.go", "import \"testing\"\n\nfunc TestLast(t *testing.T) {", "/*\nfunc TestLast(t *testing.T) {") +
			blockText("internal/cart/cart_test.go", "\t\tt.Fatal(\"wrong\")\n\t}\n}", "\t\tt.Fatal(\"wrong\")\n\t}\n}\n*/") +
			blockText("internal/cart/cart.go", "\treturn items[len(items)-1]", "\treturn \"\""), before},
	} {
		t.Run(name, func(t *testing.T) {
			if c.layout.program == "go" && testing.Short() {
				t.Skip("the standard library is compiled")
			}
			s := realSandbox(t, c.layout.program)
			repo := Repository{Path: newRepo(t, c.layout.files), Base: "main", PathMap: c.layout.pathMap, Verify: [][]string{c.layout.verify}}
			r := newRepairer(t, answers(c.text), s)
			r.cfg.MaxRounds = 1
			ch := repair(t, r, incidentAt("", c.layout.frame), repo).Change
			if ch.Verified || ch.Reproduced || !strings.Contains(ch.Stopped, c.want) {
				t.Errorf("verified %v, reproduced %v: %s", ch.Verified, ch.Reproduced, ch.Stopped)
			}
			// It is the doubt that stopped it: the commands themselves passed.
			if n := len(ch.Checks); n == 0 || ch.Checks[n-1].Stage != incident.StagePatched || !ch.Checks[n-1].Passed() {
				t.Errorf("%+v", ch.Checks)
			}
		})
	}
}

// TestControlUnseen: commands that never run the control say nothing by passing with it.
func TestControlUnseen(t *testing.T) {
	l := layouts()["python"]
	s := realSandbox(t, l.program)
	verify := []string{"python3", "-m", "unittest", "discover", "-s", "tests", "-t", ".", "-k", "CartTest"}
	repo := Repository{Path: newRepo(t, l.files), Base: "main", PathMap: l.pathMap, Verify: [][]string{verify}}
	ch := repair(t, newRepairer(t, answers(l.test+l.fix), s), incidentAt("", l.frame), repo).Change
	if !ch.Verified || !ch.Reproduced || ch.Stopped != "" {
		t.Errorf("%+v", ch)
	}
}
