package github

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v60/github"

	"github.com/logwright/logwright/agent/incident"
)

const (
	// label is what our pull requests are marked by, for people to find them.
	label = "logwright"
	// maxPages bounds a look through the open pull requests, a hundred each, and through a pull request's comments.
	maxPages = 10
	// maxKey bounds the file of an app's private key.
	maxKey = 64 << 10
)

// hub is GitHub.
type hub struct {
	client      *github.Client
	owner, name string
	fork        bool
	log         *slog.Logger
	fault       func(string)
}

func newHub(c Config, base http.RoundTripper, log *slog.Logger, fault func(string)) (*hub, error) {
	h := &hub{fork: c.Push == PushFork, log: log, fault: fault}
	h.owner, h.name, _ = strings.Cut(c.Repository, "/")
	api := c.BaseURL
	if api == "" {
		api = githubAPI
	}
	u, err := url.Parse(strings.TrimRight(api, "/") + "/")
	if err != nil {
		return nil, errors.New("base_url is not a URL")
	}
	rt := newTransport(base)
	client := &http.Client{
		Transport: rt,
		// A redirect would take the token elsewhere, and make a GET of a POST.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.Auth.app() {
		key, err := readKey(c.Auth.PrivateKey)
		if err != nil {
			return nil, err
		}
		app, err := ghinstallation.New(rt, c.Auth.AppID, c.Auth.InstallationID, key)
		if err != nil {
			return nil, errors.New("auth.private_key is not the PEM file of an RSA key")
		}
		app.BaseURL = strings.TrimRight(u.String(), "/")
		// The token that is asked for is for this repository, and for no more than is done with it.
		write := "write"
		app.InstallationTokenOptions = &github.InstallationTokenOptions{
			Repositories: []string{h.name},
			Permissions:  &github.InstallationPermissions{Contents: &write, PullRequests: &write},
		}
		client.Transport = app
		h.client = github.NewClient(client)
	} else {
		h.client = github.NewClient(client).WithAuthToken(c.Auth.Token)
	}
	h.client.BaseURL = u // WithEnterpriseURLs would add to its path
	h.client.UserAgent = "logwright"
	return h, nil
}

func readKey(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("auth.private_key: %w", err)
	case !fi.Mode().IsRegular() || fi.Size() > maxKey:
		return nil, fmt.Errorf("auth.private_key: %s is not a key's file", path)
	}
	return os.ReadFile(path)
}

// home is the repository that branches are pushed to: the one itself, or the fork.
type home struct{ owner, name string }

// head names a branch as a pull request does.
func (r home) head(branch string) string { return r.owner + ":" + branch }

// whose says whose repository branches are pushed to. A fork has the name of what it is a fork of unless that was taken.
func (h *hub) whose(ctx context.Context) (home, error) {
	if !h.fork {
		return home{h.owner, h.name}, nil
	}
	me, _, err := h.client.Users.Get(ctx, "")
	if err != nil {
		return home{}, explain("who we are", err)
	}
	return home{me.GetLogin(), h.name}, nil
}

func (h *hub) look(ctx context.Context, p *incident.Proposal) (world, error) {
	var w world
	from, err := h.whose(ctx)
	if err != nil {
		return w, err
	}
	branch := branchOf(p.Incident)
	pulls, _, err := h.client.PullRequests.List(ctx, h.owner, h.name, &github.PullRequestListOptions{
		State: "all", Head: from.head(branch), ListOptions: github.ListOptions{PerPage: 100},
	})
	if err != nil {
		return w, explain("the pull requests", err)
	}
	for _, q := range pulls {
		if h.ours(q, from) && q.GetHead().GetRef() == branch {
			w.pulls = append(w.pulls, asPull(q))
		}
	}
	if w.cluster, err = h.openForCluster(ctx, p, from); err != nil {
		return w, err
	}
	if h.fork {
		if from, err = h.findFork(ctx, from); err != nil || from == (home{}) {
			return w, err
		}
	}
	ref, resp, err := h.client.Git.GetRef(ctx, from.owner, from.name, "heads/"+branch)
	switch {
	case resp != nil && (resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusConflict): // 409: an empty repository
		return w, nil
	case err != nil:
		return w, explain("the branch "+branch, err)
	}
	w.branch = ref.GetObject().GetSHA()
	w.same, err = h.sameCommit(ctx, from, w.branch, p)
	return w, err
}

