package fakegithub

import (
	"net/http/httptest"
	"os"
	"testing"
)

// TestDescriptionFindsMistakes: a check that finds nothing would let everything pass.
func TestDescriptionFindsMistakes(t *testing.T) {
	if os.Getenv(SharedEnv) == "" {
		t.Skip(SharedEnv + " is not set")
	}
	d := loadDescription(t)
	for _, c := range []struct {
		method, target, body, endpoint string
		bad                            bool
	}{
		{"GET", "/repos/a/b/git/ref/heads/logwright/lw-x.1", "", "GET /repos/{owner}/{repo}/git/ref/{ref}", false},
		{"GET", "/repos/a/b/pulls?state=all&per_page=100", "", "GET /repos/{owner}/{repo}/pulls", false},
		{"POST", "/repos/a/b/git/trees", `{"base_tree":"x","tree":[{"path":"p","mode":"100644","type":"blob","sha":null}]}`, "POST /repos/{owner}/{repo}/git/trees", false},
		{"POST", "/repos/a/b/issues/1/labels", `{"labels":["logwright"]}`, "POST /repos/{owner}/{repo}/issues/{issue_number}/labels", false},
		{"GET", "/repos/a/b/pulls?state=every", "", "GET /repos/{owner}/{repo}/pulls", true},
		{"GET", "/repos/a/b/pulls?per_page=many", "", "GET /repos/{owner}/{repo}/pulls", true},
		{"GET", "/repos/a/b/pulls?whose=ours", "", "GET /repos/{owner}/{repo}/pulls", true},
		{"POST", "/repos/a/b/git/trees", `{"tree":[{"path":"p","mode":"100600","type":"blob","sha":null}]}`, "POST /repos/{owner}/{repo}/git/trees", true},
		{"POST", "/repos/a/b/git/refs", `{"ref":"refs/heads/x"}`, "POST /repos/{owner}/{repo}/git/refs", true},
		{"POST", "/repos/a/b/pulls", `{"title":"x","head":"h","base":"b","drafty":true}`, "POST /repos/{owner}/{repo}/pulls", true},
		{"POST", "/repos/a/b/pulls", `{"title":7,"head":"h","base":"b"}`, "POST /repos/{owner}/{repo}/pulls", true},
		{"POST", "/repos/a/b/pulls", ``, "POST /repos/{owner}/{repo}/pulls", true},
		{"POST", "/repos/a/b/issues/1/labels", `["logwright"]`, "POST /repos/{owner}/{repo}/issues/{issue_number}/labels", true},
		{"PUT", "/repos/a/b/pulls", ``, "", true},
		{"GET", "/orgs/a", "", "", true},
	} {
		endpoint, ps := d.check(httptest.NewRequest(c.method, c.target, nil), []byte(c.body))
		if endpoint != c.endpoint || (len(ps) > 0) != c.bad {
			t.Errorf("%s %s %s: %q, %q", c.method, c.target, c.body, endpoint, ps)
		}
	}
}
