package redact

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// A line of a key that stands without its BEGIN is no less secret.
func TestKeyLinesAlone(t *testing.T) {
	r, err := New(Config{PII: true})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	word := func(alphabet string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return string(b)
	}
	const base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for _, width := range []int{64, 70, 76} {
		line := word(base64, width)
		for _, text := range []string{line, "2026-03-01 10:00:00 DEBUG " + line, "a\n" + line + "\nb"} {
			if out := r.Text(text); strings.Contains(out, line) {
				t.Errorf("%d: %q", width, out)
			}
		}
	}
	for _, keep := range []string{
		"sha256:" + word("0123456789abcdef", 64),
		"commit " + word("0123456789abcdef", 40),
		strings.Repeat("a", 64),
		"/var/lib/docker/overlay2/" + word("0123456789abcdef", 64) + "/merged",
		"at com.acme.orders.checkout.PaymentServiceImplementationFactoryBean.createInstance(Payment.java:42)",
	} {
		if out := r.Text(keep); out != keep {
			t.Errorf("%q became %q", keep, out)
		}
	}
}
