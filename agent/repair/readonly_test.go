package repair

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/repair/sandbox"
)

// TestGoWithACacheItCantWrite: files that are not new make go write an index of packages, which failed on a machine with much
// else to do. The package needs none of Go's library, so that it is compiled soon.
func TestGoWithACacheItCantWrite(t *testing.T) {
	s := realSandbox(t, "go")
	layer, cache := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(layer, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.test/x\n\ngo 1.24\n")
	write("p/p.go", "package p\n\nfunc F() int { return 1 }\n")
	old := time.Now().Add(-time.Hour)
	age := func() {
		t.Helper()
		err := filepath.WalkDir(layer, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chtimes(path, old, old)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	build := func(writable bool) sandbox.Result {
		t.Helper()
		age()
		env := map[string]string{"GOPROXY": "off"}
		for k, v := range cacheEnv {
			env[k] = v
		}
		res, err := s.Run(t.Context(), sandbox.Job{
			Layers: []string{layer}, Argv: []string{"go", "list", "-deps", "./..."}, Env: env,
			Mounts: []sandbox.Mount{{Host: cache, Inside: cacheInside, Writable: writable}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	if res := build(true); !res.Passed() {
		t.Fatalf("with a cache it can write: %+v", res)
	}
	write("p/q.go", "package p\n\nfunc G() int { return F() }\n")
	if res := build(false); !res.Passed() {
		t.Errorf("with one it can't: %+v", res)
	}
}