// openForCluster looks for an open pull request for another incident of p's cluster. Only branches of the repository that we push to
// count: anybody may open one with our marker in it from elsewhere.
func (h *hub) openForCluster(ctx context.Context, p *incident.Proposal, from home) (*pull, error) {
	opts := &github.PullRequestListOptions{State: "open", ListOptions: github.ListOptions{PerPage: 100}}
	for range maxPages {
		pulls, resp, err := h.client.PullRequests.List(ctx, h.owner, h.name, opts)
		if err != nil {
			return nil, explain("the open pull requests", err)
		}
		for _, q := range pulls {
			ref := q.GetHead().GetRef()
			if h.ours(q, from) && ref != branchOf(p.Incident) && strings.HasPrefix(ref, branchOf(p.Cluster)+".") {
				found := asPull(q)
				return &found, nil
			}
		}
		if opts.Page = resp.NextPage; opts.Page == 0 {
			return nil, nil
		}
	}
	h.log.Warn("more open pull requests than are looked at; one of ours may be among the others",
		slog.String("repository", h.owner+"/"+h.name), slog.Int("looked_at", maxPages*100))
	return nil, nil
}

// ours says that the pull request comes from where we push to.
func (h *hub) ours(q *github.PullRequest, from home) bool {
	owner, _, _ := strings.Cut(q.GetHead().GetLabel(), ":")
	if r := q.GetHead().GetRepo(); r != nil { // a deleted fork has none
		owner = r.GetOwner().GetLogin()
	}
	return strings.EqualFold(owner, from.owner)
}

func asPull(q *github.PullRequest) pull {
	p := pull{proposal: proposalOf(q.GetBody()), state: stateOf(q)}
	p.ref = incident.ForgeRef{URL: q.GetHTMLURL(), Number: q.GetNumber(), Branch: q.GetHead().GetRef(), Commit: q.GetHead().GetSHA()}
	return p
}

func stateOf(q *github.PullRequest) State {
	s := State{Open: q.GetState() == "open", Merged: q.GetMerged() || !q.GetMergedAt().IsZero()}
	switch {
	case s.Merged:
		s.Open, s.ClosedAt = false, q.GetMergedAt().UTC()
	case !s.Open:
		s.ClosedAt = q.GetClosedAt().UTC()
	}
	return s
}

// sameCommit says whether a commit is the proposal's, or GitHub's own making of it: the same tree on the same parent.
func (h *hub) sameCommit(ctx context.Context, at home, sha string, p *incident.Proposal) (bool, error) {
	if sha == p.Change.Commit {
		return true, nil
	}
	store, err := openObjects(ctx, p.Change.Store)
	if err != nil {
		return false, nil //nolint:nilerr // without our own commit nothing can be the same as it
	}
	ours, err := store.ReadCommit(ctx, p.Change.Commit)
	if err != nil {
		return false, nil //nolint:nilerr // the same
	}
	c, _, err := h.client.Git.GetCommit(ctx, at.owner, at.name, sha)
	if err != nil {
		return false, explain("commit "+short(sha), err)
	}
	return c.GetTree().GetSHA() == ours.Tree && len(c.Parents) == 1 && c.Parents[0].GetSHA() == p.Change.BaseCommit, nil
}

func (h *hub) open(ctx context.Context, d *draft, w world) (incident.ForgeRef, string, error) {
	note := ""
	to, err := h.whose(ctx)
	if err == nil && h.fork {
		to, err = h.makeFork(ctx, to)
	}
	if err != nil {
		return incident.ForgeRef{}, note, err
	}
	sha := w.branch
	if sha == "" {
		if sha, err = h.commit(ctx, to, d); err != nil {
			return incident.ForgeRef{}, note, err
		}
		h.fault("before branch")
		if err := h.branch(ctx, to, d.branch, sha); err != nil {
			return incident.ForgeRef{}, note, err
		}
		h.fault("after branch")
	}
	note = fmt.Sprintf("the branch %s is there, but no pull request of it", d.branch)
	h.fault("before pull request")
	q, err := h.pull(ctx, to, d)
	if err != nil {
		return incident.ForgeRef{}, note, err
	}
	h.fault("after pull request")
	note = ""
	if sha != d.commit {
		note = fmt.Sprintf("GitHub made commit %s of %s, with the same files", short(sha), short(d.commit))
	}
	ref := asPull(q).ref
	ref.Branch, ref.Commit = d.branch, sha
	if err := h.mark(ctx, q.GetNumber()); err != nil {
		h.log.Warn("the pull request has no label", slog.Int("number", q.GetNumber()), slog.String("label", label), slog.String("error", err.Error()))
	}
	return ref, note, nil
}

