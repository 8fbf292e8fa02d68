package redact

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// gitleaks' rules are used, its engine is not: that scans files of a repository, wants them all compiled, and says where a
// secret is in lines and columns. Its allow-lists are not used either. They spare a reviewer the examples in a manual; here
// an example taken out too many hurts nobody.

// leftOut are rules of gitleaks that are ours or none.
var leftOut = map[string]bool{
	"generic-api-key": true, // see the package's comment
	"private-key":     true, // ours also takes keys that are cut off or escaped
	"jwt":             true, // ours takes the unsigned and the truncated too
	// Ours leave the host's and the user's name.
	"slack-webhook-url": true,
	"curl-auth-user":    true,
	// Ours sees the same, and this one takes microseconds for each byte of a text full of passwords.
	"hashicorp-tf-password": true,
}

// vendorRule is one rule of gitleaks.
type vendorRule struct {
	kind     string
	keywords []string
	entropy  float64
	group    int
	re       func() *regexp.Regexp
}

// vendorRules reads gitleaks' rules at its first use.
type vendorRules struct {
	load func() ([]vendorRule, error)
}

func newVendorRules() *vendorRules {
	return &vendorRules{load: sync.OnceValues(readVendorRules)}
}

func readVendorRules() ([]vendorRule, error) {
	var file struct {
		Rules []struct {
			ID          string
			Regex       string
			Entropy     float64
			SecretGroup int
			Keywords    []string
		}
	}
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &file); err != nil {
		return nil, fmt.Errorf("reading gitleaks' rules: %w", err)
	}
	var out []vendorRule
	for _, r := range file.Rules {
		if r.Regex == "" || len(r.Keywords) == 0 || leftOut[r.ID] {
			continue
		}
		v := vendorRule{kind: r.ID, entropy: r.Entropy, group: r.SecretGroup, re: lazy(r.Regex)} // a test compiles them all
		for _, k := range r.Keywords {
			v.keywords = append(v.keywords, strings.ToLower(k))
		}
		out = append(out, v)
	}
	return out, nil
}

// find implements finder.
func (rs *vendorRules) find(v view, add func(from, to int, kind string)) {
	rules, err := rs.load()
	if err != nil {
		// The rules are part of the binary and a test reads them. Should it happen all the same, nothing may leave.
		add(0, len(v.text), "rules-broken")
		return
	}
	for _, r := range rules {
		for _, w := range windows(v, r.keywords) {
			for _, m := range r.re().FindAllStringSubmatchIndex(v.text[w[0]:w[1]], -1) {
				from, to := secretGroup(m)
				if g := 2 * r.group; g > 0 && g < len(m) && m[g] >= 0 {
					from, to = m[g], m[g+1]
				}
				if from, to = from+w[0], to+w[0]; r.entropy == 0 || entropy(v.text[from:to]) > r.entropy {
					add(from, to, r.kind)
				}
			}
		}
	}
}

// How far around a keyword a rule looks: back to the beginning of its line, on to the end of the next but one, and no
// farther than this. It keeps a long text in which every line has the word "key" from costing seconds.
const before, after = 512, 2048

// windows gives the parts of the text around keywords, in order, not overlapping.
func windows(v view, keywords []string) [][2]int {
	var out [][2]int
	for i, k := range keywords {
		for at := 0; ; {
			n := strings.Index(v.lower[at:], k)
			if n < 0 {
				break
			}
			at += n
			w := around(v.lower, at, at+len(k))
			at += len(k)
			if i == 0 && len(out) > 0 && w[0] <= out[len(out)-1][1] {
				out[len(out)-1][1] = max(out[len(out)-1][1], w[1])
				continue
			}
			out = append(out, w)
		}
	}
	return out
}

func around(s string, from, to int) [2]int {
	lo, hi := max(0, from-before), min(len(s), to+after)
	if n := strings.LastIndexByte(s[lo:from], '\n'); n >= 0 {
		lo += n + 1
	}
	end := to
	for range 3 {
		n := strings.IndexByte(s[end:hi], '\n')
		if n < 0 {
			return [2]int{lo, hi}
		}
		end += n + 1
	}
	return [2]int{lo, end}
}

// entropy is Shannon's, in bits for each byte.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	e := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			e -= p * math.Log2(p)
		}
	}
	return e
}
