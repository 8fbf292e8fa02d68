package incident

import "strings"

// Nearest gives the one of known that was probably meant by word, "" where none is near: it is spelled with other case or
// separators, or has a few letters wrong. For "did you mean".
func Nearest(word string, known []string) string {
	fold := strings.NewReplacer("-", "", "_", "", " ", "")
	plain := func(s string) string { return fold.Replace(strings.ToLower(s)) }
	best, least := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if plain(k) == plain(word) {
			return k
		}
		if d := EditDistance(plain(word), plain(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// EditDistance is how many letters have to change to make a of b (Levenshtein's, a swap of neighbours counting as one), for
// "did you mean". Words are cut at 64 runes.
func EditDistance(a, b string) int {
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
