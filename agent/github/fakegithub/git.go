package fakegithub

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// repository is a bare repository with what GitHub keeps beside it.
type repository struct {
	owner, name string
	dir         string
	parent      *repository // of a fork
	polls       int         // how often it is still not there
	pulls       []*Pull
	branch      string // the default one, once it was asked for
}

func (r *repository) full() string { return r.owner + "/" + r.name }

// Add makes a repository of the server's from a bare one on disk, which is used as it is.
func (s *Server) Add(fullName, dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, name, _ := strings.Cut(fullName, "/")
	s.repos[strings.ToLower(fullName)] = &repository{owner: owner, name: name, dir: dir}
}

// Dir is where a repository is, "" where there is none.
func (s *Server) Dir(fullName string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.repos[strings.ToLower(fullName)]; r != nil {
		return r.dir
	}
	return ""
}

// Fsck checks every object of every repository.
func (s *Server) Fsck(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, r := range s.repos {
		out, err := r.git(nil, nil, "fsck", "--full", "--strict", "--no-dangling")
		if err != nil || strings.TrimSpace(out) != "" {
			t.Errorf("git fsck of %s: %v\n%s", name, err, out)
		}
	}
}

// git runs git in the repository. What it writes comes back without its last line feed.
func (r *repository) git(stdin []byte, env []string, args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"--git-dir=" + r.dir}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}, env...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String() + errs.String(), fmt.Errorf("git %s: %w: %s", args[0], err, errs.String())
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// resolve gives the object that a ref stands at, "" where there is none.
func (r *repository) resolve(ref string) string {
	out, err := r.git(nil, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", ref)
	if err != nil {
		return ""
	}
	return out
}

func (r *repository) has(sha, kind string) bool {
	out, err := r.git(nil, nil, "cat-file", "-t", sha)
	return err == nil && out == kind
}

func (c *call) blob(r *repository) {
	var b struct {
		Content  string `json:"content"`
		Encoding string `json:"encoding"`
	}
	if !c.read(&b) {
		return
	}
	data := []byte(b.Content)
	if b.Encoding == "base64" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(b.Content); err != nil {
			c.fail(http.StatusUnprocessableEntity, "content is not valid Base64")
			return
		}
	}
	sha, err := r.git(data, nil, "hash-object", "-w", "--stdin", "--no-filters")
	c.made(err, object{"sha": sha, "url": "x"})
}

func (c *call) made(err error, v object) {
	if err != nil {
		c.s.problem("%s %s: %v", c.r.Method, c.r.URL.Path, err)
		c.fail(http.StatusUnprocessableEntity, "Validation Failed")
		return
	}
	c.json(http.StatusCreated, v)
}

func (c *call) tree(r *repository) {
	var b struct {
		Base string `json:"base_tree"`
		Tree []struct {
			Path    string  `json:"path"`
			Mode    string  `json:"mode"`
			Type    string  `json:"type"`
			SHA     *string `json:"sha"`
			Content *string `json:"content"`
		} `json:"tree"`
	}
	if !c.read(&b) {
		return
	}
	if len(b.Tree) == 0 || b.Base == "" || !r.has(b.Base, "tree") {
		c.fail(http.StatusUnprocessableEntity, "Invalid tree info")
		return
	}
	index := filepath.Join(r.dir, fmt.Sprintf("index-%d", time.Now().UnixNano()))
	defer os.Remove(index)
	env := []string{"GIT_INDEX_FILE=" + index}
	_, err := r.git(nil, env, "read-tree", b.Base)
	var in strings.Builder
	for _, e := range b.Tree {
		switch {
		case e.Content != nil || e.Type != "blob":
			c.s.problem("tree entry %s of type %q with content: not used by us", e.Path, e.Type)
		case e.SHA == nil:
			fmt.Fprintf(&in, "0 %040d\t%s\x00", 0, e.Path)
		case !r.has(*e.SHA, "blob"):
			c.fail(http.StatusUnprocessableEntity, "tree.sha "+*e.SHA+" is not a valid blob")
			return
		default:
			fmt.Fprintf(&in, "%s %s\t%s\x00", e.Mode, *e.SHA, e.Path)
		}
	}
	if err == nil {
		_, err = r.git([]byte(in.String()), env, "update-index", "-z", "--index-info")
	}
	sha := ""
	if err == nil {
		sha, err = r.git(nil, env, "write-tree")
	}
	c.made(err, object{"sha": sha, "url": "x", "truncated": false, "tree": []object{}})
}

type who struct {
	Name  string    `json:"name"`
	Email string    `json:"email"`
	Date  time.Time `json:"date"`
}

func (w who) String() string {
	_, offset := w.Date.Zone()
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	return fmt.Sprintf("%s <%s> %d %c%02d%02d", w.Name, w.Email, w.Date.Unix(), sign, offset/3600, offset/60%60)
}

