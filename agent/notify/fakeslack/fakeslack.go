// Package fakeslack is a fake of Slack's incoming webhooks for tests. It holds what it is sent to the limits and rules that
// Slack documents, and to Logwright's own: no mrkdwn object anywhere, nothing but text in rich text, nothing unescaped in
// the fallback text, no unfurling.
package fakeslack

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// Path is the webhook's path; the secret is in it.
const Path = "/services/TFAKE/BFAKE/fakesecretfakesecret"

// Server is a fake Slack on a loopback port.
type Server struct {
	// URL is the webhook's.
	URL string

	mu       sync.Mutex
	bodies   []string
	problems []string
	answers  []Answer
}

// Answer is what the server says instead of checking and taking a message.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// New starts a server that ends with the test. Rules that were broken fail the test at its end; Problems gives them before.
func New(t testing.TB) *Server {
	s := &Server{}
	h := httptest.NewServer(s)
	s.URL = h.URL + Path
	t.Cleanup(func() {
		h.Close()
		for _, p := range s.Problems() {
			t.Errorf("fake Slack: %s", p)
		}
	})
	return s
}

// Answer makes the server give the answers to the next requests, one each, before it goes back to checking.
func (s *Server) Answer(a ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, a...)
}

// Bodies gives the JSON of every request so far, those answered with an error too.
func (s *Server) Bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// Problems gives what was wrong with the requests so far.
func (s *Server) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.problems...)
}

// ServeHTTP takes one message.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, string(body))
	if len(s.answers) > 0 {
		a := s.answers[0]
		s.answers = s.answers[1:]
		for k, v := range a.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(a.Status)
		_, _ = io.WriteString(w, a.Body)
		return
	}
	var ps []string
	switch {
	case err != nil:
		ps = []string{err.Error()}
	case r.Method != http.MethodPost:
		ps = []string{"method " + r.Method}
	case r.URL.Path != Path || r.URL.RawQuery != "":
		ps = []string{"path " + r.URL.String()}
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		ps = []string{"content type " + r.Header.Get("Content-Type")}
	default:
		ps = Check(body)
	}
	if len(ps) > 0 {
		s.problems = append(s.problems, ps...)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "invalid_payload")
		return
	}
	_, _ = io.WriteString(w, "ok")
}

type object = map[string]any

// Check gives every rule that the JSON of a message breaks.
func Check(body []byte) []string {
	c := &checker{}
	if !utf8.Valid(body) {
		c.add("the body is not UTF-8")
	}
	if len(body) > 100<<10 {
		c.add("the body has %d bytes", len(body))
	}
	var m object
	if err := json.Unmarshal(body, &m); err != nil {
		c.add("not JSON: %v", err)
		return c.problems
	}
	c.keys("message", m, "text", "blocks", "parse", "unfurl_links", "unfurl_media", "replace_original", "delete_original")
	text, _ := m["text"].(string)
	c.length("text", text, 4000)
	c.escaped("text", text)
	if strings.ContainsAny(strings.NewReplacer("\u2060*", "", "\u2060_", "", "\u2060~", "", "\u2060`", "").Replace(text), "*_~`") {
		c.add("text: formatting characters are not defused: %q", text)
	}
	if m["parse"] != "none" {
		c.add("parse is %v", m["parse"])
	}
	for _, k := range []string{"unfurl_links", "unfurl_media", "replace_original", "delete_original"} {
		if v, ok := m[k]; ok && v != false || !ok && strings.HasPrefix(k, "unfurl") {
			c.add("%s is %v", k, m[k])
		}
	}
	blocks, _ := m["blocks"].([]any)
	if len(blocks) > 50 {
		c.add("%d blocks, 50 are the most", len(blocks))
	}
	for i, b := range blocks {
		c.block(fmt.Sprintf("blocks[%d]", i), b)
	}
	if c.total > 13000 {
		c.add("%d characters in blocks: msg_blocks_too_long", c.total)
	}
	return c.problems
}

