package events

// monthOf gives the month whose English abbreviation stands in s at i, 0 where there is none.
func monthOf(s string, i int) int {
	if i+3 > len(s) || !isUpper(s[i]) {
		return 0
	}
	switch s[i : i+3] {
	case "Jan":
		return 1
	case "Feb":
		return 2
	case "Mar":
		return 3
	case "Apr":
		return 4
	case "May":
		return 5
	case "Jun":
		return 6
	case "Jul":
		return 7
	case "Aug":
		return 8
	case "Sep":
		return 9
	case "Oct":
		return 10
	case "Nov":
		return 11
	case "Dec":
		return 12
	}
	return 0
}

func isWeekday(s string) bool {
	switch s[:3] {
	case "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun":
		return true
	}
	return false
}

// scanNamedStamp reads what begins with a weekday or the name of a month.
func scanNamedStamp(s string, st *stamp) int {
	i := 0
	if isWeekday(s) {
		switch {
		case s[3] == ' ':
			i = 4
		case s[3] == ',' && s[4] == ' ':
			i = 5
		default:
			return 0
		}
		if isDigit(at(s, i)) { // Mon, 02 Jan 2024 15:04:05 +0000
			n := run(s, i, 5)
			var sub stamp
			if n == 4 { // Tue 2024-01-02 15:04:05 UTC, as systemd prints it
				if k := scanISODate(s[i:], st); k > 0 {
					return i + k
				}
				return 0
			}
			n = min(n, 2)
			if k := scanShortStamp(s[i:], &sub, n); k > 0 && !sub.noDate {
				*st = sub
				return i + k
			}
			return 0
		}
	}
	m := monthOf(s, i)
	if m == 0 || at(s, i+3) != ' ' {
		return 0
	}
	i += 4
	if at(s, i) == ' ' {
		i++
	}
	n := run(s, i, 2)
	d, ok := digits(s, i, n)
	if !ok || n == 0 || !st.setDate(0, m, d) {
		return 0
	}
	i += n
	if at(s, i) == ',' {
		i++
	}
	if at(s, i) != ' ' {
		return 0
	}
	i++
	if y, ok := digits(s, i, 4); ok && at(s, i+4) == ' ' { // Jan 02, 2024 3:04:05 PM; Jan 2 2024 15:04:05
		st.year = y
		return scanClock(s, i+5, st)
	}
	k := scanClock(s, i, st)
	if k == 0 {
		return 0
	}
	if y, ok := digits(s, k+1, 4); ok && at(s, k) == ' ' && !isWord(at(s, k+5)) && y >= 1970 && y < 2200 {
		st.year = y // Mon Jan 02 15:04:05 2024
		return k + 5
	}
	st.noYear = true
	return k
}
