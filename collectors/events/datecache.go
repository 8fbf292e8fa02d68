package events

import "time"

// dateCache is scratch memory of a reader: the date of the last time stamp, which the next one nearly always has too. It
// only saves work; what is read does not depend on it.
type dateCache struct {
	date     [10]byte // 2024-01-02 or 2024/01/02, as it stood in the line; zeros where none is known
	midnight int64    // of it, in seconds since 1970, UTC
	y, m, d  int

	web         [11]byte // 02/Jan/2024, as web servers write it
	webMidnight int64
	webY, webM  int
	webD        int
	zone        [7]byte // " +0000]", as it stood behind the last such time in a bracket; zeros where none is known
	zoneOffset  int

	day        [7]byte // "Jan  2 "
	dayM, dayD int

	ref     time.Time // the reference time that year is of
	refYear int
}

// stamp is scanStamp.
func (r *reader) stamp(s string, st *stamp) int {
	c := &r.dates
	if len(s) > 16 && isUpper(s[0]) {
		return r.namedStamp(s, st)
	}
	if len(s) >= 26 && s[2] == '/' {
		return r.webStamp(s, st)
	}
	if len(s) < 20 || s[:10] != string(c.date[:]) {
		n := scanStamp(s, st)
		if n >= 19 && st.year > 0 && !st.epoch && !st.noYear && (s[4] == '-' || s[4] == '/') && s[7] == s[4] {
			copy(c.date[:], s)
			c.y, c.m, c.d = st.year, st.month, st.day
			c.midnight = daysFromCivil(st.year, st.month, st.day) * 86400
		}
		return n
	}
	if sep := s[10]; sep != ' ' && sep != 'T' || s[13] != ':' || s[16] != ':' {
		return scanStamp(s, st)
	}
	h, ok1 := twoDigits(s[11], s[12])
	m, ok2 := twoDigits(s[14], s[15])
	sec, ok3 := twoDigits(s[17], s[18])
	if !ok1 || !ok2 || !ok3 || isDigit(s[19]) || !st.setClock(h, m, sec) {
		*st = stamp{}
		return scanStamp(s, st)
	}
	i := scanFraction(s, 19, st)
	if at(s, i) == ' ' && (at(s, i+1) == 'A' || at(s, i+1) == 'P') {
		*st = stamp{}
		return scanStamp(s, st)
	}
	st.year, st.month, st.day = c.y, c.m, c.d
	st.midnight, st.dated = c.midnight, true
	return scanZone(s, i, st)
}

// namedStamp is stamp for what begins with a letter: "Jan  2 15:04:05 host".
func (r *reader) namedStamp(s string, st *stamp) int {
	c := &r.dates
	if s[:7] == string(c.day[:]) && s[9] == ':' && s[12] == ':' && s[15] == ' ' && isLower(s[16]) {
		h, ok1 := twoDigits(s[7], s[8])
		m, ok2 := twoDigits(s[10], s[11])
		sec, ok3 := twoDigits(s[13], s[14])
		if ok1 && ok2 && ok3 && st.setClock(h, m, sec) {
			st.month, st.day, st.noYear = c.dayM, c.dayD, true
			return 15
		}
		*st = stamp{}
	}
	n := scanStamp(s, st)
	if n == 15 && st.noYear && !st.zone {
		copy(c.day[:], s)
		c.dayM, c.dayD = st.month, st.day
	}
	return n
}

// webStamp is stamp for what may be the time of an access log: 02/Jan/2024:15:04:05 +0000.
func (r *reader) webStamp(s string, st *stamp) int {
	c := &r.dates
	usual := s[11] == ':' && s[14] == ':' && s[17] == ':' && s[20] == ' ' && (s[21] == '+' || s[21] == '-')
	if usual && s[:11] == string(c.web[:]) {
		h, ok1 := twoDigits(s[12], s[13])
		m, ok2 := twoDigits(s[15], s[16])
		sec, ok3 := twoDigits(s[18], s[19])
		if ok1 && ok2 && ok3 && st.setClock(h, m, sec) {
			st.year, st.month, st.day = c.webY, c.webM, c.webD
			st.midnight, st.dated = c.webMidnight, true
			return scanZone(s, 20, st)
		}
		*st = stamp{}
	}
	n := scanStamp(s, st)
	if usual && n == 26 && st.year > 0 && !st.epoch && !st.noYear && s[6] == '/' {
		copy(c.web[:], s)
		c.webY, c.webM, c.webD = st.year, st.month, st.day
		c.webMidnight = daysFromCivil(st.year, st.month, st.day) * 86400
	}
	return n
}

// webTimeSize is the length of the time of an access log, 02/Jan/2024:15:04:05 +0000.
const webTimeSize = 26

// webTime gives the time that an access log has in brackets, where its day and zone are those of the line before.
func (c *dateCache) webTime(s string) (time.Time, bool) {
	if len(s) <= webTimeSize || s[:11] != string(c.web[:]) || s[20:27] != string(c.zone[:]) || s[11] != ':' || s[14] != ':' || s[17] != ':' {
		return time.Time{}, false
	}
	h, ok1 := twoDigits(s[12], s[13])
	m, ok2 := twoDigits(s[15], s[16])
	sec, ok3 := twoDigits(s[18], s[19])
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || sec > 60 {
		return time.Time{}, false
	}
	return time.Unix(c.webMidnight+int64(h*3600+m*60+sec-c.zoneOffset), 0).UTC(), true
}

// keepWeb keeps the zone of a time in a bracket that stamp read, n bytes long.
func (c *dateCache) keepWeb(s string, n int, st *stamp) {
	if n == webTimeSize && len(s) > n && st.zone && s[:11] == string(c.web[:]) && s[20] == ' ' && (s[21] == '+' || s[21] == '-') {
		copy(c.zone[:], s[20:])
		c.zoneOffset = st.offset
	}
}

func twoDigits(a, b byte) (int, bool) {
	x, y := a-'0', b-'0'
	return int(x)*10 + int(y), x < 10 && y < 10
}

// resolve gives the stamp's time, as stamp.resolve does.
func (r *reader) resolve(st *stamp) time.Time {
	utc := r.loc == nil || r.loc == time.UTC
	if !utc || st.epoch || st.noDate || r.ref.IsZero() && st.noYear {
		return st.resolve(r.ref, r.loc)
	}
	if st.dated {
		return time.Unix(st.midnight+int64(st.hour*3600+st.min*60+st.sec-st.offset), int64(st.nsec)).UTC()
	}
	if !st.noYear {
		return st.at(nil)
	}
	if r.dates.ref != r.ref {
		r.dates.ref, r.dates.refYear = r.ref, r.ref.UTC().Year()
	}
	st.year = r.dates.refYear
	t := st.at(nil)
	if t.After(r.ref.Add(24 * time.Hour)) {
		st.year--
		t = st.at(nil)
	}
	return t
}
