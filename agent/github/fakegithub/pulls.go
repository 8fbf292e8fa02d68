package fakegithub

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Pull is a pull request.
type Pull struct {
	Number           int
	Title, Body      string
	Base, Head       string // branches; Head as "owner:branch"
	SHA              string
	Draft            bool
	State            string // open, closed
	Created          time.Time
	Closed, MergedAt *time.Time
	Labels           []string
	Comments         []string
	repo, from       *repository
}

// Pulls gives the pull requests of a repository.
func (s *Server) Pulls(fullName string) []Pull {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Pull
	for _, p := range s.repos[strings.ToLower(fullName)].pulls {
		q := *p
		q.Labels, q.Comments = slices.Clone(p.Labels), slices.Clone(p.Comments)
		out = append(out, q)
	}
	return out
}

// Close closes a pull request, merged or not.
func (s *Server) Close(fullName string, number int, merged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.repos[strings.ToLower(fullName)].pulls[number-1]
	now := s.tick()
	p.State, p.Closed = "closed", &now
	if merged {
		p.MergedAt = &now
	}
}

// Open opens a pull request by somebody else, from the branch of a repository; title and body as they are.
func (s *Server) Open(fullName, headOwner, branch, base, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[strings.ToLower(fullName)]
	from := &repository{owner: headOwner, name: r.name, dir: r.dir, parent: r}
	if headOwner == r.owner {
		from = r
	}
	r.pulls = append(r.pulls, &Pull{Number: len(r.pulls) + 1, Title: "x", Body: body, Base: base, Head: headOwner + ":" + branch,
		SHA: strings.Repeat("1", 40), State: "open", Created: s.tick(), repo: r, from: from})
}

// Edit changes a pull request's description, as a person may.
func (s *Server) Edit(fullName string, number int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.repos[strings.ToLower(fullName)].pulls[number-1].Body = body
}

func (c *call) repository(name string, rest []string) {
	r := c.s.repos[strings.ToLower(name)]
	if r == nil {
		c.fail(http.StatusNotFound, "Not Found")
		return
	}
	at := c.r.Method + " " + strings.Join(rest, "/")
	if r.polls > 0 && c.r.Method == http.MethodGet {
		r.polls--
		if len(rest) == 0 && r.polls > 2 {
			c.fail(http.StatusNotFound, "Not Found")
			return
		}
		if len(rest) > 0 {
			c.fail(http.StatusConflict, "Git Repository is empty.")
			return
		}
	}
	number := 0
	if len(rest) > 1 {
		number, _ = strconv.Atoi(rest[1])
	}
	switch {
	case at == "GET ":
		c.json(http.StatusOK, r.object())
	case at == "POST forks":
		c.fork(r)
	case at == "POST git/blobs":
		c.blob(r)
	case at == "POST git/trees":
		c.tree(r)
	case at == "POST git/commits":
		c.commit(r, c.s.app != nil && c.s.app.Signs)
	case at == "POST git/refs":
		c.createRef(r)
	case strings.HasPrefix(at, "GET git/ref/"):
		ref := "refs/" + strings.TrimPrefix(at, "GET git/ref/")
		if sha := r.resolve(ref); sha != "" {
			c.json(http.StatusOK, refObject(ref, sha))
			return
		}
		c.fail(http.StatusNotFound, "Not Found")
	case strings.HasPrefix(at, "GET git/commits/") && len(rest) == 3:
		if o := r.commitObject(rest[2]); o != nil {
			c.json(http.StatusOK, o)
			return
		}
		c.fail(http.StatusNotFound, "Not Found")
	case at == "GET pulls":
		c.listPulls(r)
	case at == "POST pulls":
		c.createPull(r)
	case len(rest) >= 2 && (number < 1 || number > len(r.pulls)):
		c.fail(http.StatusNotFound, "Not Found")
	case at == fmt.Sprintf("GET pulls/%d", number):
		c.json(http.StatusOK, r.pulls[number-1].object())
	case at == fmt.Sprintf("POST issues/%d/labels", number):
		c.label(r.pulls[number-1])
	case at == fmt.Sprintf("GET issues/%d/comments", number):
		var all []object
		for i, text := range r.pulls[number-1].Comments {
			all = append(all, object{"id": i + 1, "body": text, "user": user(User)})
		}
		c.page(all)
	case at == fmt.Sprintf("POST issues/%d/comments", number):
		c.comment(r.pulls[number-1])
	default:
		c.unknown()
	}
}

