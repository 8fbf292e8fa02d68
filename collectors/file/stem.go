package file

import (
	"path/filepath"
	"regexp"
	"strings"
)

// Names of rotated files, as logrotate (numbers, dateext), the loggers of Java, Python, Go and Caddy, and people make them.
var (
	compressedExt = regexp.MustCompile(`\.(?:gz|xz|zst|bz2)$`)
	// rotation is what stands after the name: ".1", "-20240131", ".2024-01-31T10-00-00.123", ".old".
	rotation = `(?:[._-](?:\d[\d.:_TZ+-]*|old|bak|backup|prev|previous|orig|save|saved|rotated|archived?))`
	// after matches all that may follow the complete name of a log.
	after = regexp.MustCompile(`^(?:` + rotation + `+(?:\.(?:gz|xz|zst|bz2))?|~|\.(?:gz|xz|zst|bz2))$`)
	// before matches what may stand between stem and extension: "app-2024-03-13T03-15-51.642.log".
	before         = regexp.MustCompile(`^` + rotation + `+$`)
	trailing       = regexp.MustCompile(rotation + `+$`)
	trailingDate   = regexp.MustCompile(`[._-](?:\d{4}[._-]\d{2}[._-]\d{2}|\d{6,14})(?:[._T-]?[\d.:_TZ+-]*)$`)
	trailingNumber = regexp.MustCompile(`(?:\.\d+)+$`)
	logExt         = regexp.MustCompile(`(?i)\.(?:log|logs|txt|out|err|json|jsonl|ndjson|csv)$`)
	containerLog   = regexp.MustCompile(`^.+_.+_(.+)-[0-9a-f]{64}$`)
	digits         = regexp.MustCompile(`^\d+$`)
)

// Stem gives the name of the log that path is a file of: without directory, extension, rotation and compression suffix.
// "/var/log/nginx/error.log.2.gz" is "error". Logs of Kubernetes containers have the container's name.
func Stem(path string) string {
	name := filepath.Base(path)
	s := compressedExt.ReplaceAllString(name, "")
	if t := trailing.ReplaceAllString(s, ""); t != "" && (logExt.MatchString(t) || !logExt.MatchString(s)) {
		if logExt.MatchString(t) || trailingDate.MatchString(s) || trailingNumber.MatchString(s) {
			s = t
		}
	}
	s = strings.TrimSuffix(s, "~")
	s = logExt.ReplaceAllString(s, "")
	for _, re := range []*regexp.Regexp{trailingDate, trailingNumber} {
		if t := re.ReplaceAllString(s, ""); t != "" {
			s = t
		}
	}
	if m := containerLog.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	if digits.MatchString(s) {
		// /var/log/pods/<namespace>_<pod>_<uid>/<container>/0.log
		if dir := filepath.Base(filepath.Dir(path)); dir != "." && dir != "/" {
			return dir
		}
	}
	if s == "" {
		return name
	}
	return s
}

// isRotationOf says whether a file called name may be an older generation of the log called base, by their names alone.
func isRotationOf(name, base string) bool {
	if name == base || base == "" {
		return false
	}
	if rest, ok := strings.CutPrefix(name, base); ok {
		return after.MatchString(rest)
	}
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	rest, ok := strings.CutPrefix(name, stem)
	if !ok || ext == "" || stem == "" {
		return false
	}
	i := strings.LastIndex(rest, ext)
	return i > 0 && before.MatchString(rest[:i]) && (rest[i:] == ext || after.MatchString(rest[i+len(ext):]))
}