// commit makes the commit by way of the Git Data API. Objects are named by what they hold, so all of this may be sent again.
func (h *hub) commit(ctx context.Context, to home, d *draft) (string, error) {
	ctx = repeatable(ctx)
	base, _, err := h.client.Git.GetCommit(ctx, to.owner, to.name, d.baseCommit)
	if err != nil {
		if status(err) == http.StatusNotFound {
			return "", fmt.Errorf("%s/%s has no commit %s; push the branch %s to it first", to.owner, to.name, short(d.baseCommit), d.base)
		}
		return "", explain("the base commit", err)
	}
	h.fault("before commit")
	var entries []*github.TreeEntry
	for _, f := range d.files {
		e := &github.TreeEntry{Path: github.String(f.path), Mode: github.String(f.mode), Type: github.String("blob")}
		if f.blob != "" {
			b, _, err := h.client.Git.CreateBlob(ctx, to.owner, to.name, &github.Blob{
				Content: github.String(base64.StdEncoding.EncodeToString(f.text)), Encoding: github.String("base64"),
			})
			if err != nil {
				return "", explain("a file of the change", err)
			}
			if b.GetSHA() != f.blob {
				return "", fmt.Errorf("GitHub made another file of %s than it was sent", incident.PrintableLine(f.path))
			}
			e.SHA = github.String(f.blob)
		}
		entries = append(entries, e)
	}
	tree, _, err := h.client.Git.CreateTree(ctx, to.owner, to.name, base.GetTree().GetSHA(), entries)
	if err != nil {
		return "", explain("the files of the change", err)
	}
	// What is proposed has to be what was verified, whoever counts wrong.
	if tree.GetSHA() != d.tree {
		return "", fmt.Errorf("GitHub made another tree (%s) of the change than the verified one (%s)", short(tree.GetSHA()), short(d.tree))
	}
	by := func(s signature) *github.CommitAuthor {
		return &github.CommitAuthor{Name: github.String(s.name), Email: github.String(s.email), Date: &github.Timestamp{Time: s.at.UTC()}}
	}
	c, _, err := h.client.Git.CreateCommit(ctx, to.owner, to.name, &github.Commit{
		Message: github.String(d.message), Tree: tree, Parents: []*github.Commit{{SHA: github.String(d.baseCommit)}},
		Author: by(d.author), Committer: by(d.committer),
	}, nil)
	if err != nil {
		return "", explain("the commit", err)
	}
	if c.GetTree().GetSHA() != d.tree || len(c.Parents) != 1 || c.Parents[0].GetSHA() != d.baseCommit {
		return "", fmt.Errorf("GitHub made another commit (%s) than it was asked to", short(c.GetSHA()))
	}
	h.fault("after commit")
	return c.GetSHA(), nil
}

// branch creates a branch, and never moves one. Sent again it is refused, and then what is there is looked at.
func (h *hub) branch(ctx context.Context, to home, name, sha string) error {
	_, _, err := h.client.Git.CreateRef(repeatable(ctx), to.owner, to.name, &github.Reference{
		Ref: github.String("refs/heads/" + name), Object: &github.GitObject{SHA: github.String(sha)},
	})
	if err == nil {
		return nil
	}
	ref, _, lookErr := h.client.Git.GetRef(ctx, to.owner, to.name, "heads/"+name)
	switch {
	case lookErr == nil && ref.GetObject().GetSHA() == sha:
		return nil
	case lookErr == nil:
		return fmt.Errorf("there is a branch %s with another commit (%s)", name, short(ref.GetObject().GetSHA()))
	}
	// Of several requests the last may have been refused because an earlier one was done.
	return errors.New(explain("the branch "+name, err).Error())
}

// pull opens the draft. Where it is not known whether that was done, it looks before it tries again.
func (h *hub) pull(ctx context.Context, to home, d *draft) (*github.PullRequest, error) {
	head := d.branch
	if h.fork {
		head = to.head(d.branch)
	}
	for wait := time.Second; ; wait *= 4 {
		q, _, err := h.client.PullRequests.Create(ctx, h.owner, h.name, &github.NewPullRequest{
			Title: github.String(d.title), Head: github.String(head), Base: github.String(d.base), Body: github.String(d.body),
			Draft: github.Bool(true), MaintainerCanModify: github.Bool(true),
		})
		if err == nil {
			return q, nil
		}
		there, _, lookErr := h.client.PullRequests.List(ctx, h.owner, h.name, &github.PullRequestListOptions{State: "all", Head: to.head(d.branch)})
		for _, q := range there {
			if h.ours(q, to) && q.GetHead().GetRef() == d.branch && proposalOf(q.GetBody()) == d.p.ID {
				return q, nil
			}
		}
		if s := status(err); lookErr != nil || s != 0 && s < 500 || wait > 16*time.Second {
			if err = explain("the pull request", err); wait > time.Second {
				err = errors.New(err.Error()) // the last one may have been refused because an earlier one was done
			}
			return nil, err
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// mark adds the label. GitHub's description has the object form only, so go-github's array is not used.
func (h *hub) mark(ctx context.Context, number int) error {
	req, err := h.client.NewRequest(http.MethodPost, fmt.Sprintf("repos/%s/%s/issues/%d/labels", h.owner, h.name, number),
		map[string][]string{"labels": {label}})
	if err != nil {
		return err
	}
	_, err = h.client.Do(repeatable(ctx), req, nil)
	return explain("the label", err)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