func (p *Pull) object() object {
	_, branch, _ := strings.Cut(p.Head, ":")
	at := func(t *time.Time) any {
		if t == nil {
			return nil
		}
		return t.Format(time.RFC3339)
	}
	labels := []object{}
	for _, l := range p.Labels {
		labels = append(labels, object{"name": l})
	}
	return object{
		"id": p.Number, "number": p.Number, "state": p.State, "title": p.Title, "body": p.Body, "draft": p.Draft, "user": user(User), "labels": labels,
		"html_url":   fmt.Sprintf("https://github.com/%s/pull/%d", p.repo.full(), p.Number),
		"created_at": p.Created.Format(time.RFC3339), "updated_at": p.Created.Format(time.RFC3339),
		"closed_at": at(p.Closed), "merged_at": at(p.MergedAt),
		"head": object{"label": p.Head, "ref": branch, "sha": p.SHA, "user": user(p.from.owner), "repo": p.from.object()},
		"base": object{"label": p.repo.owner + ":" + p.Base, "ref": p.Base, "user": user(p.repo.owner), "repo": p.repo.object()},
	}
}

func (c *call) listPulls(r *repository) {
	q := c.r.URL.Query()
	state := q.Get("state")
	if state == "" {
		state = "open"
	}
	var all []object
	for _, p := range slices.Backward(r.pulls) { // newest first
		if (state == "all" || p.State == state) && (q.Get("head") == "" || strings.EqualFold(q.Get("head"), p.Head)) {
			all = append(all, p.object())
		}
	}
	c.page(all)
}

// page answers with the part of a list that was asked for, and says where the next one is.
func (c *call) page(all []object) {
	q := c.r.URL.Query()
	per, page := 30, 1
	if n, err := strconv.Atoi(q.Get("per_page")); err == nil {
		per = min(n, 100)
	}
	if n, err := strconv.Atoi(q.Get("page")); err == nil {
		page = n
	}
	from := min((page-1)*per, len(all))
	to := min(from+per, len(all))
	if to < len(all) {
		next := url.URL{Scheme: "http", Host: c.r.Host, Path: c.r.URL.Path}
		q.Set("page", strconv.Itoa(page+1))
		next.RawQuery = q.Encode()
		c.w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, next.String()))
	}
	c.json(http.StatusOK, append([]object{}, all[from:to]...))
}

func (c *call) createPull(r *repository) {
	var b struct {
		Title    string `json:"title"`
		Head     string `json:"head"`
		Base     string `json:"base"`
		Body     string `json:"body"`
		Draft    bool   `json:"draft"`
		Maintain bool   `json:"maintainer_can_modify"`
	}
	if !c.read(&b) {
		return
	}
	from, branch := r, b.Head
	if owner, name, ok := strings.Cut(b.Head, ":"); ok {
		branch = name
		from = nil
		for _, o := range c.s.repos {
			if strings.EqualFold(o.owner, owner) && (o == r || o.parent == r) {
				from = o
			}
		}
	}
	const invalid = "Validation Failed"
	if from == nil {
		c.fail(http.StatusUnprocessableEntity, invalid, "head is invalid")
		return
	}
	p := &Pull{Number: len(r.pulls) + 1, Title: b.Title, Body: b.Body, Base: b.Base, Head: from.owner + ":" + branch, Draft: b.Draft,
		SHA: from.resolve("refs/heads/" + branch), State: "open", repo: r, from: from}
	base := r.resolve("refs/heads/" + b.Base)
	switch {
	case p.SHA == "" || base == "":
		c.fail(http.StatusUnprocessableEntity, invalid, "head or base is invalid")
		return
	case b.Title == "" || utf8.RuneCountInString(b.Title) > 256 || utf8.RuneCountInString(b.Body) > 65536:
		c.fail(http.StatusUnprocessableEntity, invalid, "title or body is too long (maximum is 256 and 65536 characters)")
		return
	case p.SHA == base:
		c.fail(http.StatusUnprocessableEntity, invalid, "No commits between "+b.Base+" and "+branch)
		return
	}
	for _, o := range r.pulls {
		if o.State == "open" && o.Head == p.Head && o.Base == p.Base {
			c.fail(http.StatusUnprocessableEntity, invalid, "A pull request already exists for "+p.Head+".")
			return
		}
	}
	p.Created = c.s.tick()
	ref := fmt.Sprintf("refs/pull/%d/head", p.Number)
	if _, err := r.git(nil, nil, "fetch", "--quiet", from.dir, p.SHA+":"+ref); err != nil && from != r {
		c.s.problem("taking the commits of %s: %v", p.Head, err)
	}
	r.pulls = append(r.pulls, p)
	c.json(http.StatusCreated, p.object())
}

func (c *call) label(p *Pull) {
	var b struct {
		Labels []string `json:"labels"`
	}
	if c.read(&b) {
		p.Labels = append(p.Labels, b.Labels...)
		c.json(http.StatusOK, p.object()["labels"])
	}
}

func (c *call) comment(p *Pull) {
	var b struct {
		Body string `json:"body"`
	}
	if !c.read(&b) {
		return
	}
	if b.Body == "" || utf8.RuneCountInString(b.Body) > 65536 {
		c.fail(http.StatusUnprocessableEntity, "Validation Failed", "Body is too long (maximum is 65536 characters)")
		return
	}
	p.Comments = append(p.Comments, b.Body)
	c.json(http.StatusCreated, object{"id": len(p.Comments), "body": b.Body, "user": user(User)})
}
