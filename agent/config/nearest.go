package config

import "strings"

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
		if d := distance(plain(word), plain(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's, a swap of neighbours counting as one. Words are cut at 64 runes.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	s, t = s[:min(len(s), 64)], t[:min(len(t), 64)]
	var before []int
	last := make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := range s {
		row := make([]int, len(t)+1)
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(t)]
}
