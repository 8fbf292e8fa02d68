package events

import (
	"strconv"
	"strings"

	"github.com/logwright/logwright/agent/incident"
)

// dumpFrame reads a line, without its indentation, as a frame of one of the families of dump.go, or of Perl.
func dumpFrame(b string, l lang) (incident.Frame, bool) {
	switch {
	case b[0] == '#':
		return numberedFrame(b)
	case l == langKernel:
		return kernelFrame(b)
	case l == langBeam:
		return beamFrame(b)
	case l == langLua || l == langNone && strings.HasPrefix(b, "[C]: in "):
		return luaFrame(b)
	case l == langNative:
		return nativeFrame(b)
	case strings.HasPrefix(b, "At ") && dumpFamily(b) == langShell:
		k := lastIndex(b, " char:")
		if file, line, ok := splitPos(b[3:k]); ok {
			return incident.Frame{File: file, Line: line, InApp: file != "line"}, true
		}
	}
	if k := strings.Index(b, " called at "); k > 0 { // Perl: Orders::place(7, "x") called at /srv/t.pl line 2
		if file, line, ok := perlPlace(b[k+11:]); ok {
			name := b[:k]
			if p := strings.IndexByte(name, '('); p > 0 {
				name = name[:p]
			}
			return incident.Frame{File: file, Line: line, Function: name, InApp: perlInApp(file)}, true
		}
	}
	return incident.Frame{}, false
}

// perlPlace reads "/srv/t.pl line 2." and what Perl puts behind it.
func perlPlace(s string) (file string, line int, ok bool) {
	k := strings.Index(s, " line ")
	if k <= 0 || strings.IndexByte(s[:k], ' ') >= 0 {
		return "", 0, false
	}
	n := run(s, k+6, 8)
	if n == 0 {
		return "", 0, false
	}
	line, _ = digits(s, k+6, n)
	switch at(s, k+6+n) {
	case 0, '.', ',', ' ':
		return s[:k], line, true
	}
	return "", 0, false
}

func perlInApp(file string) bool {
	return !strings.HasPrefix(file, "/usr/share/perl") && !strings.HasPrefix(file, "/usr/lib/") && !strings.Contains(file, "/lib/perl5/") && !strings.HasPrefix(file, "(eval")
}

// numberedFrame reads the forms that begin with "#3": a sanitizer's, a debugger's, systemd-coredump's and Dart's.
func numberedFrame(b string) (incident.Frame, bool) {
	n := run(b, 1, 5)
	rest := strings.TrimLeft(b[1+n:], " ")
	if n == 0 || len(rest) == len(b)-1-n || rest == "" {
		return incident.Frame{}, false
	}
	if strings.HasPrefix(rest, "0x") {
		k := strings.IndexByte(rest, ' ')
		if k < 0 {
			return incident.Frame{}, false
		}
		rest = strings.TrimPrefix(strings.TrimLeft(rest[k:], " "), "in ")
		return symbolFrame(rest), rest != ""
	}
	open := lastIndex(rest, " (")
	if open <= 0 || !strings.HasSuffix(rest, ")") { // gdb without an address: place (i=3) at c.cpp:8
		if strings.Contains(rest, ") at ") {
			return symbolFrame(rest), true
		}
		return incident.Frame{}, false
	}
	in := rest[open+2 : len(rest)-1]
	file, line, ok := splitPos(in)
	if !ok && !hasAnyPrefix(in, "dart:", "package:") {
		return incident.Frame{}, false
	}
	return incident.Frame{File: file, Line: line, Function: rest[:open], InApp: !hasAnyPrefix(file, "dart:", "package:flutter", "org-dartlang-sdk:")}, true
}

// symbolFrame reads "main /srv/c.cpp:12", "_start (/srv/app+0x52e0)", "place (i=3) at c.cpp:8".
func symbolFrame(s string) incident.Frame {
	name, file, line := s, "", 0
	if k := lastIndex(s, ") at "); k > 0 {
		name = s[:k+1]
		file, line, _ = splitPos(s[k+5:])
	} else if strings.HasSuffix(s, ")") && lastIndex(s, " (") > 0 {
		k := lastIndex(s, " (")
		name, file = s[:k], s[k+2:len(s)-1]
		if p := strings.LastIndexByte(file, '+'); p > 0 {
			file = strings.TrimRight(file[:p], " ")
		}
	} else if k := strings.LastIndexByte(s, ' '); k > 0 {
		if f, n, ok := splitPos(s[k+1:]); ok {
			name, file, line = s[:k], f, n
		}
	}
	name = symbolName(name)
	return incident.Frame{File: file, Line: line, Function: name, InApp: nativeInApp(file, name)}
}

