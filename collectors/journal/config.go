package journal

import (
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

// DefaultMaxLine is the longest MESSAGE that is kept whole where Config.MaxLine is 0 (limits.line's default).
const DefaultMaxLine = 1 << 20

// Config is one source of kind journal in agent.yaml.
type Config struct {
	// Name is the source's name; gaps and log lines carry it.
	Name string `yaml:"name"`
	// Units limits the source to entries of these units, by the trusted field _SYSTEMD_UNIT, and to what systemd itself
	// says about them. A name without a unit suffix means a service; *, ? and [...] are globs. Empty means every unit.
	Units []string `yaml:"units"`
	// Identifiers limits the source to entries with one of these SYSLOG_IDENTIFIERs. The field is the writer's own word
	// and forgeable: it selects what is read, nothing more. With Units given too, an entry has to match both.
	Identifiers []string `yaml:"identifiers"`
	// Priority is the least urgent priority that is read: emerg, alert, crit, err, warning, notice, info (the default)
	// or debug. An entry without PRIORITY counts as info.
	Priority string `yaml:"priority"`
	// Boot is "all" (the default) or "current". In a Directory, current means the boot of its last entry.
	Boot string `yaml:"boot"`
	// Directory holds journal files to read instead of the host's journal.
	Directory string `yaml:"directory"`
	// Start says where a journal that was never read before begins: "end" (the default) or "beginning".
	Start string `yaml:"start"`

	// Once reads to the end of the journal and stops, for one-shot commands. Not a key of agent.yaml.
	Once bool `yaml:"-"`
	// MaxLine is the most bytes that are kept of one MESSAGE, from limits.line; 0 means DefaultMaxLine.
	MaxLine int `yaml:"-"`
}

// priorities are the names journalctl and syslog(3) know, in the order of their numbers.
var priorities = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// priorityInfo is the number of the priority that stands in where an entry or the configuration names none.
const priorityInfo = 6

// unitSuffixes are the types of units that can own a process, and so can stand in _SYSTEMD_UNIT.
var unitSuffixes = [...]string{".service", ".scope", ".socket", ".mount", ".swap", ".slice", ".timer", ".target", ".path"}

// Validate gives everything that is wrong with c, with paths below the source's own section.
func (c Config) Validate() []incident.Problem {
	var ps []incident.Problem
	for i, u := range c.Units {
		at := "units[" + strconv.Itoa(i) + "]"
		switch {
		case u == "":
			ps = append(ps, incident.Problemf(at, "a unit's name is empty").WithHint("leave units out to read every unit"))
		case strings.ContainsAny(u, "/\n\x00 ="):
			ps = append(ps, incident.Problemf(at, "%q is not a unit's name", u).WithHint("name it as systemctl does, such as api.service"))
		default:
			if _, err := path.Match(u, ""); err != nil {
				ps = append(ps, incident.Problemf(at, "%q is not a glob: %v", u, err))
			}
		}
	}
	for i, id := range c.Identifiers {
		if id == "" || strings.ContainsAny(id, "\n\x00") {
			ps = append(ps, incident.Problemf("identifiers["+strconv.Itoa(i)+"]", "%q is not a syslog identifier", id).
				WithHint("use the word before the colon in journalctl's output, such as sshd"))
		}
	}
	if _, ok := priorityNumber(c.Priority); !ok {
		ps = append(ps, incident.Problemf("priority", "unknown priority %q", c.Priority).
			WithHint("one of %s", strings.Join(priorities[:], ", ")))
	}
	if !slices.Contains([]string{"", "all", "current"}, c.Boot) {
		ps = append(ps, incident.Problemf("boot", "unknown boot %q", c.Boot).WithHint("all or current"))
	}
	if !slices.Contains([]string{"", "end", "beginning"}, c.Start) {
		ps = append(ps, incident.Problemf("start", "unknown start %q", c.Start).WithHint("end or beginning"))
	}
	if c.Directory != "" && !filepath.IsAbs(c.Directory) {
		ps = append(ps, incident.Problemf("directory", "%q is not an absolute path", c.Directory))
	}
	if c.MaxLine < 0 {
		ps = append(ps, incident.Problemf("max_line", "%d is negative", c.MaxLine))
	}
	return ps
}

// priorityNumber gives the number of a priority's name; "" is info.
func priorityNumber(name string) (int, bool) {
	if name == "" {
		return priorityInfo, true
	}
	i := slices.Index(priorities[:], name)
	return i, i >= 0
}

// mangleUnit gives the full name of a unit, as systemctl does: a name without a type means a service.
func mangleUnit(u string) string {
	for _, s := range unitSuffixes {
		if strings.HasSuffix(u, s) {
			return u
		}
	}
	if strings.HasSuffix(u, "*") {
		return u // "api*" may mean any type
	}
	return u + ".service"
}

// Options are what New takes beside the configuration. The zero Options work.
type Options struct {
	// Logger takes what journalctl says on stderr and why it was restarted. Nil discards.
	Logger *slog.Logger
	// Now is the clock, time.Now where nil.
	Now func() time.Time
	// Journalctl is the program's path; "" looks it up in PATH.
	Journalctl string
	// Self says which entries are Logwright's own and dropped, so that it never diagnoses itself. See FindSelf.
	Self Self
	// RetryMin and RetryMax bound the pause before journalctl is started again after it died: 500ms and 30s where 0.
	RetryMin, RetryMax time.Duration
}

// Self identifies the daemon's own entries, by trusted fields only.
type Self struct {
	// Unit is the daemon's own .service, "" where it does not run in one.
	Unit string
	// PID is the daemon's process; it counts for entries written after New only, since ids are used again. 0 means none.
	PID int
}

// FindSelf gives the identity of this process: its id, and the systemd service it runs in. A login session or another
// scope is not taken for a unit of our own, or everything typed in that terminal would be dropped with us.
func FindSelf() Self {
	s := Self{PID: os.Getpid()}
	if b, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		s.Unit = serviceOfCgroup(string(b))
	}
	return s
}

// serviceOfCgroup reads the .service of the system slice out of /proc/self/cgroup's text: the first one on the path, as
// journald does for _SYSTEMD_UNIT.
func serviceOfCgroup(text string) string {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 || parts[0] != "0" && parts[1] != "name=systemd" {
			continue
		}
		for dir := range strings.SplitSeq(strings.Trim(parts[2], "/"), "/") {
			if strings.HasSuffix(dir, ".slice") {
				continue
			}
			if strings.HasSuffix(dir, ".service") && !strings.HasPrefix(dir, "user@") {
				return dir
			}
			break
		}
	}
	return ""
}
