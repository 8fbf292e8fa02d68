package repair

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// That the commands pass says something only if they could have failed. A change can see to it that they can't: it ends the
// process with status 0 while it is loaded, puts a module of its own in the place of the test runner, or makes the tests
// that were there return early. What that looks like in code can't be listed, so it is tried:
//
//   - A control, a test that fails whatever it tests, is put beside each test of the change. Where the commands pass even so,
//     and the same control makes them fail on the base, it is the change that keeps tests from failing.
//   - Tests that were there before have to pass as they were, too.
//
// These runs can only take a claim away, so they are not among the checks that are shown.

// doubt says why the commands that passed with a change prove nothing, "" where nothing speaks against them.
func (p *prover) doubt(ctx context.Context, w *workbench, name string, change *incident.Change, all string) (string, error) {
	before := len(p.checks)
	defer func() { p.checks = p.checks[:before] }()
	old := slices.DeleteFunc(slices.Clone(change.Files), func(f string) bool {
		_, there := w.byPath[f]
		return there && slices.Contains(change.Tests, f)
	})
	if len(old) < len(change.Files) {
		dir, err := p.layer(ctx, w, name+"-old", change.Commit, old)
		if err != nil {
			return "", err
		}
		if ok, _, err := p.run(ctx, incident.StagePatched, p.repo.Verify, []string{p.base, dir}, false, false); err != nil || !ok {
			return "with the fix the tests fail as they were before: the change bends them", err
		}
	}
	for i, t := range change.Tests {
		with, err := readIn(all, t)
		if err != nil {
			return "", err
		}
		file, text := control(t, with)
		if file == "" {
			continue
		}
		// On the base it stands alone, or below what was there: the tests of the change fail there by themselves.
		alone := text
		if file == t {
			if _, there := w.byPath[t]; there {
				was, err := readIn(p.base, t)
				if err != nil {
					return "", err
				}
				alone = was + text
			}
			text = with + text
		}
		for _, run := range []struct {
			stage, dir, text string
			layers           []string
		}{
			{incident.StagePatched, "control", text, []string{p.base, all}},
			// Commands that run chosen tests only, or those of another framework, don't see the control at all.
			{incident.StageBase, "control-base", alone, []string{p.base}},
		} {
			dir, err := p.scratch.sub(fmt.Sprintf("%s-%s%d", name, run.dir, i))
			if err != nil {
				return "", err
			}
			if err := writeIn(dir, file, run.text); err != nil {
				return "", err
			}
			ok, _, err := p.run(ctx, run.stage, p.repo.Verify, append(run.layers, dir), false, false)
			switch {
			case err != nil:
				return "", err
			case !ok && run.stage == incident.StageBase:
				return "with the change the commands pass whatever a test says", nil
			case !ok:
			case run.stage == incident.StagePatched:
				continue
			}
			break
		}
	}
	return "", nil
}

// packageClause is a Go file's.
var packageClause = regexp.MustCompile(`(?m)^package[ \t]+([\pL_][\pL_\pN]*)`)

// control gives a test that fails, to be put beside the test at a path with the given text: where the file is the same, at
// its end. It gives no file where there is none for the language. Its name is another one each time, so that no change can
// know it.
func control(test, text string) (file, tail string) {
	id := rand.Text()[:12]
	switch strings.ToLower(path.Ext(test)) {
	case ".go":
		m := packageClause.FindStringSubmatch(text)
		if m == nil {
			return "", ""
		}
		return path.Join(path.Dir(test), "x"+strings.ToLower(id)+"_test.go"),
			fmt.Sprintf("package %s\n\nimport \"testing\"\n\nfunc TestX%s(t *testing.T) { t.Fatal(\"it has to fail\") }\n", m[1], id)
	case ".py":
		return test, fmt.Sprintf("\n\nimport unittest as x%s\n\n\nclass TestX%[1]s(x%[1]s.TestCase):\n    def test_x(self):\n"+
			"        raise AssertionError('it has to fail')\n", id)
	case ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx":
		return test, fmt.Sprintf("\n;(globalThis.it ?? globalThis.test ?? ((n, f) => import('node:test').then((m) => m.test(n, f))))('x%s', () => {\n"+
			"  throw new Error('it has to fail');\n});\n", id)
	}
	return "", ""
}

func readIn(dir, name string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	b, err := root.ReadFile(name)
	return string(b), err
}

// writeIn writes a file below dir, and the directories on the way.
func writeIn(dir, name, text string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return root.WriteFile(name, []byte(text), 0o644)
}
