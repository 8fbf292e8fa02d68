// Package replay plays exchanges with a model from files, and records them: for tests and for evaluation, where an answer
// has to be the same each time and no model is at hand. Both are http.RoundTrippers for model.Options.Transport, so that
// everything above the network is the real thing.
//
// One file is one exchange. It says where its answer comes from: "source": "authored" was written by a person, "recorded"
// came from a model. A file that does not say is refused, so that the one is never taken for the other.
package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// Where an answer comes from.
const (
	Authored = "authored"
	Recorded = "recorded"
)

// Exchange is one file.
type Exchange struct {
	// Source is Authored or Recorded. Note is for people.
	Source string `json:"source"`
	Note   string `json:"note,omitempty"`
	// Path is the end of the URL's path: "/chat/completions".
	Path string `json:"path"`
	// Request is the body that has to be sent, compared as JSON. Null matches any.
	Request json.RawMessage `json:"request,omitempty"`
	// Contains are texts that the body has to hold, as they stand in a JSON string; for answers that should outlive a
	// change of the prompt's wording.
	Contains []string `json:"contains,omitempty"`

	// Status is the HTTP status, 0 for 200. Header holds what matters of the header.
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	// Response is the body as JSON; Text is the body where it is not JSON.
	Response json.RawMessage `json:"response,omitempty"`
	Text     string          `json:"text,omitempty"`

	name string
	used bool
}

// Player answers from files. It is safe for concurrent use.
type Player struct {
	mu        sync.Mutex
	exchanges []*Exchange
}

// Open reads every *.json of fsys, in the order of their names.
func Open(fsys fs.FS) (*Player, error) {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("replay: there are no exchanges (*.json)")
	}
	p := &Player{}
	for _, name := range names {
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		e := &Exchange{name: path.Base(name)}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(e); err != nil {
			return nil, fmt.Errorf("replay: %s: %w", name, err)
		}
		switch {
		case e.Source != Authored && e.Source != Recorded:
			return nil, fmt.Errorf("replay: %s: source is %q, not %q or %q", name, e.Source, Authored, Recorded)
		case e.Path == "":
			return nil, fmt.Errorf("replay: %s: path is missing", name)
		case (len(e.Response) == 0) == (e.Text == ""):
			return nil, fmt.Errorf("replay: %s: one of response and text has to be there", name)
		}
		p.exchanges = append(p.exchanges, e)
	}
	return p, nil
}

// RoundTrip answers with the first exchange that fits and was not played yet, or with the last one that fits. It never
// touches a network. No fit is an error that says what was asked.
func (p *Player) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var fit *Exchange
	for _, e := range p.exchanges {
		if e.fits(req.URL.Path, body) {
			fit = e
			if !e.used {
				break
			}
		}
	}
	if fit == nil {
		return nil, fmt.Errorf("replay: no exchange fits %s %s: %s", req.Method, req.URL.Path, cut(body))
	}
	fit.used = true
	return fit.response(req), nil
}

// Unused gives the names of the files that were never played.
func (p *Player) Unused() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, e := range p.exchanges {
		if !e.used {
			out = append(out, e.name)
		}
	}
	return out
}

func (e *Exchange) fits(urlPath string, body []byte) bool {
	if !strings.HasSuffix(urlPath, e.Path) {
		return false
	}
	if len(e.Request) > 0 && string(e.Request) != "null" && canonical(e.Request) != canonical(body) {
		return false
	}
	for _, s := range e.Contains {
		quoted, err := json.Marshal(s)
		if err != nil || !bytes.Contains(body, quoted[1:len(quoted)-1]) {
			return false
		}
	}
	return true
}

func (e *Exchange) response(req *http.Request) *http.Response {
	status := e.Status
	if status == 0 {
		status = http.StatusOK
	}
	h := http.Header{"Content-Type": {"application/json"}}
	for k, v := range e.Header {
		h.Set(k, v)
	}
	body := []byte(e.Text)
	if len(e.Response) > 0 {
		body = e.Response
	}
	return &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// Recorder passes requests on and keeps each exchange as a file NNNN.json in a folder. Of the headers only content type and
// Retry-After are kept: no key ever gets into a file. The door has redacted the request; Redact is for the answer.
type Recorder struct {
	next   http.RoundTripper
	dir    string
	redact func(string) string
	mu     sync.Mutex
	n      int
}

// NewRecorder keeps what goes through next in dir, which has to exist and to hold no exchanges yet.
func NewRecorder(next http.RoundTripper, dir string, redact func(string) string) (*Recorder, error) {
	if next == nil || redact == nil {
		return nil, errors.New("replay: a recorder needs a transport and a redactor")
	}
	old, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(old) > 0 {
		return nil, fmt.Errorf("replay: %s holds exchanges already", dir)
	}
	return &Recorder{next: next, dir: dir, redact: redact}, nil
}

// maxRecorded bounds the answer that is recorded.
const maxRecorded = 8 << 20

// RoundTrip passes req on and records the exchange. An exchange that can't be recorded is an error.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := readBody(req)
	if err != nil {
		return nil, err
	}
	out := req.Clone(req.Context())
	out.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := r.next.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxRecorded))
	if err != nil {
		return nil, err
	}
	e := Exchange{Source: Recorded, Path: req.URL.Path, Status: resp.StatusCode, Header: map[string]string{}}
	for _, k := range []string{"Content-Type", "Retry-After"} {
		if v := resp.Header.Get(k); v != "" {
			e.Header[k] = v
		}
	}
	if json.Valid(body) {
		e.Request = body
	}
	if kept := r.redact(string(answer)); json.Valid([]byte(kept)) {
		e.Response = json.RawMessage(kept)
	} else {
		e.Text = kept
	}
	if err := r.write(e); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

func (r *Recorder) write(e Exchange) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	return os.WriteFile(filepath.Join(r.dir, fmt.Sprintf("%04d.json", r.n)), append(b, '\n'), 0o600)
}

func readBody(req *http.Request) ([]byte, error) {
	if req.Body == nil {
		return nil, nil
	}
	defer req.Body.Close()
	return io.ReadAll(req.Body)
}

// canonical gives JSON with sorted keys and without space, or the text itself where it is not JSON.
func canonical(b []byte) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return string(b)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(b)
	}
	return string(out)
}

func cut(b []byte) string {
	const most = 200
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
