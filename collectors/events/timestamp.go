package events

import "time"

// stamp is a time stamp as it stands in a line: broken down, perhaps without year or date.
type stamp struct {
	year, month, day     int
	hour, min, sec, nsec int
	zone                 bool // offset is known
	offset               int  // seconds east of UTC
	noYear, noDate       bool
	epoch                bool // unix and nsec hold it all
	dated                bool // midnight is known
	midnight             int64
	unix                 int64
}

// resolve gives the time in UTC, the zero Time where a part is missing that ref can't give (see Config.Reference).
func (st *stamp) resolve(ref time.Time, loc *time.Location) time.Time {
	if st.epoch {
		return time.Unix(st.unix, int64(st.nsec)).UTC()
	}
	if st.noYear || st.noDate {
		if ref.IsZero() {
			return time.Time{}
		}
		l := loc
		if st.zone || l == nil {
			l = time.UTC
		}
		local := ref.In(l)
		st.year = local.Year()
		if st.noDate {
			st.month, st.day = int(local.Month()), local.Day()
		}
		t := st.at(loc)
		if t.After(ref.Add(24 * time.Hour)) {
			if st.noDate {
				return t.AddDate(0, 0, -1)
			}
			st.year--
			t = st.at(loc)
		} else if st.noDate && t.After(ref.Add(time.Hour)) {
			t = t.AddDate(0, 0, -1)
		}
		return t
	}
	return st.at(loc)
}

func (st *stamp) at(loc *time.Location) time.Time {
	if !st.zone && loc != nil && loc != time.UTC {
		return time.Date(st.year, time.Month(st.month), st.day, st.hour, st.min, st.sec, st.nsec, loc).UTC()
	}
	sec := daysFromCivil(st.year, st.month, st.day)*86400 + int64(st.hour*3600+st.min*60+st.sec-st.offset)
	return time.Unix(sec, int64(st.nsec)).UTC()
}

// daysFromCivil counts the days from 1970-01-01 in the proleptic Gregorian calendar. time.Date does the same, slower.
func daysFromCivil(y, m, d int) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era*146097 + doe - 719468)
}

// scanStamp reads the time stamp that s begins with and gives how many bytes it takes, 0 where s begins with none.
func scanStamp(s string, st *stamp) int {
	if len(s) < 8 {
		return 0
	}
	c := s[0]
	switch {
	case isDigit(c):
		return scanNumericStamp(s, st)
	case isUpper(c):
		return scanNamedStamp(s, st)
	}
	return 0
}

func scanNumericStamp(s string, st *stamp) int {
	switch n := run(s, 0, 20); n {
	case 1, 2:
		return scanShortStamp(s, st, n)
	case 4:
		return scanISODate(s, st)
	case 6: // 081109 203615 (Hadoop), 160102  3:04:05 (old MySQL)
		if at(s, 6) != ' ' {
			return 0
		}
		y, _ := digits(s, 0, 2)
		m, _ := digits(s, 2, 2)
		d, _ := digits(s, 4, 2)
		if !st.setDate(2000+y, m, d) {
			return 0
		}
		if run(s, 7, 7) == 6 {
			h, _ := digits(s, 7, 2)
			mi, _ := digits(s, 9, 2)
			se, _ := digits(s, 11, 2)
			if !st.setClock(h, mi, se) {
				return 0
			}
			return 13
		}
		i := 7
		if at(s, i) == ' ' {
			i++
		}
		return scanClock(s, i, st)
	case 8: // 20171223-22:15:29:606, 20240102 03:04:05, 20240102T030405Z
		y, _ := digits(s, 0, 4)
		m, _ := digits(s, 4, 2)
		d, _ := digits(s, 6, 2)
		if y < 1970 || y > 2200 || !st.setDate(y, m, d) {
			return 0
		}
		if c := at(s, 8); c != '-' && c != ' ' && c != 'T' {
			return 0
		}
		if run(s, 9, 7) == 6 {
			h, _ := digits(s, 9, 2)
			mi, _ := digits(s, 11, 2)
			se, _ := digits(s, 13, 2)
			if !st.setClock(h, mi, se) {
				return 0
			}
			return scanZone(s, scanFraction(s, 15, st), st)
		}
		return scanClock(s, 9, st)
	case 10, 13, 16, 19: // seconds, milli-, micro- or nanoseconds since 1970
		if b := at(s, n); b != ' ' && b != ']' && b != '.' && b != '\t' && b != ',' && b != '|' && b != 0 {
			return 0
		}
		v := int64(0)
		for k := 0; k < n; k++ {
			v = v*10 + int64(s[k]-'0')
		}
		if !st.setEpoch(v, n) {
			return 0
		}
		if n == 10 && at(s, 10) == '.' && isDigit(at(s, 11)) {
			return scanFraction(s, 10, st)
		}
		return n
	}
	return 0
}

