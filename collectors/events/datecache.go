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

	ref     time.Time // the reference time that refYear is of
	refYear int

	guessed [2]int // the month and day that guess is of, zeros where none is known
	guess   int64  // midnight of that day in refYear, in seconds since 1970, UTC
	before  int64  // in the year before it
	latest  int64  // what comes later than the second that begins here is of the year before
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
	if sep := s[10]; sep != ' ' && sep != 'T' {
		return scanStamp(s, st)
	}
	h, m, sec, ok := clockTime(s[11:])
	if !ok || isDigit(s[19]) {
		return scanStamp(s, st)
	}
	st.hour, st.min, st.sec = h, m, sec
	i := 23
	if ms, ok := millis(s[19:]); ok {
		st.nsec = ms * 1e6
	} else {
		i = scanFraction(s, 19, st)
	}
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
	if s[:7] == string(c.day[:]) && s[15] == ' ' && isLower(s[16]) {
		if h, m, sec, ok := clockTime(s[7:]); ok {
			st.hour, st.min, st.sec = h, m, sec
			st.month, st.day, st.noYear = c.dayM, c.dayD, true
			return 15
		}
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
		if h, m, sec, ok := clockTime(s[12:]); ok {
			st.hour, st.min, st.sec = h, m, sec
			st.year, st.month, st.day = c.webY, c.webM, c.webD
			st.midnight, st.dated = c.webMidnight, true
			return scanZone(s, 20, st)
		}
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
	if len(s) <= webTimeSize || c.zone[0] == 0 || s[:11] != string(c.web[:]) || s[20:27] != string(c.zone[:]) || s[11] != ':' {
		return time.Time{}, false
	}
	h, m, sec, ok := clockTime(s[12:])
	if !ok {
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

// clockTime reads the time of day that s begins with, 15:04:05. It has eight bytes, which are looked at together.
func clockTime(s string) (h, m, sec int, ok bool) {
	x := load64(s) ^ 0x30303a30303a3030 // digits become their values, colons zero
	if (x|(x+0x0606000606000606))&0xf0f0fff0f0fff0f0 != 0 {
		return 0, 0, 0, false
	}
	h, m, sec = int(x&15*10+x>>8&15), int(x>>24&15*10+x>>32&15), int(x>>48&15*10+x>>56)
	return h, m, sec, h < 24 && m < 60 && sec <= 60
}

// millis reads ".123" or ",123" where no further digit follows.
func millis(s string) (int, bool) {
	if len(s) < 5 || s[0] != '.' && s[0] != ',' {
		return 0, false
	}
	a, b, c := s[1]-'0', s[2]-'0', s[3]-'0'
	return int(a)*100 + int(b)*10 + int(c), a < 10 && b < 10 && c < 10 && !isDigit(s[4])
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
	c := &r.dates
	if c.ref != r.ref {
		c.ref, c.refYear, c.guessed = r.ref, r.ref.UTC().Year(), [2]int{}
		c.latest = r.ref.Add(24 * time.Hour).Unix()
	}
	if c.guessed != [2]int{st.month, st.day} {
		c.guessed = [2]int{st.month, st.day}
		c.guess, c.before = daysFromCivil(c.refYear, st.month, st.day)*86400, daysFromCivil(c.refYear-1, st.month, st.day)*86400
	}
	clock := int64(st.hour*3600 + st.min*60 + st.sec - st.offset)
	switch {
	case c.guess+clock < c.latest:
		return time.Unix(c.guess+clock, int64(st.nsec)).UTC()
	case c.guess+clock > c.latest:
		return time.Unix(c.before+clock, int64(st.nsec)).UTC()
	}
	st.year = c.refYear
	t := st.at(nil)
	if t.After(r.ref.Add(24 * time.Hour)) {
		st.year--
		t = st.at(nil)
	}
	return t
}
