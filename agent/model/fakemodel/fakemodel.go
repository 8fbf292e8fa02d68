// Package fakemodel is a fake language model for tests: an HTTP server on loopback that speaks the wire formats of
// OpenAI's chat completions, Anthropic's messages and Ollama's chat, and answers what the test says. It knows nothing and
// is no model.
//
// It is strict where real servers are: each request is validated, and so is each answer that it makes of a Reply's parts,
// so that neither side of a test drifts away from the format. Where the environment names a folder with the published
// schemas of OpenAI in LOGWRIGHT_SHARED, those are used too.
package fakemodel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Reply is what the fake does with one request. The zero Reply answers "{}".
type Reply struct {
	// Status is the HTTP status, 0 for 200. Another status than 2xx sends Error.
	Status int
	// Error is the message of an error in the provider's form; RawError is the whole body instead.
	Error    string
	RawError string
	// Header is added, for example Retry-After.
	Header map[string]string

	// Text is the assistant's message, "" for "{}".
	Text string
	// Thinking is put before the answer where the wire format has a place for it.
	Thinking string
	// Finish is the finish reason, "" for the provider's word for a whole answer.
	Finish string
	// Refusal is OpenAI's refusal field.
	Refusal string
	// InputTokens and OutputTokens are the usage; both 0 leaves the usage out.
	InputTokens, OutputTokens int

	// Raw is sent as the body, as it is, in place of an answer: garbage, wrong shapes. RawType is its content type.
	Raw     string
	RawType string
	// NoChoices answers without any choice.
	NoChoices bool

	// Hang waits until the client goes away, and answers nothing.
	Hang bool
	// Stall sends the headers and the first half of the body, then waits until the client goes away.
	Stall bool
	// Cut sends the first half of the body, then drops the connection.
	Cut bool
	// Before is called when the request has arrived, before anything is answered. Nil for nothing.
	Before func()
}

// Request is what the fake was asked.
type Request struct {
	Path   string
	Header http.Header
	Body   []byte
}

// Messages gives the texts of a request of any of the three formats, the system text first.
func (r Request) Messages() []string {
	var b struct {
		System   string `json:"system"`
		Messages []struct {
			Content any `json:"content"`
		} `json:"messages"`
	}
	if json.Unmarshal(r.Body, &b) != nil {
		return nil
	}
	var out []string
	if b.System != "" {
		out = append(out, b.System)
	}
	for _, m := range b.Messages {
		switch c := m.Content.(type) {
		case string:
			out = append(out, c)
		case []any:
			for _, p := range c {
				if part, ok := p.(map[string]any); ok {
					if s, ok := part["text"].(string); ok {
						out = append(out, s)
					}
				}
			}
		}
	}
	return out
}

// Server is a fake model. It is safe for concurrent use.
type Server struct {
	// URL is the server's address, without a path: base_url is URL+"/v1" for OpenAI's and Anthropic's format, URL for Ollama's.
	URL string

	t       testing.TB
	checks  *checks
	server  *httptest.Server
	mu      sync.Mutex
	script  []Reply
	always  func(Request) Reply
	got     []Request
	closing chan struct{}
}

