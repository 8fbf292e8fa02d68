package remediations

import (
	"strings"
	"testing"
	"time"

	"github.com/logwright/logwright/agent/incident"
)

func number(n int) *int { return &n }

// restart is a sound entry; change makes others of it.
func restart(change ...func(*Config)) Config {
	c := DefaultConfig()
	c.Name, c.Risk, c.Description = "restart", RiskLow, "restarts a unit that hangs"
	c.Params = map[string]Param{"unit": {Enum: []string{"api.service", "worker.service"}}}
	c.Run = []string{"systemctl", "restart", "{unit}"}
	for _, f := range change {
		f(&c)
	}
	return c
}

func TestValidate(t *testing.T) {
	if ps := restart().Validate(); len(ps) > 0 {
		t.Fatalf("a sound entry has problems: %v", ps)
	}
	params := func(name string, p Param) func(*Config) {
		return func(c *Config) { c.Params[name] = p; c.Run = append(c.Run, "{"+name+"}") }
	}
	unit := func(p Param) func(*Config) { return func(c *Config) { c.Params["unit"] = p } }
	run := func(argv ...string) func(*Config) { return func(c *Config) { c.Run = argv } }
	for _, tc := range []struct {
		name   string
		change func(*Config)
		path   string
		says   string // within message or hint
	}{
		{"no name", func(c *Config) { c.Name = "" }, "name", "needs a name"},
		{"a name for a shell", func(c *Config) { c.Name = "a b;c" }, "name", "is not a name"},
		{"the name of a kind", func(c *Config) { c.Name = "pull-request" }, "name", "meaning of its own"},
		{"no risk", func(c *Config) { c.Risk = "" }, "risk", "low, medium, high"},
		{"a risk that is none", func(c *Config) { c.Risk = "none" }, "risk", "unknown risk"},
		{"a description with an escape", func(c *Config) { c.Description = "a\x1b[2J" }, "description", "control"},
		{"a long description", func(c *Config) { c.Description = strings.Repeat("a", 1001) }, "description", "longer"},
		{"nothing to run", func(c *Config) { c.Run, c.Params = nil, nil }, "run", "needs a command"},
		{"no undo", func(c *Config) { c.Reversible = true }, "undo", "nothing says how"},
		{"not reversible", func(c *Config) { c.Undo = []string{"true"} }, "reversible", "there is an undo"},
		{"no timeout", func(c *Config) { c.Timeout = 0 }, "timeout", "not from 1s to 1h"},
		{"a long timeout", func(c *Config) { c.Timeout = 2 * time.Hour }, "timeout", "not from"},
		{"no silence", func(c *Config) { c.Verify.Silence = -1 }, "verify.silence", "not from"},
		{"a category that is none", func(c *Config) { c.Mends.Categories = []string{"code-bgu"} }, "mends.categories[0]", `did you mean "code-bug"`},
		{"a fix kind that is none", func(c *Config) { c.Mends.FixKinds = []string{"restart", "reboot-the-universe"} }, "mends.fix_kinds[1]", "one of code-patch"},
		{"a service with an escape", func(c *Config) { c.Mends.Services = []string{"a\x1b"} }, "mends.services[0]", "is not a name"},

		{"a parameter that is not declared", run("systemctl", "restart", "{unit}", "{uint}"), "run[3]", "did you mean {unit}"},
		{"in undo", func(c *Config) { c.Reversible, c.Undo = true, []string{"echo", "{other}"} }, "undo[1]", `no parameter "other"`},
		{"in the probe", func(c *Config) { c.Verify.Probe = []string{"echo", "{other}"} }, "verify.probe[1]", `no parameter "other"`},
		{"in the check", func(c *Config) { c.Check = []string{"echo", "{other}"} }, "check[1]", `no parameter "other"`},
		{"a parameter that is not used", func(c *Config) { c.Params["x"] = Param{Enum: []string{"a"}} }, "params.x", "no command uses"},
		{"a parameter's name", func(c *Config) { c.Params["X y"] = Param{Enum: []string{"a"}} }, "params.X y", "is not a parameter's name"},
		{"an open brace", run("echo", "{unit}", "{unit"), "run[2]", "nothing ends"},
		{"a closed brace", run("echo", "{unit}", "unit}"), "run[2]", "ends nothing"},
		{"a format of docker's", run("docker", "ps", "{unit}", "{ .Names }"), "run[3]", "does not name a parameter"},
		{"an empty argument", run("echo", "{unit}", ""), "run[2]", "empty argument"},
		{"a NUL", run("echo", "{unit}", "a\x00b"), "run[2]", "control"},
		{"a direction mark", run("echo", "{unit}", "a\u202eb"), "run[2]", "invisible"},
		{"a long argument", run("echo", "{unit}", strings.Repeat("a", maxElement+1)), "run[2]", "longer"},
		{"many arguments", run(append([]string{"echo", "{unit}"}, make([]string, maxArgs)...)...), "run", "66 arguments"},

		{"the program is a parameter", run("{unit}"), "run[0]", "is a parameter"},
		{"the program has one in it", run("/usr/bin/{unit}"), "run[0]", "is a parameter"},
		{"a relative program", run("./a", "{unit}"), "run[0]", "is not a program"},
		{"a program below", run("bin/a", "{unit}"), "run[0]", "is not a program"},
		{"a program above", run("/usr/bin/../a", "{unit}"), "run[0]", "is not a program"},
		{"an option for a program", run("-a", "{unit}"), "run[0]", "is not a program"},
		{"a command line", run("systemctl restart", "{unit}"), "run[0]", "is not a program"},

		{"sh -c", run("sh", "-c", "systemctl restart {unit}"), "run[2]", "reads a program"},
		{"with a path", run("/bin/bash", "-c", "systemctl restart {unit}"), "run[2]", "reads a program"},
		{"with joined options", run("sh", "-euxc", "systemctl restart {unit}"), "run[2]", "reads a program"},
		{"with options before", run("bash", "--norc", "-c", "echo {unit}"), "run[2+1]", "reads a program"},
		{"python", run("python3.12", "-c", "print('{unit}')"), "run[2]", "reads a program"},
		{"perl, joined", run("perl", "-eprint('{unit}')"), "run[1]", "reads a program"},
		{"node", run("node", "--eval", "{unit}"), "run[2]", "reads a program"},
		{"node, joined", run("node", "--eval={unit}"), "run[1]", "reads a program"},
		{"the script's name", run("sh", "{unit}"), "run[1]", "reads a program"},
		{"an option of a shell", run("sh", "-{unit}"), "run[1]", "reads a program"},
		{"a second script", run("perl", "-e", "1", "-e", "{unit}"), "run[4]", "reads a program"},
		{"behind sudo", run("sudo", "-n", "sh", "-c", "a {unit}"), "run[4]", "reads a program"},
		{"busybox", run("busybox", "sh", "-c", "a {unit}"), "run[3]", "reads a program"},
		{"in the check", func(c *Config) { c.Check = []string{"sh", "-c", "a {unit}"} }, "check[2]", "reads a program"},
		{"sudo runs what is given", run("sudo", "-n", "{unit}"), "run[2]", "takes the program"},
		{"ssh and a pattern", func(c *Config) {
			c.Params["unit"] = Param{Pattern: `.+\.service`}
			c.Run = []string{"ssh", "db", "systemctl restart {unit}"}
		}, "run[2]", "as a program"},

		{"no form", unit(Param{}), "params.unit", "exactly one"},
		{"two forms", unit(Param{Enum: []string{"a"}, Pattern: "a"}), "params.unit", "exactly one"},
		{"a target that is none", unit(Param{Enum: []string{"a"}, Target: "planet"}), "params.unit.target", "unit, service, host, container"},
		{"an empty value", unit(Param{Enum: []string{""}}), "params.unit.enum[0]", "empty"},
		{"a value with a line break", unit(Param{Enum: []string{"a\nb"}}), "params.unit.enum[0]", "control"},
		{"a value with a NUL", unit(Param{Enum: []string{"a\x00"}}), "params.unit.enum[0]", "control"},
		{"a value twice", unit(Param{Enum: []string{"a", "a"}}), "params.unit.enum[1]", "twice"},
		{"a long value", unit(Param{Enum: []string{strings.Repeat("a", 513)}}), "params.unit.enum[0]", "longer"},
		{"units and others", unit(Param{Enum: []string{"a.service", "b"}}), "params.unit", "target: unit"},
		{"no unit", unit(Param{Enum: []string{"api"}, Target: incident.TiedUnit}), "params.unit.enum[0]", "api.service"},
		{"a pattern that is none", unit(Param{Pattern: "a("}), "params.unit.pattern", "missing closing"},
		{"a pattern that breaks out of its group", unit(Param{Pattern: "a)|(b"}), "params.unit.pattern", "unexpected"},
		{"a pattern for nothing", unit(Param{Pattern: "a*"}), "params.unit.pattern", "empty value"},
		{"a pattern for an option", unit(Param{Pattern: "^-x"}), "params.unit.pattern", "begins with -"},
		{"a pattern that aims at nothing", unit(Param{Pattern: "a+", Target: TargetNone}), "params.unit.target", "always aims"},
		{"a long pattern", unit(Param{Pattern: strings.Repeat("a", 1001)}), "params.unit.pattern", "longer"},
		{"min alone", params("n", Param{Min: number(1)}), "params.n", "both"},
		{"below zero", params("n", Param{Min: number(-1), Max: number(1)}), "params.n.min", "below 0"},
		{"the wrong way round", params("n", Param{Min: number(2), Max: number(1)}), "params.n", "above"},
		{"a number as a target", params("n", Param{Min: number(1), Max: number(2), Target: incident.TiedHost}), "params.n.target", "no target"},

		{"nothing it aims at", func(c *Config) { c.Params, c.Run = nil, []string{"/usr/local/bin/rotate"} }, "mends.services", "aims at anything"},
		{"it aims at nothing", unit(Param{Enum: []string{"a"}, Target: TargetNone}), "mends.services", "aims at anything"},
		{"it only looks at what it aims at", func(c *Config) { c.Check, c.Run = []string{"look", "{unit}"}, []string{"rotate"} }, "mends.services", "aims at anything"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ps := restart(tc.change).Validate()
			want := strings.ReplaceAll(tc.path, "[2+1]", "[3]")
			for _, p := range ps {
				if p.Path == want && strings.Contains(p.Message+"\n"+p.Hint, tc.says) {
					if len(ps) > 1 && tc.name != "many arguments" {
						t.Errorf("more than one problem: %v", ps)
					}
					return
				}
			}
			t.Errorf("no problem at %s that says %q in %v", want, tc.says, ps)
		})
	}
}

