package remediations

import (
	"fmt"
	"path"
	"regexp"
	"slices"
)

// A value is one argument, but some programs read an argument as a program of their own: `sh -c "rm {file}"`. This refuses the
// usual ones when agent.yaml is loaded, wherever they stand in a vector (behind sudo, env, timeout). It can't know every
// program; what holds whatever the program does is that values are the operator's own or tied to the incident (see Bind).

var (
	// interpreters take a script after an option, or a file of one as their first argument.
	interpreters = regexp.MustCompile(`\A(?:r?bash|sh|dash|ash|zsh|[mp]?ksh|fish|t?csh|pwsh|python[0-9.]*|pypy[0-9.]*|perl[0-9.]*|ruby[0-9.]*|` +
		`node|nodejs|deno|bun|php[0-9.]*|lua[0-9.]*|tclsh[0-9.]*|expect|osascript|R|Rscript|groovy|scala)\z`)
	// scriptFlag is an option whose argument is a script; short ones may be joined (`sh -ec`).
	scriptFlag = regexp.MustCompile(`\A(?:-[A-Za-z]*[ceErpR]|-c.+|-e.+|--?(?:command|eval|execute|exec|print|run)(?:=.*)?)\z`)
	// readers take arguments for programs of their own wherever they stand: a remote shell, an expression, a command line.
	readers = []string{
		"ssh", "mosh", "rsh", "su", "runuser", "script", "watch", "parallel", "xargs", "find", "eval", "awk", "gawk", "mawk", "nawk", "sed",
		"env", "make", "ed", "ex", "vi", "vim", "emacs", "tmux", "screen", "at", "batch", "crontab", "jq", "gdb", "psql", "mysql", "sqlite3",
	}
	// wrappers run the program that their arguments name.
	wrappers = []string{
		"sudo", "doas", "pkexec", "nice", "ionice", "timeout", "setsid", "nohup", "chroot", "stdbuf", "chrt", "taskset", "unshare", "nsenter",
		"systemd-run", "busybox", "toybox", "time", "strace", "setpriv", "capsh", "flock", "exec", "command", "busctl",
	}
)

// shells refuses parameters where a program would read them as one.
func (r *reader) shells(at string, argv []template) {
	for i, t := range argv {
		if len(t.params()) > 0 {
			continue
		}
		name := path.Base(t.render(nil))
		switch {
		case interpreters.MatchString(name):
			if j, ok := script(argv, i); ok {
				r.bad(fmt.Sprintf("%s[%d]", at, j), "a parameter stands where %s reads a program", name).
					WithHint(`put the script into a file and run that, or hand the value over as an argument: [sh, -c, 'kill "$1"', sh, "{pid}"]`)
			}
			return // what follows is the script's
		case slices.Contains(readers, name):
			// What the operator wrote word by word, or a number, is the operator's own program.
			if j := slices.IndexFunc(argv[i:], r.open); j >= 0 {
				r.bad(fmt.Sprintf("%s[%d]", at, i+j), "%s may read a value that matches a pattern as a program", name).
					WithHint("list the values under enum, or call a program that takes them as they are")
				return
			}
		case slices.Contains(wrappers, name):
			// The command that is wrapped is the first argument that is no option; options' values can't be told from it.
			for j := i + 1; j < len(argv); j++ {
				if len(argv[j]) > 0 && !argv[j][0].param && argv[j][0].text[0] == '-' {
					continue
				}
				if len(argv[j].params()) > 0 {
					r.bad(fmt.Sprintf("%s[%d]", at, j), "a parameter stands where %s takes the program to run", name).
						WithHint("write one remediation for each program, and join an option with its value: --user={user}")
					return
				}
				break
			}
		}
	}
}

// open says that t has a parameter whose values the operator did not write.
func (r *reader) open(t template) bool {
	return slices.ContainsFunc(t.params(), func(n string) bool { return r.Params[n].Pattern != "" })
}

// script finds a parameter in what the interpreter at argv[i] reads as a program.
func script(argv []template, i int) (int, bool) {
	for j := i + 1; j < len(argv); j++ {
		first := ""
		if len(argv[j]) > 0 && !argv[j][0].param {
			first = argv[j][0].text
		}
		has := len(argv[j].params()) > 0
		switch {
		case first == "" || first[0] != '-':
			return j, has // the script's file; what follows is its arguments
		case scriptFlag.MatchString(first):
			if has { // -e"print {x}"
				return j, true
			}
			if j+1 < len(argv) && len(argv[j+1].params()) > 0 {
				return j + 1, true
			}
			// A script that is written out; what follows is its arguments, or for some programs further scripts.
			for k := j + 2; k < len(argv); k++ {
				if p := argv[k]; len(p) > 0 && !p[0].param && scriptFlag.MatchString(p[0].text) && k+1 < len(argv) && len(argv[k+1].params()) > 0 {
					return k + 1, true
				}
			}
			return 0, false
		case has:
			return j, true // an option made of a stranger's text
		}
	}
	return 0, false
}