func (c *call) commit(r *repository, sign bool) {
	var b struct {
		Message   string   `json:"message"`
		Tree      string   `json:"tree"`
		Parents   []string `json:"parents"`
		Author    who      `json:"author"`
		Committer who      `json:"committer"`
	}
	if !c.read(&b) {
		return
	}
	if b.Message == "" || !r.has(b.Tree, "tree") || b.Author.Name == "" || b.Committer.Name == "" || b.Author.Date.IsZero() {
		c.fail(http.StatusUnprocessableEntity, "Invalid request")
		return
	}
	var o strings.Builder
	fmt.Fprintf(&o, "tree %s\n", b.Tree)
	for _, p := range b.Parents {
		if !r.has(p, "commit") {
			c.fail(http.StatusUnprocessableEntity, "Parent SHA does not exist or is not a commit object")
			return
		}
		fmt.Fprintf(&o, "parent %s\n", p)
	}
	fmt.Fprintf(&o, "author %s\ncommitter %s\n", b.Author, b.Committer)
	if sign { // any more header makes another commit of it, as GitHub's own signature does
		o.WriteString("encoding UTF-8\n")
	}
	fmt.Fprintf(&o, "\n%s", b.Message)
	sha, err := r.git([]byte(o.String()), nil, "hash-object", "-w", "-t", "commit", "--stdin")
	if err != nil {
		c.made(err, nil)
		return
	}
	c.json(http.StatusCreated, r.commitObject(sha))
}

// commitObject is a commit as the API shows it, nil where there is none.
func (r *repository) commitObject(sha string) object {
	if len(sha) != 40 || !r.has(sha, "commit") {
		return nil
	}
	out, err := r.git(nil, nil, "show", "-s", "--format=%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B", sha)
	f := strings.SplitN(out, "\n", 9)
	if err != nil || len(f) < 9 {
		return nil
	}
	var parents []object
	for _, p := range strings.Fields(f[1]) {
		parents = append(parents, object{"sha": p, "url": "x", "html_url": "x"})
	}
	return object{
		"sha": sha, "node_id": "x", "url": "x", "html_url": "x", "message": f[8], "tree": object{"sha": f[0], "url": "x"}, "parents": parents,
		"author": object{"name": f[2], "email": f[3], "date": f[4]}, "committer": object{"name": f[5], "email": f[6], "date": f[7]},
		"verification": object{"verified": false, "reason": "unsigned", "signature": nil, "payload": nil},
	}
}

func refObject(name, sha string) object {
	return object{"ref": name, "node_id": "x", "url": "x", "object": object{"type": "commit", "sha": sha, "url": "x"}}
}

func (c *call) createRef(r *repository) {
	var b struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	}
	if !c.read(&b) {
		return
	}
	switch {
	case !strings.HasPrefix(b.Ref, "refs/") || strings.Count(b.Ref, "/") < 2:
		c.fail(http.StatusUnprocessableEntity, "Reference name must start with 'refs' and contain at least two slashes")
	case !r.has(b.SHA, "commit"):
		c.fail(http.StatusUnprocessableEntity, "Object does not exist")
	case r.resolve(b.Ref) != "":
		c.fail(http.StatusUnprocessableEntity, "Reference already exists")
	default:
		_, err := r.git(nil, nil, "update-ref", b.Ref, b.SHA, strings.Repeat("0", 40))
		c.made(err, refObject(b.Ref, b.SHA))
	}
}

func (c *call) fork(r *repository) {
	var b struct {
		DefaultBranchOnly bool `json:"default_branch_only"`
	}
	if !c.read(&b) {
		return
	}
	key := strings.ToLower(User + "/" + r.name)
	f := c.s.repos[key]
	if f == nil || f.parent != r {
		if f != nil {
			key += "-1"
		}
		f = &repository{owner: User, name: strings.TrimPrefix(key, User+"/"), parent: r, polls: c.s.forkPolls, dir: filepath.Join(c.s.dir, strings.ReplaceAll(key, "/", "+")+".git")}
		// Forks share their objects with what they are forks of.
		out, err := exec.Command("git", "clone", "--quiet", "--bare", "--shared", r.dir, f.dir).CombinedOutput()
		if err != nil {
			c.s.problem("forking: %v: %s", err, out)
		}
		c.s.repos[key] = f
	}
	c.json(http.StatusAccepted, f.object())
}

func (r *repository) object() object {
	if r.branch == "" {
		r.branch, _ = r.git(nil, nil, "symbolic-ref", "--short", "HEAD")
	}
	o := object{"id": 1, "name": r.name, "full_name": r.full(), "owner": user(r.owner), "private": false, "fork": r.parent != nil,
		"default_branch": r.branch, "html_url": "https://github.com/" + r.full()}
	if r.parent != nil {
		p := r.parent.object()
		o["parent"], o["source"] = p, p
	}
	return o
}
