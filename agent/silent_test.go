package agent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/logwright/logwright/agent/incident"
	"github.com/logwright/logwright/agent/model/fakemodel"
)

// A service that is silent has no line to show to a model. It is mended by the built-in choice all the same.
func TestSilenceIsMendedWithAModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := fakemodel.InMemory(t)
		fake.Answer(goodAnswer)
		w := newWorkshop(t, shop{mode: "enforce", then: "allow"})
		model, _, _ := strings.Cut(modelYAML(fake), "notify:")
		w.yaml = strings.Replace(w.yaml, "{name: app,", "{name: app, heartbeat: 10m,", 1) + model
		w.transport = fake.Transport()
		w.start()
		w.write("app.log", time.Now().UTC().Format("2006-01-02 15:04:05")+" INFO alive")
		advance(15 * time.Minute)
		if inc := w.only(); inc.Trigger != incident.TriggerSilence || inc.Diagnosis == nil || inc.Diagnosis.Degraded == "" {
			t.Fatalf("%+v, diagnosis %+v; want a silence that says why no model was asked", inc, inc.Diagnosis)
		}
		if n := len(fake.Requests()); n != 0 {
			t.Errorf("a model was asked %d times about nothing", n)
		}
		if rec := w.proposal(); rec.Action == nil || !w.exists(w.done) {
			t.Errorf("nothing was done about it: %s %+v", rec.State, rec.Decision)
		}
	})
}
