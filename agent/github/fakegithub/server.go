// Package fakegithub is a fake of GitHub's API for tests. It keeps real git objects in bare repositories, so that what was
// pushed can be fetched, checked out and checked by git. Every request is held against GitHub's rules as they are documented,
// and against its published OpenAPI description where LOGWRIGHT_SHARED has that; what breaks one fails the test. It can fail
// in the ways that GitHub fails.
package fakegithub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Token is the one that the server knows, and User whose it is.
const (
	Token = "fake-token-of-the-bot"
	User  = "logwright-bot"
)

// Server is a fake GitHub.
type Server struct {
	// URL is the API's, with a slash at its end; "" where the server is used by way of RoundTripper only.
	URL string

	dir string
	api *description // nil where there is none

	mu       sync.Mutex
	repos    map[string]*repository
	faults   []*Fault
	requests []Request
	problems []string
	checked  map[string]int // by the description, "POST /repos/{owner}/{repo}/pulls"
	app      *app
	// forkPolls is how often a new fork is still asked for in vain.
	forkPolls int
	clock     time.Time
}

// Request is one that came.
type Request struct {
	Method, Path, Query, Body string
}

// Fault makes requests fail.
type Fault struct {
	// Method and Path (the end of it) say which; Skip how many of those pass first, Times how many fail then (0 is 1).
	Method, Path string
	Skip, Times  int
	// Do says that the request is carried out all the same: only the answer is lost.
	Do bool
	// Status is answered; 0 cuts the connection. Header and Body go with it.
	Status int
	Header map[string]string
	Body   string
	// Slow waits before anything else, or until the client gives up.
	Slow time.Duration
}

// The usual faults, for requests of a method to paths with an ending.
var (
	// Limited is a 429 as GitHub sends it.
	Limited = Fault{Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "7"}, Body: `{"message":"too many requests"}`}
	// Secondary is a secondary limit as a 403.
	Secondary = Fault{Status: http.StatusForbidden, Header: map[string]string{"Retry-After": "7"},
		Body: `{"message":"You have exceeded a secondary rate limit","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`}
	// Hourly is the primary limit, used up.
	Hourly = Fault{Status: http.StatusForbidden, Header: map[string]string{"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"},
		Body: `{"message":"API rate limit exceeded"}`}
	// Broken is a 500 before, BadGateway a 502 after the request was carried out, Cut a lost connection after it.
	Broken     = Fault{Status: http.StatusInternalServerError, Body: `{"message":"Server Error"}`}
	BadGateway = Fault{Status: http.StatusBadGateway, Do: true, Body: `<html>`}
	Cut        = Fault{Do: true}
)

// On gives f for requests of a method whose path ends like that.
func (f Fault) On(method, path string) Fault {
	f.Method, f.Path = method, path
	return f
}

// New starts a server that ends with the test, on a loopback port.
func New(t testing.TB) *Server {
	s := NewQuiet(t)
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL + "/"
	return s
}

// NewQuiet makes a server without a port: see RoundTripper.
func NewQuiet(t testing.TB) *Server {
	s := &Server{dir: t.TempDir(), repos: make(map[string]*repository), checked: make(map[string]int), api: loadDescription(t),
		clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	t.Cleanup(func() {
		for _, p := range s.Problems() {
			t.Errorf("fake GitHub: %s", p)
		}
	})
	return s
}

// Fault makes requests fail from now on.
func (s *Server) Fault(fs ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range fs {
		f.Times = max(f.Times, 1)
		s.faults = append(s.faults, &f)
	}
}

// Requests gives what came, in order.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Writes gives the requests that were not GETs.
func (s *Server) Writes() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return r.Method == http.MethodGet })
}

// Problems gives what was wrong with the requests so far.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

// Checked gives how many requests were held against the published description, by endpoint; ok is false where there is none.
func (s *Server) Checked() (by map[string]int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	by = make(map[string]int)
	for k, n := range s.checked {
		by[k] = n
	}
	return by, s.api != nil
}

