package logs

import (
	"fmt"
	"time"
)

// word appends a made-up word of letters.
func (w *writer) word(b []byte) []byte {
	for range 2 + w.rand.IntN(4) {
		b = append(b, "bdfgklmnprstvz"[w.rand.IntN(14)], "aeiou"[w.rand.IntN(5)])
	}
	return b
}

// template appends an error of eight words that nobody saw before.
func (w *writer) template(b []byte) []byte {
	b = append(b, w.tick().Format(time.DateTime)...)
	b = append(b, " ERROR"...)
	for range 8 {
		b = w.word(append(b, ' '))
	}
	return append(b, '\n')
}

// long appends an error of 10 MB.
func (w *writer) long(b []byte) []byte {
	b = append(b, w.tick().Format(time.DateTime)...)
	b = append(b, " ERROR request refused: "...)
	for len(b) < 10e6 {
		b = append(w.word(b), '=', 'x', ' ')
	}
	return append(b, '\n')
}

// garbage appends random bytes, behind a page of text so that the file is not refused at its first look.
func (w *writer) garbage(b []byte) []byte {
	if w.n < 200 {
		return w.mixed(b)
	}
	for range 512 {
		v := w.rand.Uint64()
		b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
	}
	return b
}

// storm appends a trace whose frames are often the same and sometimes not.
func (w *writer) storm(b []byte) []byte {
	b = append(b, w.tick().Format(time.DateTime)...)
	b = fmt.Appendf(b, " ERROR [worker-%d] shop.Main - request %d failed\njava.lang.IllegalStateException: step %d\n", w.rand.IntN(99), w.n, w.rand.IntN(1e6))
	own := w.rand.IntN(5000)
	for i := range 60 {
		if i == 3 {
			b = fmt.Appendf(b, "\tat shop.Step%c%c%c.run(Step.java:%d)\n", 'A'+own%26, 'a'+own/26%26, 'a'+own/676%26, i)
			continue
		}
		b = append(b, "\tat "...)
		b = fmt.Appendf(b, javaPlaces[i%len(javaPlaces)], i)
		b = append(b, '\n')
	}
	return b
}

// largeTrace appends a trace nearly as large as an event may be, with functions nobody saw before.
func (w *writer) largeTrace(b []byte) []byte {
	b = append(b, w.tick().Format(time.DateTime)...)
	b = append(b, " ERROR shop.Main - request failed\njava.lang.StackOverflowError\n"...)
	for i := 0; len(b) < 200<<10; i++ {
		b = append(b, "\tat shop."...)
		b = w.word(b)
		b = append(b, '.')
		b = w.word(b)
		b = fmt.Appendf(b, "(Main.java:%d)\n", i)
	}
	return b
}

// openJSON appends lines that look like more and more of one JSON object.
func (w *writer) openJSON(b []byte) []byte {
	if w.n%1000 == 0 {
		return append(b, "{\n"...)
	}
	b = append(b, `  "`...)
	b = w.word(b)
	return append(b, `": {"level": "error", "msg": [`+"\n"...)
}
