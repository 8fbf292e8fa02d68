package config

import (
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// nearest gives the word that was probably meant, "" where none is near: spelled with other case or separators, or with
// a few letters wrong.
func nearest(word string, known []string) string {
	fold := strings.NewReplacer("-", "", "_", "", " ", "")
	plain := func(s string) string { return fold.Replace(strings.ToLower(s)) }
	best, least := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if plain(k) == plain(word) {
			return k
		}
		if d := incident.EditDistance(plain(word), plain(k)); d < least {
			best, least = k, d
		}
	}
	return best
}