// setEpoch takes v with n digits as a time since 1970, in the unit that its length tells, between 2001 and 2100.
func (st *stamp) setEpoch(v int64, n int) bool {
	unit := int64(1)
	switch n {
	case 13:
		unit = 1e3
	case 16:
		unit = 1e6
	case 19:
		unit = 1e9
	}
	sec := v / unit
	if sec < 1e9 || sec > 4102444800 {
		return false
	}
	st.epoch, st.unix, st.nsec = true, sec, int(v%unit*(1e9/unit))
	return true
}

func (st *stamp) setDate(y, m, d int) bool {
	st.year, st.month, st.day = y, m, d
	return m >= 1 && m <= 12 && d >= 1 && d <= 31
}

func (st *stamp) setClock(h, m, s int) bool {
	st.hour, st.min, st.sec = h, m, s
	return h < 24 && m < 60 && s <= 60
}

// scanISODate reads 2024-01-02T15:04:05.000Z and its many cousins; s begins with four digits.
func scanISODate(s string, st *stamp) int {
	sep := at(s, 4)
	if sep == ' ' && monthOf(s, 5) > 0 { // 2024 Jan  2 15:04:05
		y, _ := digits(s, 0, 4)
		n := scanNamedStamp(s[5:], st)
		if n == 0 || !st.noYear || y < 1970 || y > 2200 {
			return 0
		}
		st.year, st.noYear = y, false
		return n + 5
	}
	if sep != '-' && sep != '/' && sep != '.' || at(s, 7) != sep {
		return 0
	}
	y, _ := digits(s, 0, 4)
	m, ok1 := digits(s, 5, 2)
	d, ok2 := digits(s, 8, 2)
	if !ok1 || !ok2 || y < 1970 || y > 2200 || !st.setDate(y, m, d) {
		return 0
	}
	switch at(s, 10) {
	case 'T', ' ', '_':
		return scanClock(s, 11, st)
	case '-', ':': // 2005-06-03-15.42.50.675872
		return scanClock(s, 11, st)
	}
	return 0
}

// scanShortStamp reads what begins with one or two digits.
func scanShortStamp(s string, st *stamp, n int) int {
	a, _ := digits(s, 0, n)
	switch at(s, n) {
	case ':': // 15:04:05.000
		if n != 2 {
			return 0
		}
		st.noDate = true
		return scanClock(s, 0, st)
	case ' ', '-', '/':
		sep := s[n]
		if m := monthOf(s, n+1); m > 0 && at(s, n+4) == sep { // 02 Jan 2024 15:04:05, 02/Jan/2024:15:04:05 +0000
			y, ok := digits(s, n+5, 4)
			if !ok || !st.setDate(y, m, a) {
				return 0
			}
			if c := at(s, n+9); c != ' ' && c != ':' && c != 'T' {
				return 0
			}
			return scanClock(s, n+10, st)
		}
	}
	if n != 2 {
		if at(s, n) != '/' { // 1/2/2024 3:04:05 PM
			return 0
		}
	}
	switch at(s, n) {
	case '/':
		k := run(s, n+1, 2)
		b, ok := digits(s, n+1, k)
		if !ok || k == 0 || at(s, n+1+k) != '/' {
			return 0
		}
		i := n + k + 2
		if y, ok := digits(s, i, 4); ok { // 01/02/2024 15:04:05, month first unless that can't be
			if at(s, i+4) == ',' {
				i++
			}
			if c := at(s, i+4); c != ' ' && c != ':' && c != 'T' {
				return 0
			}
			if a > 12 {
				a, b = b, a
			}
			if !st.setDate(y, a, b) {
				return 0
			}
			return scanClock(s, i+5, st)
		}
		if d, ok := digits(s, i, 2); ok && n == 2 && at(s, i+2) == ' ' && st.setDate(2000+a, b, d) { // 17/06/09 20:10:40
			return scanClock(s, i+3, st)
		}
	case '-', '.': // 01-02 15:04:05.000 (Android), 10.30 16:49:06
		b, ok := digits(s, n+1, 2)
		if y, dated := digits(s, n+4, 4); ok && dated && at(s, n+3) == s[n] { // 02.01.2024 15:04:05, the day first unless that can't be
			if b > 12 {
				a, b = b, a
			}
			if c := at(s, n+8); c != ' ' && c != 'T' && c != ',' || y < 1970 || y > 2200 || !st.setDate(y, b, a) {
				return 0
			}
			i := n + 9
			if at(s, i) == ' ' {
				i++
			}
			return scanClock(s, i, st)
		}
		if ok && at(s, n+3) == ' ' && st.setDate(0, a, b) {
			st.noYear = true
			return scanClock(s, n+4, st)
		}
	}
	return 0
}