// Start starts a fake that gives the replies in order, the last one again and again. It is closed with the test.
func Start(t testing.TB, script ...Reply) *Server {
	t.Helper()
	s := newServer(t, script)
	s.server = httptest.NewServer(s)
	s.URL = s.server.URL
	t.Cleanup(func() {
		close(s.closing)
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// InMemory makes a fake without a network, for tests in a testing/synctest bubble: give Transport to the client.
func InMemory(t testing.TB, script ...Reply) *Server {
	t.Helper()
	s := newServer(t, script)
	s.URL = "http://127.0.0.1:9" // never dialled
	return s
}

func newServer(t testing.TB, script []Reply) *Server {
	if len(script) == 0 {
		script = []Reply{{}}
	}
	return &Server{t: t, checks: newChecks(t), script: script, closing: make(chan struct{})}
}

// Script replaces what is answered from now on.
func (s *Server) Script(script ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script, s.always = script, nil
}

// Answer makes f answer every request from now on.
func (s *Server) Answer(f func(Request) Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.always = f
}

// Requests gives what was asked so far, oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.got...)
}

func (s *Server) next(r Request) Reply {
	s.mu.Lock()
	s.got = append(s.got, r)
	if f := s.always; f != nil {
		s.mu.Unlock()
		return f(r)
	}
	defer s.mu.Unlock()
	reply := s.script[0]
	if len(s.script) > 1 {
		s.script = s.script[1:]
	}
	return reply
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	wire := wireOf(r.URL.Path)
	req := Request{Path: r.URL.Path, Header: r.Header.Clone(), Body: body}
	if wire == nil || r.Method != http.MethodPost {
		s.mu.Lock()
		s.got = append(s.got, req)
		s.mu.Unlock()
		http.Error(w, `{"error":{"message":"no such address","type":"invalid_request_error"}}`, http.StatusNotFound)
		return
	}
	if problem := s.checks.request(wire, body); problem != "" {
		s.t.Errorf("fake model: the request to %s is not in the provider's format: %s\n%s", r.URL.Path, problem, body)
	}
	reply := s.next(req)
	if reply.Before != nil {
		reply.Before()
	}
	s.send(w, r, wire, reply)
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, wire wire, reply Reply) {
	wait := func() {
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
	}
	if reply.Hang {
		wait()
		panic(http.ErrAbortHandler)
	}
	status := reply.Status
	if status == 0 {
		status = http.StatusOK
	}
	ct, out := wire.contentType(), ""
	switch {
	case status < 200 || status > 299:
		ct = "application/json"
		if out = reply.RawError; out == "" {
			out = wire.fail(reply.Error)
		}
	case reply.Raw != "" || reply.RawType != "":
		out = reply.Raw
		if reply.RawType != "" {
			ct = reply.RawType
		}
	default:
		var model struct {
			Model string `json:"model"`
		}
		s.mu.Lock()
		_ = json.Unmarshal(s.got[len(s.got)-1].Body, &model)
		s.mu.Unlock()
		out = wire.answer(model.Model, reply)
		if problem := s.checks.response(wire, out); problem != "" && !reply.NoChoices {
			s.t.Errorf("fake model: its own answer is not in the provider's format: %s\n%s", problem, out)
		}
	}
	w.Header().Set("Content-Type", ct)
	for k, v := range reply.Header {
		w.Header().Set(k, v)
	}
	if !reply.Stall && !reply.Cut {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, out)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(out)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, out[:len(out)/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	if reply.Stall {
		wait()
	}
	panic(http.ErrAbortHandler)
}

// Transport gives a RoundTripper that hands requests to the fake without a network.
func (s *Server) Transport() http.RoundTripper { return inMemory{s} }

type inMemory struct{ s *Server }

// RoundTrip runs the handler beside the caller and gives its answer as soon as the headers are there.
func (m inMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.String(), m.s.URL) {
		return nil, fmt.Errorf("fake model: request to %s", req.URL.Host)
	}
	pr, pw := io.Pipe()
	w := &pipeWriter{header: http.Header{}, body: pw, ready: make(chan struct{})}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
					panic(p)
				}
				pw.CloseWithError(io.ErrUnexpectedEOF)
				return
			}
			w.WriteHeader(http.StatusOK)
			pw.Close()
		}()
		m.s.ServeHTTP(w, req)
	}()
	select {
	case <-w.ready:
		stop := contextReader(req, pr)
		return &http.Response{
			StatusCode: w.status, Status: fmt.Sprint(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: w.sent, Body: stop, ContentLength: -1, Request: req,
		}, nil
	case <-req.Context().Done():
		<-gone
		return nil, req.Context().Err()
	case <-gone:
		return nil, io.ErrUnexpectedEOF
	}
}

// contextReader ends the body when the request's context ends, as the real transport does.
func contextReader(req *http.Request, pr *io.PipeReader) io.ReadCloser {
	done := make(chan struct{})
	go func() {
		select {
		case <-req.Context().Done():
			pr.CloseWithError(req.Context().Err())
		case <-done:
		}
	}()
	return &body{PipeReader: pr, done: done}
}

type body struct {
	*io.PipeReader
	once sync.Once
	done chan struct{}
}

func (b *body) Close() error {
	b.once.Do(func() { close(b.done) })
	return b.PipeReader.Close()
}

type pipeWriter struct {
	header, sent http.Header
	status       int
	once         sync.Once
	body         *io.PipeWriter
	ready        chan struct{}
}

func (w *pipeWriter) Header() http.Header { return w.header }

func (w *pipeWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.ready)
	})
}

func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
