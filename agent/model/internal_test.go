package model

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "", 0},
		{"Retry-After", "5", 5 * time.Second},
		{"Retry-After", " 1.5 ", 1500 * time.Millisecond},
		{"Retry-After", "-5", 0},
		{"Retry-After", "NaN", 0},
		{"Retry-After", "Inf", 24 * time.Hour},
		{"Retry-After", "1e99", 24 * time.Hour},
		{"Retry-After", "soon", 0},
		{"Retry-After", "Sun, 01 Mar 2026 12:00:30 GMT", 30 * time.Second},
		{"Retry-After", "Sun, 01 Mar 2026 11:00:00 GMT", 0},
		{"Retry-After", "Sun, 01 Mar 2099 11:00:00 GMT", 24 * time.Hour},
		{"retry-after-ms", "250", 250 * time.Millisecond},
	} {
		h := http.Header{}
		h.Set(tc.name, tc.value)
		if got := retryAfter(h, now); got != tc.want {
			t.Errorf("%s: %s gives %s, want %s", tc.name, tc.value, got, tc.want)
		}
	}
}

func TestJSONObject(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{`{"a":1}`, `{"a":1}`},
		{" \n{\"a\":1}\n", `{"a":1}`},
		{"```json\n{\"a\":{\"b\":2}}\n```", `{"a":{"b":2}}`},
		{`Here it is: {"a":1}. Is {b} fine?`, `{"a":1}`},
		{`<think>{"draft":"longer than the answer itself"}</think>{"a":1}`, `{"a":1}`},
		{`{"small":1} {"large":"the one that is meant"}`, `{"large":"the one that is meant"}`},
		{`{"a":"}"}`, `{"a":"}"}`},
		{`[1]`, ""},
		{`{"a":`, ""},
		{``, ""},
		{strings.Repeat("{", 1000) + `}`, ""},
	} {
		got, ok := jsonObject(tc.in)
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("%q gives %q", tc.in, got)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("```json\n{\"a\":1}\n```")
	f.Add(`<think>x</think>{`)
	f.Add(`{"error":{"message":["a"],"code":1}}`)
	f.Fuzz(func(t *testing.T, s string) {
		if got, ok := jsonObject(s); ok && !isObject(got) {
			t.Fatalf("%q gives %q", s, got)
		}
		f := classify(400, http.Header{"Retry-After": {s}}, []byte(s), time.Time{})
		if f.Kind == "" || f.RetryAfter < 0 || f.RetryAfter > maxRetryAfter {
			t.Fatalf("%q gives %+v", s, f.Error)
		}
		_ = checkBody(http.Header{"Content-Type": {s}}, []byte(s))
	})
}

func TestWindowHoldsPromptAndAnswer(t *testing.T) {
	r := Request{System: strings.Repeat("x", 3000), Messages: []Message{{RoleUser, strings.Repeat("y", 9000)}}, MaxTokens: 1000}
	if got := window(r); got < 4000+1000 || got%2048 != 0 {
		t.Errorf("a window of %d", got)
	}
}
