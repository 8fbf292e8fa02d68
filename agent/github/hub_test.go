package github

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/github/fakegithub"
	"github.com/logwright/logwright/agent/incident"
)

// TestFaults lets GitHub fail in each way at each request, in a bubble where waiting takes no time. Whatever happens, there is
// one branch and one pull request at most, and the outcome says what is so.
func TestFaults(t *testing.T) {
	const git = "/repos/" + repoName + "/git"
	writes := []struct{ method, path string }{
		{"POST", git + "/blobs"}, {"POST", git + "/trees"}, {"POST", git + "/commits"}, {"POST", git + "/refs"},
		{"POST", "/pulls"}, {"POST", "/labels"}, {"GET", "/pulls"},
	}
	for name, fault := range map[string]fakegithub.Fault{
		"429": fakegithub.Limited, "secondary limit": fakegithub.Secondary, "500": fakegithub.Broken,
		"502 after it was done": fakegithub.BadGateway, "cut after it was done": fakegithub.Cut, "cut before": {}, "slow": {Slow: 10 * time.Minute},
	} {
		s := newSite(t)
		pr := s.proposal(t, 1, 1)
		for _, w := range writes {
			t.Run(name+" "+w.path, func(t *testing.T) {
				defer runGit(t, s.bare, "update-ref", "-d", "refs/heads/"+pr.Change.Branch)
				synctest.Test(t, func(t *testing.T) {
					srv := fakegithub.NewQuiet(t)
					srv.Add(repoName, s.bare)
					srv.Fault(fault.On(w.method, w.path))
					p := gitHubPlace(s, srv, PushBranch)
					p.config.BaseURL, p.via = "", srv.RoundTripper()
					began := time.Now()
					out := execute(t, p.forge(t, nil), pr)
					if out.Result != incident.ResultDone || out.Forge.Number != 1 || out.Forge.Commit != pr.Change.Commit {
						t.Errorf("%+v", out)
					}
					if b, q := p.branches(t), p.pulls(); len(b) != 1 || len(q) != 1 {
						t.Errorf("%v, %+v", b, q)
					}
					if waited := time.Since(began); fault.Header["Retry-After"] != "" && (waited < 7*time.Second || waited > 9*time.Second) {
						t.Errorf("asked to wait for 7s, waited %s", waited)
					}
				})
			})
		}
	}
}

// TestFaultsThatStay: GitHub does not come back, and the outcome is exact about what is there.
func TestFaultsThatStay(t *testing.T) {
	broken := fakegithub.Broken
	broken.Times = 1000
	hourly, long := fakegithub.Hourly, fakegithub.Limited
	hourly.Times, long.Times = 1000, 1000
	long.Header = map[string]string{"Retry-After": "3600"}
	gone := broken
	gone.Skip = 2 // the look before is answered
	lost := fakegithub.BadGateway
	lost.Times = 1000
	for _, c := range []struct {
		name   string
		faults []fakegithub.Fault
		result incident.Result
		detail string
		branch bool
		pulls  int
	}{
		{"nothing can be seen", []fakegithub.Fault{broken.On("GET", "/pulls")}, incident.ResultFailed, "nothing was pushed", false, 0},
		{"no objects", []fakegithub.Fault{broken.On("POST", "/git/blobs")}, incident.ResultFailed, "nothing was pushed", false, 0},
		{"no pull request", []fakegithub.Fault{broken.On("POST", "/pulls")}, incident.ResultFailed, "the branch logwright/lw-abcdefghij23.1 is there, but no pull request of it", true, 0},
		{"the hour's limit", []fakegithub.Fault{hourly.On("POST", "/pulls")}, incident.ResultFailed, "until 2100-01-01T00:00:00Z", true, 0},
		{"a limit for too long", []fakegithub.Fault{long.On("POST", "/git/refs")}, incident.ResultFailed, "nothing was pushed", false, 0},
		{"an answer that never comes", []fakegithub.Fault{lost.On("POST", "/pulls")}, incident.ResultDone, "", true, 1},
		{"nor a look", []fakegithub.Fault{lost.On("POST", "/pulls"), gone.On("GET", "/pulls")}, incident.ResultUnknown, "can't be seen", true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			pr := s.proposal(t, 1, 1)
			synctest.Test(t, func(t *testing.T) {
				srv := fakegithub.NewQuiet(t)
				srv.Add(repoName, s.bare)
				srv.Fault(c.faults...)
				p := gitHubPlace(s, srv, PushBranch)
				p.config.BaseURL, p.via = "", srv.RoundTripper()
				out := execute(t, p.forge(t, nil), pr)
				if out.Result != c.result || !strings.Contains(out.Detail, c.detail) {
					t.Errorf("%+v", out)
				}
				if b, q := p.branches(t), p.pulls(); (len(b) > 0) != c.branch || len(q) != c.pulls {
					t.Errorf("%v, %d pull requests", b, len(q))
				}
			})
		})
	}
}

