package diagnose

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// family is what the name of an exception's type says about its cause. The names are those of the standard libraries and
// the common drivers of eight languages; the first family that fits counts.
type family struct {
	pattern  *regexp.Regexp // on the type's last part
	category incident.Category
	fix      incident.FixKind
	cause    string
}

var families = []family{
	{regexp.MustCompile(`(?i)^(NullPointerException|NullReferenceException|AttributeError|NoMethodError|TypeError|ReferenceError|NameError|UnboundLocalError|NotImplementedError|NotImplementedException|AssertionError|AssertionException|IndexError|IndexOutOfBoundsException|ArrayIndexOutOfBoundsException|StringIndexOutOfBoundsException|IndexOutOfRangeException|KeyError|NoSuchElementException|KeyNotFoundException|ClassCastException|InvalidCastException|IllegalStateException|InvalidOperationException|IllegalArgumentException|ArgumentException|ArgumentNullException|ArgumentError|ConcurrentModificationException|UnsupportedOperationException|ZeroDivisionError|ArithmeticException|DivideByZeroException|StackOverflowError|RecursionError|SystemStackError|RangeError|MatchError|FrozenError|LocalJumpError|runtime error|panic)$`),
		"code-bug", "code-patch", "An assumption of the code about a value does not hold"},
	{regexp.MustCompile(`(?i)(OutOfMemory|MemoryError|NoMemoryError|TooManyOpenFiles|QuotaExceeded|DiskQuota|ResourceExhausted|PoolExhausted|RejectedExecution)`),
		"resource-exhaustion", "capacity", "A limit of memory, descriptors, threads or connections was reached"},
	{regexp.MustCompile(`(?i)(ModuleNotFound|ImportError|ClassNotFound|NoClassDefFound|NoSuchMethodError|NoSuchFieldError|UnsupportedClassVersion|LoadError|TypeLoadException|DllNotFound|FileLoadException|LinkageError|AbstractMethodError)`),
		"dependency", "dependency-change", "A library is missing, or another version of it is there than the code was built for"},
	{regexp.MustCompile(`(?i)(Permission|AccessDenied|UnauthorizedAccess|Forbidden|EACCES|EPERM|SecurityException)`),
		"permission", "operator-action", "The process has no right to what it tried to do"},
	{regexp.MustCompile(`(?i)(Timeout|TimedOut|Connect|Socket|Network|UnknownHost|gaierror|HostUnreachable|NoRouteToHost|ECONN|Unreachable|BrokenPipe|SSL|TLS|Handshake|EOFError|RemoteDisconnected|HTTPError|RequestException|WebException|ServiceUnavailable)`),
		"network", "operator-action", "Another service could not be reached, or closed the connection"},
	{regexp.MustCompile(`(?i)(IntegrityError|DataIntegrity|ConstraintViolation|DuplicateKey|RecordNotUnique|RecordNotFound|DoesNotExist|JSONDecode|JsonParse|JsonMapping|JsonException|ParserError|ParseException|ParseError|SyntaxError|FormatException|NumberFormat|UnicodeDecode|UnicodeEncode|MalformedInput|ValidationError|ValidationException|ValueError|DateTimeParse|Deserializ|Serializ|InvalidDataException|CorruptIndex|DataError)`),
		"data", "code-patch", "Data came in a form that the code does not take"},
	{regexp.MustCompile(`(?i)(ImproperlyConfigured|Configuration|ConfigException|BeanCreation|UnsatisfiedDependency|NoSuchBean|MissingEnvironment|PropertyAccess)`),
		"configuration", "config-change", "The configuration does not fit the code that reads it"},
	{regexp.MustCompile(`(?i)(SQL|Database|OperationalError|ProgrammingError|PSQL|Hibernate|Jdbc|Mongo|Redis|Kafka|Amqp)`),
		"dependency", "operator-action", "The database or broker that the service depends on refused the operation"},
	{regexp.MustCompile(`(?i)(FileNotFound|NoSuchFile|NotADirectory|IsADirectory|ENOENT|DirectoryNotFound)`),
		"configuration", "config-change", "A file is not where the code looks for it"},
}

// beforeFirst is how far before an event to look for what led up to it.
const beforeFirst = 2 * time.Minute

// stackSample gives the first sample that has a stack or an exception, -1 where none has.
func stackSample(ev *evidence) int {
	for i := range ev.samples {
		if r := ev.samples[i].record; r.Exception != "" || len(r.Frames) > 0 {
			return i
		}
	}
	return -1
}