type checker struct {
	problems []string
	total    int
}

func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *checker) keys(at string, o object, allowed ...string) {
next:
	for k := range o {
		for _, a := range allowed {
			if a == k {
				continue next
			}
		}
		c.add("%s: unexpected key %s", at, k)
	}
}

func (c *checker) length(at, s string, most int) {
	n := len(utf16.Encode([]rune(s)))
	c.total += n
	if n < 1 || n > most {
		c.add("%s has %d characters, allowed are 1 to %d", at, n, most)
	}
	for _, r := range s {
		// Text that moves the cursor or changes direction never gets here, but for the word joiner that defuses.
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200b || r == 0x200e || r == 0x200f {
			c.add("%s holds %U", at, r)
		}
	}
}

var entity = regexp.MustCompile(`&(amp|lt|gt);`)

func (c *checker) escaped(at, s string) {
	if rest := entity.ReplaceAllString(s, ""); strings.ContainsAny(rest, "<>&") {
		c.add("%s: < > & are not escaped: %q", at, s)
	}
}

func (c *checker) block(at string, v any) {
	b, ok := v.(object)
	if !ok {
		c.add("%s is no object", at)
		return
	}
	switch b["type"] {
	case "header":
		c.keys(at, b, "type", "text", "block_id")
		c.plain(at+".text", b["text"], 150)
	case "section":
		c.keys(at, b, "type", "text", "block_id")
		c.plain(at+".text", b["text"], 3000)
	case "context":
		c.keys(at, b, "type", "elements", "block_id")
		c.each(at, b["elements"], 10, func(at string, e any) { c.plain(at, e, 3000) })
	case "divider":
		c.keys(at, b, "type", "block_id")
	case "rich_text":
		c.keys(at, b, "type", "elements", "block_id")
		c.each(at, b["elements"], 100, c.rich)
	default:
		c.add("%s: a block of type %v", at, b["type"])
	}
}

func (c *checker) each(at string, v any, most int, f func(at string, e any)) {
	list, _ := v.([]any)
	if len(list) < 1 || len(list) > most {
		c.add("%s has %d elements, allowed are 1 to %d", at, len(list), most)
	}
	for i, e := range list {
		f(fmt.Sprintf("%s[%d]", at, i), e)
	}
}

func (c *checker) plain(at string, v any, most int) {
	o, _ := v.(object)
	c.keys(at, o, "type", "text", "emoji")
	if o["type"] != "plain_text" || o["emoji"] != false {
		c.add("%s is %v with emoji %v, not plain_text without", at, o["type"], o["emoji"])
	}
	s, _ := o["text"].(string)
	c.length(at, s, most)
	c.escaped(at, s)
}

// rich takes the parts of a rich text: text in sections, lists and preformatted parts, and nothing that could be a link, a
// mention or an emoji.
func (c *checker) rich(at string, v any) {
	o, _ := v.(object)
	switch o["type"] {
	case "rich_text_section", "rich_text_preformatted":
		c.keys(at, o, "type", "elements", "border")
		c.each(at, o["elements"], 100, func(at string, e any) {
			t, _ := e.(object)
			c.keys(at, t, "type", "text", "style")
			if t["type"] != "text" {
				c.add("%s is a %v element", at, t["type"])
			}
			s, _ := t["text"].(string)
			c.length(at, s, 3000)
		})
	case "rich_text_list":
		c.keys(at, o, "type", "elements", "style", "indent", "border", "offset")
		if o["style"] != "bullet" && o["style"] != "ordered" {
			c.add("%s has style %v", at, o["style"])
		}
		c.each(at, o["elements"], 100, func(at string, e any) {
			if s, _ := e.(object); s["type"] != "rich_text_section" {
				c.add("%s: a list holds sections", at)
			}
			c.rich(at, e)
		})
	default:
		c.add("%s: a part of type %v", at, o["type"])
	}
}
