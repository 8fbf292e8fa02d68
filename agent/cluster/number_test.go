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

// TestShortWordsAtLimits: messages about as long as a signature may be, and with about as many atoms.
func TestShortWordsAtLimits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 6))
	var sc scanner
	for range 4000 {
		var b strings.Builder
		most := varLimit - 15 + rnd.IntN(30)
		if rnd.IntN(2) == 0 {
			most = 2 * varLimit
		}
		size := []int{2, 4, 12, wordLimit + 8}[rnd.IntN(4)]
		length := sigLimit - wordLimit - 50 + rnd.IntN(2*wordLimit)
		for n := 0; n < most && b.Len() < length; n++ {
			if rnd.IntN(20) == 0 {
				b.WriteString(parts[rnd.IntN(len(parts))])
			} else {
				b.WriteString(strings.Repeat("w", 1+rnd.IntN(size)))
			}
			b.WriteString([]string{" ", " ", ", ", ": ", "; "}[rnd.IntN(5)])
		}
		compareWays(t, &sc, b.String()+sentence(rnd))
	}
}

// TestPrefixes: what a signature begins with is that of this message, whatever the scanner read before.
func TestPrefixes(t *testing.T) {
	var sc scanner
	long := strings.Repeat("s", serviceLimit)
	for range 2 {
		for _, of := range [][2]string{
			{"", ""}, {"", "stack"}, {"", ""}, {"api", ""}, {"api", "stack"}, {"api", ""}, {"api", "other"}, {"apis", ""}, {"ap", ""}, {long, ""},
			{long + "1", ""}, {long + "2", ""}, {long, "stack"}, {"", ""}, {"a\x00pi", ""}, {"a", "pi"}, {"a", ""},
		} {
			var fresh scanner
			var sigs [2]string
			for i, s := range []*scanner{&sc, &fresh} {
				s.begin(of[0], of[1])
				s.scan("failed 5 times", 0, len("failed 5 times"))
				s.end()
				sigs[i] = string(s.sig)
			}
			if want := serviceKey(of[0]) + "\x00" + of[1] + "\x00"; sigs[0] != sigs[1] || !strings.HasPrefix(sigs[0], want) || sc.prefix != len(want) {
				t.Errorf("%q: %q, by a fresh scanner %q", of, sigs[0], sigs[1])
			}
		}
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