// fromStack says what a stack trace says by itself. The words name only what fits a plain identifier or path.
func (d *Diagnoser) fromStack(ev *evidence, i int) incident.Diagnosis {
	s := &ev.samples[i]
	r := s.record
	typ := shortType(r.Exception)
	named := identifier.MatchString(typ) && len(typ) <= maxTitleSymbol
	dg := incident.Diagnosis{Category: "unknown", FixKind: "operator-action", Confidence: 0.20}
	cause := "The stack shows where it happened; the lines do not show why"
	known := false
	for _, f := range families {
		if f.pattern.MatchString(typ) {
			dg.Category, dg.FixKind, cause, known = f.category, f.fix, f.cause, true
			break
		}
	}
	cites := citations{limit: d.cfg.MaxLineBytes}
	head := headline(s)
	cites.add(s.lines[head], 0)
	dg.Culprit = citeCulprit(&cites, s)

	what := "An exception"
	if named {
		what = "An uncaught or logged " + typ
	}
	where := ""
	if dg.Culprit != nil {
		where = place(*dg.Culprit)
		if !known {
			dg.Category, dg.FixKind = "code-bug", "code-patch"
		}
	}
	dg.Summary = what
	if where != "" {
		dg.Summary += " at " + where
	}
	dg.Summary += "."
	dg.RootCause = cause + "."
	switch {
	case known && dg.Culprit != nil:
		dg.Confidence = 0.40
	case known || dg.Culprit != nil:
		dg.Confidence = 0.30
	}
	dg.NextSteps = stackSteps(dg, where, s)
	dg.Evidence = cites.list
	return dg
}

func stackSteps(dg incident.Diagnosis, where string, s *sampleLines) []string {
	var steps []string
	if where != "" {
		c := *dg.Culprit
		steps = append(steps, "Read "+where+" for the value that the message names.")
		if base := c.File[strings.LastIndexByte(c.File, '/')+1:]; fits("name", base) {
			steps = append(steps, "In the repository, see what changed there last: git log -n 5 -p -- '*"+base+"'")
		}
	} else {
		steps = append(steps, "No frame is the service's own code: look at how the topmost library call is configured and what it was given.")
	}
	if len(s.before) > 0 {
		steps = append(steps, "Read what came just before in the same stream; the request or job that failed is often named there.")
	}
	return append(steps, "Compare the first event's time with deployments and configuration changes (logwright deploy records them).")
}

// headline gives the index of the line that names the exception, else the first.
func headline(s *sampleLines) int {
	typ := s.record.Exception
	for i, l := range s.lines {
		if typ != "" && strings.Contains(l.text, typ) {
			return i
		}
	}
	return 0
}

// place writes a culprit with only what is plain: a path, a number, an identifier.
func place(c incident.Culprit) string {
	file := c.File
	if !fits("path", "/"+strings.TrimPrefix(file, "/")) {
		file = ""
	}
	fn := shortFunction(c.Function)
	if !identifier.MatchString(fn) || len(fn) > maxTitleSymbol {
		fn = ""
	}
	switch {
	case file != "" && c.Line > 0:
		file += ":" + strconv.Itoa(c.Line)
		fallthrough
	case file != "":
		if fn != "" {
			return file + " (" + fn + ")"
		}
		return file
	}
	return fn
}

// unknown is the honest answer where nothing is known, with what a person would do next for this source.
func (d *Diagnoser) unknown(inc incident.Incident, ev *evidence) incident.Diagnosis {
	dg := incident.Diagnosis{
		Summary:    "No built-in signature knows this message, and there is no stack trace.",
		RootCause:  "Unknown from these lines alone.",
		Category:   "unknown",
		FixKind:    "operator-action",
		Confidence: confidenceUnknown,
	}
	cites := citations{limit: d.cfg.MaxLineBytes}
	for i := range ev.samples {
		if s := &ev.samples[i]; len(s.lines) > 0 && len(cites.list) < 2 {
			cites.add(s.lines[0], 0)
		}
	}
	dg.Evidence = cites.list
	if inc.Release != nil && !inc.Release.At.IsZero() && !inc.FirstSeen.Before(inc.Release.At) {
		dg.NextSteps = append(dg.NextSteps, "A release of the service went live before the first event: compare what it changed.")
	}
	if len(ev.samples) == 0 {
		dg.Summary = "No line of this incident was kept, so there is nothing to read."
		return dg
	}
	service := plainService(inc.Service)
	r := ev.samples[0].record
	since := ""
	if t := r.Time; !t.IsZero() {
		since = " --since '" + t.Add(-beforeFirst).UTC().Format("2006-01-02 15:04:05") + " UTC' --until '" + t.Add(beforeFirst/2).UTC().Format("2006-01-02 15:04:05") + " UTC'"
	}
	switch {
	case r.File == "journal" && strings.HasSuffix(service, ".service"):
		dg.NextSteps = append(dg.NextSteps,
			"See what led up to it: journalctl -u "+service+since,
			"See the unit's state and last exit: systemctl status "+service)
	case r.File == "journal":
		dg.NextSteps = append(dg.NextSteps, "See what led up to it on the whole host: journalctl"+since)
	case fits("path", r.File) && r.FirstLine > 0:
		dg.NextSteps = append(dg.NextSteps, fmt.Sprintf("See what led up to it: sed -n '%d,%dp' %s", max(1, r.FirstLine-40), r.LastLine+10, r.File))
	default:
		dg.NextSteps = append(dg.NextSteps, "See what the same service wrote in the minute before the first event.")
	}
	dg.NextSteps = append(dg.NextSteps,
		"Search the service's own code and manual for the fixed words of the message: they are the template of this incident.")
	return dg
}