// TestPullIsNotSentBlindly: a request that may have been done is not sent again before it was looked for.
func TestPullIsNotSentBlindly(t *testing.T) {
	for _, fault := range []fakegithub.Fault{fakegithub.Cut, fakegithub.BadGateway} {
		s := newSite(t)
		pr := s.proposal(t, 1, 1)
		synctest.Test(t, func(t *testing.T) {
			srv := fakegithub.NewQuiet(t)
			srv.Add(repoName, s.bare)
			srv.Fault(fault.On("POST", "/pulls"), fault.On("POST", "/comments"))
			p := gitHubPlace(s, srv, PushBranch)
			p.config.BaseURL, p.via = "", srv.RoundTripper()
			f := p.forge(t, nil)
			out := execute(t, f, pr)
			if c, err := f.Comment(t.Context(), grant(t, commentOn(s.proposal(t, 2, 2), *out.Forge, "x"))); err != nil || c.Result != incident.ResultDone {
				t.Errorf("%+v, %v", c, err)
			}
			sent := make(map[string]int)
			for _, r := range srv.Writes() {
				sent[r.Path[strings.LastIndex(r.Path, "/"):]]++
			}
			if sent["/pulls"] != 1 || sent["/comments"] != 1 {
				t.Errorf("sent %v", sent)
			}
		})
	}
}

func TestForkIsWaitedFor(t *testing.T) {
	for polls, result := range map[int]incident.Result{9: incident.ResultDone, 1000: incident.ResultFailed} {
		s := newSite(t)
		pr := s.proposal(t, 1, 1)
		synctest.Test(t, func(t *testing.T) {
			srv := fakegithub.NewQuiet(t)
			srv.Add(repoName, s.bare)
			srv.ForkSlowly(polls)
			p := gitHubPlace(s, srv, PushFork)
			p.config.BaseURL, p.via = "", srv.RoundTripper()
			began := time.Now()
			out := execute(t, p.forge(t, nil), pr)
			if out.Result != result || time.Since(began) > 7*time.Minute {
				t.Errorf("%d polls: %+v, after %s", polls, out, time.Since(began))
			}
			if result == incident.ResultFailed && !strings.Contains(out.Detail, "was not ready within 5m0s") {
				t.Errorf("%q", out.Detail)
			}
			for name := range p.branches(t) {
				if got := runGit(t, s.bare, "for-each-ref", "refs/heads/"+name); got != "" {
					t.Errorf("the branch is in the repository itself: %s", got)
				}
			}
		})
	}
}

// TestOthersPullRequests: anybody may open a pull request that says it is ours, and it keeps nobody from anything.
func TestOthersPullRequests(t *testing.T) {
	p := newGitHubPlace(t, PushBranch)
	pr := p.proposal(t, 1, 1)
	p.fake.Open(repoName, "mallory", pr.Change.Branch, "main", marker(&pr))
	p.fake.Open(repoName, "mallory", "logwright/"+pr.Cluster+".7", "main", marker(&pr))
	for i := range 120 { // more than a page of others'
		p.fake.Open(repoName, "acme", fmt.Sprintf("topic-%d", i), "main", "see "+marker(&pr)+" there")
	}
	out := execute(t, p.forge(t, nil), pr)
	if out.Result != incident.ResultDone || out.Forge.Number != 123 {
		t.Fatalf("%+v", out)
	}
	// One of ours on the second page is found.
	for i := range 120 {
		p.fake.Open(repoName, "acme", fmt.Sprintf("later-%d", i), "main", "")
	}
	if out := execute(t, p.forge(t, nil), p.proposal(t, 2, 2)); out.Result != incident.ResultSkipped || !strings.Contains(out.Detail, "#123") {
		t.Errorf("%+v", out)
	}
	// A person took the marker away; the branch still says whose it is.
	p.fake.Edit(repoName, 123, "mine now")
	if out := execute(t, p.forge(t, nil), pr); out.Result != incident.ResultDone || out.Forge.Number != 123 {
		t.Errorf("%+v", out)
	}
}

