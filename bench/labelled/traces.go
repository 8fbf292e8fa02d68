package labelled

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
)

// trace makes the lines of a stack trace, with the newline before them. The argument is the language, a comma, and the
// exception with its message. The frames depend on the argument alone: two events of one template failed in one place.
func (v *values) trace(arg string) string {
	language, what, _ := strings.Cut(arg, ",")
	what = strings.ReplaceAll(what, "#", v.int(1e5))
	what = strings.ReplaceAll(what, "~", v.pick("name"))
	what = strings.ReplaceAll(what, "@", v.value("addr", ""))
	h := fnv.New64a()
	_, _ = h.Write([]byte(arg)) // a hash never fails
	frames := &values{rng: rand.New(rand.NewPCG(1, h.Sum64())), pools: words}
	var b strings.Builder
	switch language {
	case "java":
		frames.java(&b, what)
	case "python":
		frames.python(&b, what)
	case "go":
		b.WriteString("\n\ngoroutine " + v.int(1e4) + " [running]:")
		frames.goroutine(&b, v)
	case "dotnet":
		b.WriteString("\n" + what)
		for range 3 + frames.rng.IntN(4) {
			fmt.Fprintf(&b, "\n   at Acme.%s.%s.%s(String %s) in /src/%s.cs:line %d", title(frames.pick("noun")), frames.value("simple", ""), title(frames.pick("noun")), frames.pick("noun"), frames.pick("noun"), 1+frames.rng.IntN(300))
		}
	default:
		return "??trace??"
	}
	return b.String()
}

func (v *values) java(b *strings.Builder, what string) {
	b.WriteString("\n" + what)
	frame := func() {
		class := v.value("class", "")
		file := class[strings.LastIndexByte(class, '.')+1:]
		fmt.Fprintf(b, "\n\tat %s.%s(%s.java:%d)", class, v.value("method", ""), file, 1+v.rng.IntN(400))
	}
	for range 2 + v.rng.IntN(5) {
		frame()
	}
	b.WriteString("\n\tat java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1136)\n\tat java.base/java.lang.Thread.run(Thread.java:833)")
	if v.rng.IntN(3) == 0 {
		b.WriteString("\nCaused by: java.net.SocketTimeoutException: Read timed out")
		frame()
		frame()
		fmt.Fprintf(b, "\n\t... %d more", 2+v.rng.IntN(20))
	}
}

func (v *values) python(b *strings.Builder, what string) {
	b.WriteString("\nTraceback (most recent call last):")
	for range 2 + v.rng.IntN(4) {
		fmt.Fprintf(b, "\n  File \"/srv/app/%s/%s.py\", line %d, in %s_%s\n    return self.%s(%s, %s)", v.pick("noun"), v.pick("noun"),
			1+v.rng.IntN(400), v.one("get", "handle", "run"), v.pick("noun"), v.pick("noun"), v.pick("noun"), v.pick("noun"))
	}
	b.WriteString("\n" + what)
}

func (v *values) goroutine(b *strings.Builder, addresses *values) {
	for range 2 + v.rng.IntN(3) {
		noun := v.pick("noun")
		fmt.Fprintf(b, "\nexample.com/acme/%s.(*%s).%s(0xc000%s, 0x%x)\n\t/src/acme/%s/%s.go:%d +0x%x", noun, title(noun), title(v.pick("noun")),
			addresses.hex(6), v.rng.IntN(64), noun, v.pick("noun"), 1+v.rng.IntN(400), 16+v.rng.IntN(800))
	}
}
