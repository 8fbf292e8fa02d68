package cluster

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scanned gives the signature and the spans that a scanner makes of a message. With places, words are written in the general
// way; without, most of them in the short one.
func scanned(sc *scanner, msg string, places bool) (string, []span) {
	sc.places = places
	sc.begin("api", "")
	m := clip(msg)
	sc.scan(m, 0, len(m))
	sc.end()
	return string(sc.sig[sc.prefix:]), slices.Clone(sc.spans)
}

// parts are what messages of the tests below are put together from: what the scanner reads in ways of its own.
var parts = strings.Fields(`a of the offset K ms PDT May Jul true None null deadbeef dead_beef in/out /a/b x@y.z x+y@z.a node-17 x.y.z done. done.. wait...5 -v --all
	- word: std::x host:80 fe80::1 a:b:c 5 17 0.25 10.0.0.1 10.0.0.1:22 12:30:01 1..2 1. 1.5e3 1,2,3 5?x 5@a.b 5+6 -5 123456789012.5 0x1f aa:bb:cc:dd:ee:ff
	k= k=1 k=1. k=a..b k=-5 k=a:b k=a=b k=true k=a(b)c k=a<b k="b c" a== b=> c!= <5 ~ x) (y) [] {} 5% größe µs C:\x http://x/y
	name first seconds failed, failed: abcdefab abcdefabg unbelievably ` + strings.Repeat("longer", 30) + " " + strings.Repeat("x", wordLimit) + " " + strings.Repeat("ab", wordLimit/2+1))

func sentence(rnd *rand.Rand) string {
	var b strings.Builder
	for range 1 + rnd.IntN(8) {
		b.WriteString(parts[rnd.IntN(len(parts))])
		b.WriteString([]string{" ", " ", " ", "", ",", "  ", ")", "\t", "=", ", ", ": ", ":"}[rnd.IntN(12)])
	}
	return b.String()
}

// The short way to write a word must give what the general one gives.
func TestShortWords(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	var sc scanner
	for range 50000 {
		compareWays(t, &sc, sentence(rnd))
	}
}

func compareWays(t *testing.T, sc *scanner, msg string) {
	t.Helper()
	sig, spans := scanned(sc, msg, true)
	if s, sp := scanned(sc, msg, false); s != sig || !slices.Equal(sp, spans) {
		t.Fatalf("%q: the short way gives\n %q %x, the general one\n %q %x", msg, s, sp, sig, spans)
	}
}

func FuzzShortWords(f *testing.F) {
	for _, p := range parts {
		f.Add(p + " and " + p)
	}
	f.Fuzz(func(t *testing.T, msg string) {
		var sc scanner
		compareWays(t, &sc, msg)
	})
}

func TestNumber(t *testing.T) {
	want := regexp.MustCompile(`^[0-9]+(\.[0-9]+)*`)
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 50000 {
		b := []byte("7")
		for range rnd.IntN(30) {
			b = append(b, "0123456789012345678901234567890123456789....x:/\xb0"[rnd.IntN(48)])
		}
		s := string(b)
		w := want.FindString(s)
		if e, fl := number(s, 0); e != len(w) || fl != flags(w) {
			t.Fatalf("%q: %d with flags %x, want %d, %x", s, e, fl, len(w), flags(w))
		}
	}
}

// A value right behind "=" is read in one go, one behind "= " by the general steps: they must agree.
func TestPlainValues(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	var sc scanner
	for range 50000 {
		v := parts[rnd.IntN(len(parts))]
		if rnd.IntN(2) == 0 {
			v += parts[rnd.IntN(len(parts))]
		}
		if f := classes[v[0]]; f&(clStop|clEdge) != 0 {
			continue // no plain value
		}
		if k := strings.IndexFunc(v, func(r rune) bool { return r < 0x80 && classes[r]&clStop != 0 }); k >= 0 && v[k] == '=' {
			continue // behind "= " that is the next name
		}
		_, right := scanned(&sc, "k="+v, false)
		_, apart := scanned(&sc, "k= "+v, false)
		for i := range apart[1:] {
			sp := apart[i+1]
			apart[i+1] = newSpan(sp.from()-1, sp.to()-1, sp.pos(), sp.what())
		}
		if got, want := fmt.Sprintf("%x", right), fmt.Sprintf("%x", apart); got != want {
			t.Fatalf("%q: spans %s, behind a space %s", v, got, want)
		}
	}
}