func TestApp(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, signs := range []bool{false, true} {
		p := newGitHubPlace(t, PushBranch)
		p.fake.Install(7, 42, &key.PublicKey, signs)
		file := filepath.Join(p.dir, "key.pem")
		b := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		p.config.Auth = Auth{AppID: 7, InstallationID: 42, PrivateKey: file}
		pr := p.proposal(t, 1, 1)
		out := execute(t, p.forge(t, nil), pr)
		if out.Result != incident.ResultDone {
			t.Fatalf("%+v", out)
		}
		// GitHub may make a commit of its own; its files are those that were verified, and it is said.
		if same := out.Forge.Commit == pr.Change.Commit; same == signs || strings.Contains(out.Detail, "with the same files") != signs {
			t.Errorf("signs %v: %+v", signs, out)
		}
		if got := runGit(t, p.bare, "rev-parse", pr.Change.Branch+"^{tree}"); got != runGit(t, p.store.Dir(), "rev-parse", pr.Change.Commit+"^{tree}") {
			t.Error("another tree")
		}
		if again := execute(t, p.forge(t, nil), pr); again.Result != incident.ResultDone || again.Forge.Number != 1 {
			t.Errorf("again: %+v", again)
		}
	}
}

// TestOtherAnswers: a server that makes something else of what it is sent does not get a branch out of us.
func TestOtherAnswers(t *testing.T) {
	for path, answer := range map[string]string{
		"/git/blobs":   `{"sha":"0123456789012345678901234567890123456789"}`,
		"/git/trees":   `{"sha":"0123456789012345678901234567890123456789"}`,
		"/git/commits": `{"sha":"0123456789012345678901234567890123456789","tree":{"sha":"x"},"parents":[]}`,
	} {
		p := newGitHubPlace(t, PushBranch)
		p.fake.Fault(fakegithub.Fault{Status: http.StatusCreated, Body: answer, Times: 100}.On("POST", path))
		out := execute(t, p.forge(t, nil), p.proposal(t, 1, 1))
		if out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "GitHub made another") || len(p.branches(t)) > 0 {
			t.Errorf("%s: %+v, %v", path, out, p.branches(t))
		}
	}
}

// TestRedirectsAreNotFollowed: the token goes nowhere else.
func TestRedirectsAreNotFollowed(t *testing.T) {
	p := newGitHubPlace(t, PushBranch)
	other := fakegithub.New(t)
	p.fake.Fault(fakegithub.Fault{Status: http.StatusTemporaryRedirect, Header: map[string]string{"Location": other.URL + "repos/acme/api/pulls"}, Body: `{"message":"Moved"}`}.On("GET", "/pulls"))
	out := execute(t, p.forge(t, nil), p.proposal(t, 1, 1))
	if out.Result != incident.ResultFailed || !strings.Contains(out.Detail, "renamed") || len(other.Requests()) > 0 {
		t.Errorf("%+v, %v", out, other.Requests())
	}
}

func TestNoTokenInErrors(t *testing.T) {
	p := newGitHubPlace(t, PushBranch)
	p.config.Auth.Token = "not-the-token-9f3"
	out := execute(t, p.forge(t, nil), p.proposal(t, 1, 1))
	if out.Result != incident.ResultFailed || strings.Contains(out.Detail, "9f3") || !strings.Contains(out.Detail, "the token is wrong") {
		t.Errorf("%+v", out)
	}
}

// TestEveryEndpointIsChecked: all that is sent is held against GitHub's published description.
func TestEveryEndpointIsChecked(t *testing.T) {
	const repo = "/repos/{owner}/{repo}"
	p := newGitHubPlace(t, PushFork)
	f := p.forge(t, nil)
	out := execute(t, f, p.proposal(t, 1, 1))
	if _, err := f.Comment(t.Context(), grant(t, commentOn(p.proposal(t, 2, 2), *out.Forge, "x"))); err != nil {
		t.Fatal(err)
	}
	by, ok := p.fake.Checked()
	if !ok {
		// The description is no prerequisite: it is not part of this repository.
		t.Skip(fakegithub.SharedEnv + " is not set: requests are held against the built-in checks only")
	}
	n := 0
	for _, k := range by {
		n += k
	}
	if all := len(p.fake.Requests()); n != all {
		t.Errorf("%d of %d requests were checked", n, all)
	}
	for _, e := range []string{
		"GET /user", "GET " + repo, "POST " + repo + "/forks", "GET " + repo + "/git/ref/{ref}", "POST " + repo + "/git/refs",
		"POST " + repo + "/git/blobs", "POST " + repo + "/git/trees", "POST " + repo + "/git/commits", "GET " + repo + "/git/commits/{commit_sha}",
		"GET " + repo + "/pulls", "POST " + repo + "/pulls", "GET " + repo + "/pulls/{pull_number}", "POST " + repo + "/issues/{issue_number}/labels",
		"GET " + repo + "/issues/{issue_number}/comments", "POST " + repo + "/issues/{issue_number}/comments",
	} {
		if by[e] == 0 {
			t.Errorf("%s was not checked: %v", e, by)
		}
		delete(by, e)
	}
	if len(by) > 0 {
		t.Errorf("not expected: %v", by)
	}
}