// ForkSlowly makes new forks that are not there for the first n requests.
func (s *Server) ForkSlowly(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forkPolls = n
}

func (s *Server) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// RoundTripper carries requests to the server without a network.
func (s *Server) RoundTripper() http.RoundTripper { return direct{s} }

type direct struct{ s *Server }

func (d direct) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if r := recover(); r != nil {
			if r != http.ErrAbortHandler { //nolint:errorlint // it is thrown as it is
				panic(r)
			}
			resp, err = nil, io.ErrUnexpectedEOF
			if c := req.Context().Err(); c != nil {
				err = c
			}
		}
	}()
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	d.s.ServeHTTP(rec, in)
	return rec.Result(), nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.URL.RawQuery, string(body)})
	f := s.fault(r)
	s.mu.Unlock()
	if f != nil && f.Slow > 0 {
		t := time.NewTimer(f.Slow)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	rec := httptest.NewRecorder()
	if f == nil || f.Do || f.Slow > 0 {
		s.mu.Lock()
		s.answer(rec, r, body)
		s.mu.Unlock()
	}
	switch {
	case f == nil || f.Slow > 0:
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	case f.Status == 0:
		panic(http.ErrAbortHandler)
	default:
		for k, v := range f.Header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
	}
}

func (s *Server) fault(r *http.Request) *Fault {
	for _, f := range s.faults {
		if f.Times == 0 || f.Method != r.Method || !strings.HasSuffix(r.URL.Path, f.Path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		f.Times--
		return f
	}
	return nil
}

// answer checks and carries out a request.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, body []byte) {
	if s.api != nil {
		endpoint, ps := s.api.check(r, body)
		for _, p := range ps {
			s.problem("%s %s: %s", r.Method, r.URL.Path, p)
		}
		if endpoint != "" {
			s.checked[endpoint]++
		}
	}
	if len(body) > 0 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		s.problem("%s %s: content type %q", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	c := &call{s: s, w: w, r: r, body: body}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] == "app" {
		c.installationToken(parts)
		return
	}
	if !s.authorized(r) {
		c.fail(http.StatusUnauthorized, "Bad credentials")
		return
	}
	switch {
	case len(parts) == 1 && parts[0] == "user" && r.Method == http.MethodGet:
		c.json(http.StatusOK, user(User))
	case len(parts) >= 3 && parts[0] == "repos":
		c.repository(parts[1]+"/"+parts[2], parts[3:])
	default:
		c.unknown()
	}
}

// call is one request being answered.
type call struct {
	s    *Server
	w    http.ResponseWriter
	r    *http.Request
	body []byte
}

type object = map[string]any

func (c *call) json(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.w.WriteHeader(status)
	_ = json.NewEncoder(c.w).Encode(v)
}

func (c *call) fail(status int, message string, more ...string) {
	o := object{"message": message, "documentation_url": "https://docs.github.com/rest", "status": fmt.Sprint(status)}
	if len(more) > 0 {
		var es []object
		for _, m := range more {
			es = append(es, object{"resource": "PullRequest", "code": "custom", "message": m})
		}
		o["errors"] = es
	}
	c.json(status, o)
}

func (c *call) unknown() {
	c.s.problem("%s %s: no such endpoint", c.r.Method, c.r.URL.Path)
	c.fail(http.StatusNotFound, "Not Found")
}

// read takes the body apart. A key that is not known is one that GitHub would pass over in silence, so a mistake.
func (c *call) read(into any) bool {
	d := json.NewDecoder(bytes.NewReader(c.body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		c.s.problem("%s %s: %v: %.300s", c.r.Method, c.r.URL.Path, err, c.body)
		c.fail(http.StatusBadRequest, "Problems parsing JSON")
		return false
	}
	return true
}

func user(login string) object {
	return object{"login": login, "id": 1 + len(login), "type": "User", "html_url": "https://github.com/" + login}
}

func (s *Server) tick() time.Time {
	s.clock = s.clock.Add(time.Second)
	return s.clock
}
