package journal

import (
	"testing"

	"github.com/logwright/logwright/collectors"
	"github.com/logwright/logwright/collectors/collectortest"
	"github.com/logwright/logwright/collectors/journal/journaltest"
)

// TestConformance runs what every collector has to keep on a live journal, and on a directory that is read to its end.
func TestConformance(t *testing.T) {
	for _, once := range []bool{false, true} {
		name := map[bool]string{false: "live", true: "once"}[once]
		t.Run(name, func(t *testing.T) {
			collectortest.Run(t, func(t *testing.T) collectortest.Source {
				j := journaltest.Start(t)
				unit := j.Unit("api.service")
				return collectortest.Source{
					New: func(t *testing.T) collectors.Collector {
						return newCollector(t, Config{
							Directory: j.Dir(), Units: []string{"api"}, Start: "beginning", Once: once,
						}, Options{})
					},
					Append: func(t *testing.T, lines []string) {
						for _, l := range lines {
							unit.Print(3, l)
						}
						j.Sync()
					},
					Ends:      once,
					Resumable: true,
				}
			})
		})
	}
}