// symbolName takes a function's arguments off.
func symbolName(s string) string {
	if strings.HasSuffix(s, ")") || strings.HasSuffix(s, ") const") {
		if k := goArgs(strings.TrimSuffix(s, " const")); k > 0 && !strings.HasSuffix(s[:k], "operator") {
			return strings.TrimRight(s[:k], " ")
		}
	}
	if k := lastIndex(s, " + "); k > 0 && run(s, k+3, 12) == len(s)-k-3 {
		s = s[:k]
	}
	return s
}

// nativeInApp takes for libraries what lies in the system's directories or has the C library's and the runtimes' names.
func nativeInApp(file, name string) bool {
	if name == "" || name == "n/a" || name == "??" {
		return false
	}
	if hasAnyPrefix(file, "/usr/lib", "/lib", "/usr/include", "/usr/src", "/build/", "../sysdeps", "../csu", "../nptl", "./nptl", "./csu", "./stdlib", "./assert",
		"./signal", "../signal", "../sysdeps", "../../", "lib", "/usr/share", "/System/") || strings.Contains(file, "/libsanitizer/") ||
		strings.Contains(file, "compiler-rt/") || strings.Contains(file, ".so") || strings.Contains(file, ".dylib") || strings.Contains(file, "/include/c++/") {
		return false
	}
	return !hasAnyPrefix(name, "__", "_start", "std::", "_Unwind", "__gnu_cxx", "abort", "raise", "gsignal", "start_thread", "clone", "operator new", "operator delete",
		"swift_", "_swift_", "_assertionFailure", "_ZSt", "_ZNSt", "_ZN10__cxxabi", "void std::", "testing::")
}

// nativeFrame reads the forms without a number in front, and Swift's.
func nativeFrame(b string) (incident.Frame, bool) {
	if b[len(b)-1] == ']' { // ./app(_ZN6Orders5placeEi+0x1a) [0x55d0c0de]
		open, end := strings.IndexByte(b, '('), strings.LastIndexByte(b, ')')
		if open <= 0 || end < open || !strings.Contains(b[end:], "[0x") {
			return incident.Frame{}, false
		}
		name := b[open+1 : end]
		if k := lastIndex(name, "+0x"); k >= 0 {
			name = name[:k]
		}
		return incident.Frame{File: b[:open], Function: name, InApp: nativeInApp(b[:open], name)}, true
	}
	if strings.HasPrefix(b, "@ ") { // glog: @     0x7f0c Orders::place()
		s := strings.TrimLeft(b[1:], " ")
		k := strings.IndexByte(s, ' ')
		if k < 0 || !strings.HasPrefix(s, "0x") {
			return incident.Frame{}, false
		}
		name := symbolName(strings.TrimLeft(s[k:], " "))
		return incident.Frame{Function: name, InApp: nativeInApp("", name)}, true
	}
	if !isDigit(b[0]) || !nativeFrameLine(b) {
		return incident.Frame{}, false
	}
	s := strings.TrimLeft(b[run(b, 0, 4):], " \t")
	for strings.HasPrefix(s, "[") { // Swift: 1 [ra] [inlined] 0x0 place(_:) + 35 in shop at /src/main.swift:12:5
		k := strings.IndexByte(s, ']')
		if k < 0 {
			break
		}
		s = strings.TrimLeft(s[k+1:], " ")
	}
	var f incident.Frame
	if k := lastIndex(s, " at "); k > 0 {
		f.File, f.Line, _ = splitPos(s[k+4:])
		s = s[:k]
	}
	module := ""
	if k := lastIndex(s, " in "); k > 0 {
		s, module = s[:k], s[k+4:]
	}
	if k := strings.Index(s, "0x"); k >= 0 {
		if module == "" {
			module = strings.TrimSpace(s[:k])
		}
		_, s, _ = strings.Cut(s[k:], " ")
	}
	f.Function = symbolName(strings.TrimSpace(s))
	if f.File == "" {
		f.File = module
	}
	f.InApp = nativeInApp(module, f.Function)
	return f, f.Function != ""
}

