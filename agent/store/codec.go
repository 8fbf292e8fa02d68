package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

// Values that are read back as a whole (samples, events, diagnoses) are kept as JSON: it can be read with any tool, and
// old rows stay readable when fields are added. But JSON holds only valid UTF-8, and log lines hold anything; encoding/json
// would turn each stray byte into U+FFFD, and a quote of such a line could never be checked again. So a stray byte is
// written as the noncharacter U+10FFFF and two hex digits, and U+10FFFF itself as U+10FFFF and "--". Text without either
// is kept as it is, and costs nothing more.

const escape = "\U0010ffff"

// encode gives v as JSON that decode reads back with every byte of every string.
func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	// encoding/json writes a stray byte as the six characters \ufffd, and a true U+FFFD as its three bytes.
	if !bytes.Contains(b, []byte(`\ufffd`)) && !bytes.Contains(b, []byte(escape)) {
		return b, nil
	}
	return json.Marshal(mapStrings(reflect.ValueOf(v), escapeText).Interface())
}

// decode reads what encode wrote into v, a pointer.
func decode(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("reading a stored %T: %w", v, err)
	}
	if bytes.Contains(b, []byte(escape)) {
		p := reflect.ValueOf(v)
		p.Elem().Set(mapStrings(p.Elem(), unescapeText))
	}
	return nil
}

func escapeText(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, escape) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, escape+"%02x", s[i])
		case strings.HasPrefix(s[i:], escape):
			b.WriteString(escape + "--")
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func unescapeText(s string) string {
	if !strings.Contains(s, escape) {
		return s
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, escape)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		hi, lo := -1, -1
		if len(after) >= 2 {
			hi, lo = unhex(after[0]), unhex(after[1])
		}
		switch {
		case strings.HasPrefix(after, "--"):
			b.WriteString(escape)
			after = after[2:]
		case hi >= 0 && lo >= 0:
			b.WriteByte(byte(hi<<4 | lo))
			after = after[2:]
		default: // not written by encode
			b.WriteString(escape)
		}
		s = after
	}
}

func unhex(c byte) int { return strings.IndexByte("0123456789abcdef", c) }

var timeType = reflect.TypeFor[time.Time]()

// mapStrings gives a copy of v with f applied to each string in it. Unexported fields, and times, are copied as they are.
func mapStrings(v reflect.Value, f func(string) string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.String:
		out.SetString(f(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(mapStrings(v.Elem(), f))
		}
	case reflect.Interface:
		if !v.IsNil() {
			out.Set(mapStrings(v.Elem(), f))
		}
	case reflect.Slice:
		if !v.IsNil() && v.Type().Elem().Kind() != reflect.Uint8 {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(mapStrings(v.Index(i), f))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
			for it := v.MapRange(); it.Next(); {
				out.SetMapIndex(mapStrings(it.Key(), f), mapStrings(it.Value(), f))
			}
		}
	case reflect.Struct:
		if v.Type() == timeType {
			break
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(mapStrings(v.Field(i), f))
			}
		}
	}
	return out
}

// timeValue is t as it is kept: microseconds of the Unix epoch, or NULL.
func timeValue(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// jsonTime makes a time that JSON can hold: a log may claim any year, and a year above 9999 can't be written.
func jsonTime(t time.Time) time.Time {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// dbTime reads what timeValue gave.
type dbTime struct{ time.Time }

// Scan is for database/sql.
func (t *dbTime) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		t.Time = time.Time{}
	case int64:
		t.Time = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is kept as %T", v)
	}
	return nil
}
