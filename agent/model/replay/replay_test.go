package replay_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/logwright/logwright/agent/model"
	"github.com/logwright/logwright/agent/model/fakemodel"
	"github.com/logwright/logwright/agent/model/replay"
)

const key = "sk-test-0123456789"

func redact(s string) string { return strings.ReplaceAll(s, "hunter2", "[redacted]") }

func config(url string) model.Config {
	c := model.DefaultConfig()
	c.Provider, c.Name, c.BaseURL, c.APIKey = model.ProviderOpenAI, "fake-1", url+"/v1", key
	return c
}

func complete(t *testing.T, c model.Config, o model.Options, text string) (model.Response, error) {
	t.Helper()
	o.Redact, o.Ledger = redact, model.NewMemoryLedger(c.Budget)
	m, err := model.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return m.Complete(context.Background(), model.Request{Messages: []model.Message{{Role: model.RoleUser, Text: text}}})
}

// What is recorded can be played, without the server, and holds neither key nor secret.
func TestRecordThenPlay(t *testing.T) {
	fake := fakemodel.Start(t, fakemodel.Reply{Text: "the password is hunter2", InputTokens: 3, OutputTokens: 4})
	dir := t.TempDir()
	rec, err := replay.NewRecorder(http.DefaultTransport, dir, redact)
	if err != nil {
		t.Fatal(err)
	}
	c := config(fake.URL)
	if _, err := complete(t, c, model.Options{Transport: rec}, "a \"quoted\" question, hunter2"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "0001.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{key, "hunter2", "Authorization"} {
		if strings.Contains(string(b), s) {
			t.Errorf("%s is in the file: %s", s, b)
		}
	}
	if !strings.Contains(string(b), `"source": "recorded"`) {
		t.Errorf("the file does not say where it comes from: %s", b)
	}
	if _, err := replay.NewRecorder(http.DefaultTransport, dir, redact); err == nil {
		t.Error("a second recording goes over the first")
	}

	player, err := replay.Open(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	got, err := complete(t, c, model.Options{Transport: player}, "a \"quoted\" question, hunter2")
	if err != nil || got.Text != "the password is [redacted]" || got.Usage.InputTokens != 3 {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(fake.Requests()) != 1 || len(player.Unused()) != 0 {
		t.Error("the player asked the server, or did not play")
	}
}

func TestPlay(t *testing.T) {
	answer := func(text string) string {
		return `{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",` +
			`"message":{"role":"assistant","content":"` + text + `","refusal":null},"logprobs":null}]}`
	}
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	player, err := replay.Open(fstest.MapFS{
		"1.json": file(`{"source":"authored","path":"/chat/completions","contains":["say \"a\""],"response":` + answer("first") + `}`),
		"2.json": file(`{"source":"authored","path":"/chat/completions","contains":["say \"a\""],"response":` + answer("second") + `}`),
		"3.json": file(`{"source":"authored","path":"/chat/completions","contains":["b"],"status":401,"header":{"Content-Type":"text/plain"},"text":"no"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := config("http://127.0.0.1:9")
	for _, want := range []string{"first", "second", "second"} {
		got, err := complete(t, c, model.Options{Transport: player}, `say "a"`)
		if err != nil || got.Text != want {
			t.Errorf("got %+v, %v; want %s", got, err, want)
		}
	}
	if got := player.Unused(); len(got) != 1 || got[0] != "3.json" {
		t.Errorf("unused: %v", got)
	}
	if _, err := complete(t, c, model.Options{Transport: player}, "b"); model.KindOf(err) != model.KindAuth {
		t.Errorf("got %v", err)
	}
}

func TestNoFit(t *testing.T) {
	player, err := replay.Open(fstest.MapFS{"1.json": {Data: []byte(`{"source":"authored","path":"/messages","text":"x"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	c := config("http://127.0.0.1:9")
	c.Timeout = 500 * time.Millisecond // shorter than any wait: no second attempt
	_, err = complete(t, c, model.Options{Transport: player}, "x")
	if err == nil || !strings.Contains(err.Error(), "no exchange fits") {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no source":      `{"path":"/x","text":"y"}`,
		"unknown source": `{"source":"found","path":"/x","text":"y"}`,
		"unknown key":    `{"source":"authored","path":"/x","text":"y","reply":{}}`,
		"no path":        `{"source":"authored","text":"y"}`,
		"no answer":      `{"source":"authored","path":"/x"}`,
		"two answers":    `{"source":"authored","path":"/x","text":"y","response":{}}`,
		"not JSON":       `source: authored`,
	} {
		if _, err := replay.Open(fstest.MapFS{"1.json": {Data: []byte(text)}}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := replay.Open(fstest.MapFS{}); err == nil {
		t.Error("an empty folder was taken")
	}
}