// luaFrame reads "/srv/l.lua:1: in upvalue 'inner'".
func luaFrame(b string) (incident.Frame, bool) {
	k := strings.Index(b, ": in ")
	if k <= 0 {
		return incident.Frame{}, false
	}
	file, line, ok := splitPos(b[:k])
	name := b[k+5:]
	if p := strings.IndexAny(name, "'<"); p >= 0 {
		name = strings.TrimRight(name[p+1:], "'>")
	}
	if strings.HasPrefix(b, "[C]") {
		return incident.Frame{Function: name}, true
	}
	if _, l, isPlace := splitPos(name); isPlace && l > 0 {
		name = "" // <l.lua:2>: where an anonymous function is defined
	}
	return incident.Frame{File: file, Line: line, Function: name, InApp: ok && !strings.HasPrefix(file, "/usr/")}, ok
}

// beamFrame reads "(app 1.0) lib/x.ex:12: Mod.fun/2", "lib/x.ex:12: Mod.fun/2" and "in call from s:inner/1 (s.erl, line 2)".
func beamFrame(b string) (incident.Frame, bool) {
	if hasAnyPrefix(b, "in call from ", "in function ") {
		_, s, _ := strings.Cut(b[3:], " ")
		s = strings.TrimLeft(strings.TrimPrefix(s, "from "), " ")
		name, place, ok := strings.Cut(s, " (")
		file, line, ok2 := strings.Cut(place, ", line ")
		if !ok || !ok2 {
			return incident.Frame{}, false
		}
		n, err := strconv.Atoi(strings.TrimSuffix(line, ")"))
		return incident.Frame{File: file, Line: n, Function: name, InApp: beamInApp("", name)}, err == nil
	}
	app, s := "", b
	if b[0] == '(' {
		k := strings.Index(b, ") ")
		if k < 0 {
			return incident.Frame{}, false
		}
		app, _, _ = strings.Cut(b[1:k], " ")
		s = b[k+2:]
	}
	k := strings.Index(s, ": ")
	if k <= 0 {
		return incident.Frame{}, false
	}
	file, line, ok := splitPos(s[:k])
	if !ok || !strings.HasSuffix(file, ".ex") && !strings.HasSuffix(file, ".exs") && !strings.HasSuffix(file, ".erl") && !strings.HasSuffix(file, ".eex") && !strings.HasSuffix(file, ".heex") {
		return incident.Frame{}, false
	}
	name := s[k+2:]
	if e := strings.Index(name, " in "); e > 0 && strings.HasPrefix(name, "anonymous fn") {
		name = "fn in " + name[e+4:]
	}
	return incident.Frame{File: file, Line: line, Function: name, InApp: beamInApp(app, name)}, true
}

func beamInApp(app, name string) bool {
	switch app {
	case "":
		return !hasAnyPrefix(name, ":gen_server.", ":proc_lib.", ":erlang.", ":timer.", ":elixir", "proc_lib:", "gen_server:", "erlang:", "gen_statem:")
	case "elixir", "stdlib", "kernel", "erts", "logger", "mix", "ex_unit", "iex", "eex", "phoenix", "phoenix_live_view", "phoenix_pubsub", "plug", "plug_cowboy", "cowboy", "ranch",
		"bandit", "thousand_island", "ecto", "ecto_sql", "postgrex", "myxql", "db_connection", "jason", "telemetry", "oban", "hackney", "finch", "mint", "tesla",
		"absinthe", "broadway", "gen_stage", "redix", "crypto", "ssl", "inets":
		return false
	}
	return true
}

// kernelFrame reads "place+0x12/0x30 [shop]" and "RIP: 0010:place+0x12/0x30". What the unwinder is not sure of ("? name") is
// not taken.
func kernelFrame(b string) (incident.Frame, bool) {
	if strings.HasPrefix(b, "RIP: ") {
		if k := strings.IndexByte(b[5:], ':'); k > 0 {
			b = b[5+k+1:]
		}
	} else if hasAnyPrefix(b, "pc : ", "lr : ") {
		b = b[5:]
	}
	if b == "" || !kernelFrameLine(b) || b[0] == '?' {
		return incident.Frame{}, false
	}
	name, rest, _ := strings.Cut(b, "+0x")
	file := ""
	if k := strings.IndexByte(rest, '['); k > 0 && strings.HasSuffix(rest, "]") {
		file = rest[k+1 : len(rest)-1]
	}
	return incident.Frame{File: file, Function: name}, true
}
