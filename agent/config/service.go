package config

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/logwright/logwright/collectors/file"
)

var (
	// /var/lib/docker/containers/<id>/<id>-json.log
	dockerLog = regexp.MustCompile(`/containers/([0-9a-f]{64})/[^/]*$`)
	// /var/log/containers/<pod>_<namespace>_<container>-<id>.log
	containerLog = regexp.MustCompile(`/containers/[^/_]+_[^/_]+_([^/]+)-([0-9a-f]{64})\.log[^/]*$`)
	// /var/log/pods/<namespace>_<pod>_<uid>/<container>/0.log
	podLog = regexp.MustCompile(`/pods/[^/_]+_[^/_]+_[^/]+/([^/]+)/[^/]*$`)
)

// ServiceOf gives the service of what is read from file (a path, "-" or "journal") and was written by unit (a systemd unit
// from a trusted field, "" where there is none): the operator's match, else the unit without ".service", else the
// file's stem. Where more than one service matches, the first in the file does.
//
// Containers match by what their log's path says of them: the container's name in Kubernetes' paths, the first twelve or
// more characters of the id in Docker's.
func (c *Config) ServiceOf(file, unit string) string {
	name, _ := c.ServiceBy(file, unit)
	return name
}

// ServiceBy is ServiceOf, and the index of the service whose match it was, -1 where it was none.
func (c *Config) ServiceBy(file, unit string) (name string, service int) {
	for i := range c.Services {
		if c.Services[i].Match.matches(file, unit) {
			return c.Services[i].Name, i
		}
	}
	switch {
	case unit != "":
		return strings.TrimSuffix(unit, ".service"), -1
	case file == "-":
		return "stdin", -1
	default:
		return stem(file), -1
	}
}

func stem(path string) string { return file.Stem(path) }

func (m *Match) matches(file, unit string) bool {
	if unit != "" && slices.ContainsFunc(m.Units, func(u string) bool { return unitMatches(u, unit) }) {
		return true
	}
	if !strings.HasPrefix(file, "/") {
		return false
	}
	for _, f := range m.Files {
		if f == file {
			return true
		}
		if ok, err := doublestar.Match(f, file); ok && err == nil {
			return true
		}
	}
	if len(m.Containers) == 0 {
		return false
	}
	names, id := containerOf(file)
	return slices.ContainsFunc(m.Containers, func(want string) bool {
		return slices.Contains(names, want) || len(want) >= 12 && id != "" && strings.HasPrefix(id, want)
	})
}

// unitMatches takes names as systemctl does: one without a type means a service.
func unitMatches(pattern, unit string) bool {
	if pattern == unit || pattern+".service" == unit {
		return true
	}
	ok, err := path.Match(pattern, unit)
	if !ok && err == nil {
		ok, err = path.Match(pattern+".service", unit)
	}
	return ok && err == nil
}

func containerOf(file string) (names []string, id string) {
	if m := containerLog.FindStringSubmatch(file); m != nil {
		return []string{m[1]}, m[2]
	}
	if m := dockerLog.FindStringSubmatch(file); m != nil {
		return nil, m[1]
	}
	if m := podLog.FindStringSubmatch(file); m != nil {
		return []string{m[1]}, ""
	}
	return nil, ""
}
