package events

import (
	"testing"
)

// BenchmarkHeader is what reading costs without joining: the transport, the format and the header.
func BenchmarkHeader(b *testing.B) {
	for _, in := range benchInputs {
		text, n := benchText(in.line)
		b.Run(in.name, func(b *testing.B) {
			r := reader{only: FormatAuto, ref: reference, keys: &keyMemos{}}
			benchProfile(&r, text)
			var h head
			b.ReportAllocs()
			for b.Loop() {
				eachLine(text, func(s string) {
					h = head{}
					w := r.unwrap(s, &h)
					r.read(w.body, &h)
				})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/float64(b.N), "ns/line")
		})
	}
}

// benchProfile gives r the profile of the text's lines, as a Joiner would.
func benchProfile(r *reader, text string) {
	var samples []string
	eachLine(text, func(s string) {
		if len(samples) < maxSamples {
			samples = append(samples, s)
		}
	})
	r.prof = learn(samples, r)
	r.memo = newMemo(r.prof)
}
