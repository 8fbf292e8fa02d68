package events

// scanClock reads a time of day at i, with its fraction and zone, and gives the index after it, 0 where there is none.
func scanClock(s string, i int, st *stamp) int {
	n := run(s, i, 2)
	h, ok := digits(s, i, n)
	if !ok || n == 0 {
		return 0
	}
	i += n
	sep := at(s, i)
	if sep != ':' && sep != '.' {
		return 0
	}
	n = run(s, i+1, 2)
	m, ok1 := digits(s, i+1, n)
	if !ok1 || n == 0 {
		return 0
	}
	i += 1 + n
	sec := 0
	if at(s, i) == sep {
		n = run(s, i+1, 2)
		v, ok := digits(s, i+1, n)
		if !ok || n == 0 {
			return 0
		}
		sec, i = v, i+1+n
	} else if sep == '.' || n < 2 {
		return 0
	}
	if !st.setClock(h, m, sec) {
		return 0
	}
	i = scanFraction(s, i, st)
	if at(s, i) == ' ' && (at(s, i+1) == 'A' || at(s, i+1) == 'P') && at(s, i+2) == 'M' && !isWord(at(s, i+3)) {
		if st.hour %= 12; s[i+1] == 'P' {
			st.hour += 12
		}
		i += 3
	}
	return scanZone(s, i, st)
}

// scanFraction reads ".123", ",123" or ":123" at i and gives the index after it.
func scanFraction(s string, i int, st *stamp) int {
	c := at(s, i)
	if c != '.' && c != ',' && c != ':' || !isDigit(at(s, i+1)) {
		return i
	}
	k := i + 1
	v, n := 0, 0
	for k < len(s) && isDigit(s[k]) {
		if n < 9 { // what is finer than a nanosecond is passed over
			v = v*10 + int(s[k]-'0')
			n++
		}
		k++
	}
	st.nsec += v * int(nanos[n])
	return k
}

// nanos holds how many nanoseconds the last of so many digits of a fraction stands for.
var nanos = [...]int32{0, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 100, 10, 1}

// scanZone reads a zone at i, if there is one, and gives the index after it.
func scanZone(s string, i int, st *stamp) int {
	k := i
	switch at(s, k) {
	case 'Z':
		if isWord(at(s, k+1)) {
			return i
		}
		st.zone = true
		return k + 1
	case ' ':
		k++
		if c := at(s, k); c == 'U' || c == 'G' {
			if k+3 <= len(s) && (s[k:k+3] == "UTC" || s[k:k+3] == "GMT") && !isWord(at(s, k+3)) {
				st.zone = true
				return k + 3
			}
			return i
		}
	}
	sign := at(s, k)
	if sign != '+' && sign != '-' {
		return i
	}
	h, ok := digits(s, k+1, 2)
	if !ok {
		return i
	}
	k += 3
	m := 0
	if at(s, k) == ':' {
		k++
	}
	if v, ok := digits(s, k, 2); ok {
		m, k = v, k+2
	} else if s[k-1] == ':' {
		return i
	}
	if isWord(at(s, k)) || h > 14 || m > 59 || at(s, i) == ' ' && k-i != 6 && k-i != 7 {
		return i
	}
	st.zone, st.offset = true, h*3600+m*60
	if sign == '-' {
		st.offset = -st.offset
	}
	return k
}