func TestValidateSound(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"braces":              func(c *Config) { c.Run = []string{"docker", "ps", "--format={{{{.Names}}}}", "{unit}"} },
		"a script's argument": func(c *Config) { c.Run = []string{"sh", "-c", `systemctl restart "$1"`, "sh", "{unit}"} },
		"a script's file":     func(c *Config) { c.Run = []string{"python3", "/opt/a.py", "{unit}"} },
		"ssh and an enum":     func(c *Config) { c.Run = []string{"ssh", "db", "systemctl restart {unit}"} },
		"sudo":                func(c *Config) { c.Run = []string{"sudo", "-n", "systemctl", "restart", "{unit}"} },
		"services":            func(c *Config) { c.Params, c.Run, c.Mends.Services = nil, []string{"rotate"}, []string{"api"} },
		"an undo":             func(c *Config) { c.Reversible, c.Undo = true, []string{"systemctl", "stop", "{unit}"} },
		"an option by enum": func(c *Config) {
			c.Params["how"] = Param{Enum: []string{"--fast"}, Target: TargetNone}
			c.Run = append(c.Run, "{how}")
		},
	} {
		if ps := restart(change).Validate(); len(ps) > 0 {
			t.Errorf("%s: %v", name, ps)
		}
	}
}

func TestTargetIsFoundOut(t *testing.T) {
	for _, tc := range []struct {
		p    Param
		want string
	}{
		{Param{Enum: []string{"api.service", "a@1.timer"}}, incident.TiedUnit},
		{Param{Enum: []string{"api"}}, incident.TiedService},
		{Param{Enum: []string{"api"}, Target: incident.TiedContainer}, incident.TiedContainer},
		{Param{Enum: []string{"api"}, Target: TargetNone}, TargetNone},
		{Param{Pattern: `worker@[0-9]+\.service`}, incident.TiedUnit},
		{Param{Pattern: `^worker@[0-9]+\.(?:service|timer)$`}, incident.TiedUnit},
		{Param{Pattern: `(worker|api)\.service`}, incident.TiedUnit},
		{Param{Pattern: `api|worker`}, incident.TiedService},
		{Param{Pattern: `web[0-9]+`, Target: incident.TiedHost}, incident.TiedHost},
		{Param{Min: number(1), Max: number(2)}, TargetNone},
	} {
		e, ps := read(restart(func(c *Config) {
			c.Params["x"] = tc.p
			c.Run = append(c.Run, "{x}")
		}))
		if got := e.params["x"].target; got != tc.want || len(ps) > 0 {
			t.Errorf("%+v aims at %q, want %q (%v)", tc.p, got, tc.want, ps)
		}
	}
}

func TestNewNamesPlaces(t *testing.T) {
	c, ps := New([]Config{
		restart(), restart(func(c *Config) {
			c.Name = "other"
			c.Mends.Services = []string{"apo"}
			c.Mends.Signatures = []string{"x"}
		}), restart(),
	}, CatalogueOptions{Services: []string{"api"}, Signatures: []string{"oom"}})
	if c != nil || len(ps) != 3 {
		t.Fatalf("%v, %v", c, ps)
	}
	for i, want := range []incident.Problem{
		{Path: "[1].mends.services[0]", Message: `there is no service "apo"`, Hint: `did you mean "api"?`},
		{Path: "[1].mends.signatures[0]", Message: `there is no signature "x"`},
		{Path: "[2].name", Message: `there are two remediations named "restart"`, Hint: "rules, limits and approvals know a remediation by its name"},
	} {
		if ps[i] != want {
			t.Errorf("%+v, want %+v", ps[i], want)
		}
	}
	if c, ps := New(nil, CatalogueOptions{}); c == nil || len(ps) > 0 || len(c.Options(nil)) > 0 {
		t.Error("no remediations are a catalogue too")
	}
}
