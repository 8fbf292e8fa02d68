package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expr-lang/expr/builtin"

	"github.com/logwright/logwright/agent/incident"
)

func TestConditions(t *testing.T) {
	for when, want := range map[string][2]bool{ // of the remediation, of the pull request
		`true`:                                         {true, true},
		`kind == "remediation"`:                        {true, false},
		`kind == "pull-request" && verified`:           {false, true},
		`action == "restart" and risk == "low"`:        {true, false},
		`action in ["restart", "pull-request"]`:        {true, true},
		`kind not in ["remediation"]`:                  {false, true},
		`service matches "^(api|web)$"`:                {false, true},
		`at_least("fatal")`:                            {false, true},
		`at_least("error")`:                            {true, true},
		`!at_least("trace")`:                           {false, false},
		`severity == "error"`:                          {true, false},
		`offline`:                                      {true, false},
		`source == "some-model"`:                       {false, true},
		`confidence >= 0.85`:                           {false, true},
		`1 < events < 5`:                               {false, true},
		`episode > 1`:                                  {true, false},
		`incident == cluster + ".2"`:                   {true, false},
		`args.unit == "worker.service"`:                {true, false},
		`args["unit"] endsWith ".service"`:             {true, false},
		`args.nothing == ""`:                           {true, true},
		`"unit" in args`:                               {true, false},
		`"unit=worker.service" in targets`:             {true, false},
		`reversible`:                                   {true, false},
		`all(files, # startsWith "api/")`:              {true, false}, // of nothing, all
		`len(files) > 0 && any(files, # contains "_")`: {false, true},
		`count(files, hasPrefix(#, "tests/")) == tests && tests > 0`:                      {false, true},
		`added + removed < 10 && added > 0`:                                               {false, true},
		`rounds == 1 && reproduced`:                                                       {false, true},
		`trigger == "new" ? category == "resource-exhaustion" : fix_kind == "code-patch"`: {true, true},
		`flagged`: {false, false},
		`if kind == "remediation" { risk != "high" } else { verified }`: {true, true},
	} {
		c, ps := compile(when, closed([]string{"restart"}))
		if len(ps) > 0 {
			t.Errorf("%s: %+v", when, ps)
			continue
		}
		for i, pr := range []incident.Proposal{remediation(), pullRequest()} {
			if got, err := c.holds(environment(values(&pr))); err != nil || got != want[i] {
				t.Errorf("%s of the %s: %v, %v", when, pr.Kind, got, err)
			}
		}
	}
}

// What an operator reads of a condition that is refused.
func TestConditionProblems(t *testing.T) {
	var b strings.Builder
	for _, when := range []string{
		`kind == "pull-request" && verifed && !flagged`, "verified\n  && verifed", `kind == "pull-reqest"`, `"remedation" != kind`,
		`severity in ["error", "fatl"]`, `action == "restrat"`, `category == "bug"`, `risk == "lo"`, `trigger == "always"`,
		`fix_kind in ["reboot"]`, `at_least("eror")`, `at_least(severity)`, `at_least()`, `at_least`, `severity >= "error"`,
		`"a" < lower(service)`, `any(files, # > "a")`, `args.a + "x" >= args.b`, `confidence > 80`, `90.5 <= confidence`, `confidence`, `kind`, `events`, `files`,
		`verified == "true"`, `events == "3"`, `severity in [1, 2]`, `severity in ["error", 2]`, `service in [lower("A")]`,
		`args.unit.foo == "x"`, `verified.x`, `files contains "a"`, `kind + 1 == "x"`, `len(3) > 1`, `len() > 1`,
		`now() > 3`, `now().Hour() > 3`, `date("2026-01-01") < now()`, `duration("1h") == 3`, `timezone("UTC") == 1`, `repeat("a", 1000000) == "a"`,
		`any(1..100000, # == 3)`, `any(files, any(files, # == "x"))`, `count(files, len(files) > 3 && all(targets, # == "")) > 1`,
		`let a = service + service; a == ""`, `true; true`, `files[0:2] == files`, `{"a": 1}.a == 1`, `b"x" == b"x"`, `nil == kind`,
		`args?.unit == "x"`, `kind ?? "x" == "x"`, `2 ** 3 == 8`, `kind.Foo()`, `$env.kind == "x"`, `all(files, #index > 3)`, `any(files, .x)`, `#`,
		`service matches "("`, `service matches kind`, `reduce(files, # == "x")`, `filter(files, true) == files`, `hasSufix(service, "x")`,
		`verified &&`, `(verified`, `kind = "x"`, `verified verified`, `'a`, ``, "  \n", "\xff", strings.Repeat("(", 5000), strings.Repeat("!", 3000) + "verified",
		"kind == \"\x1b[31m\"",
	} {
		c, ps := compile(when, closed([]string{"restart"}))
		if len(ps) == 0 {
			t.Errorf("%s was taken: %+v", when, c)
		}
		if len(when) > 80 {
			when = when[:20] + "…"
		}
		fmt.Fprintf(&b, "%q\n", when)
		for _, p := range ps {
			fmt.Fprintf(&b, "  %s: %s\n", p.Path, p.Message)
			if p.Hint != "" {
				fmt.Fprintf(&b, "    %s\n", p.Hint)
			}
		}
	}
	golden(t, "conditions.golden", b.String())
}

// Each builtin of the library that is not listed is unknown, those of versions to come too.
func TestBuiltinsAreListed(t *testing.T) {
	refused := 0
	for name := range builtin.Index {
		ok := false
		for _, when := range []string{name + `(service) == service`, name + `() == 1`, name + `(files, # == "a") == true`, `service | ` + name + `() == service`} {
			_, ps := compile(when, nil)
			ok = ok || len(ps) == 0
			for _, p := range ps {
				if strings.HasPrefix(p.Message, "unknown function") {
					refused++
				}
			}
		}
		listed := false
		for _, f := range functions {
			listed = listed || f == name
		}
		if ok && !listed {
			t.Errorf("%s can be called and is not listed", name)
		}
	}
	if refused < 100 {
		t.Errorf("only %d calls were refused: what was tried?", refused)
	}
}

func TestConditionFailsAtRunTime(t *testing.T) {
	for when, want := range map[string]string{
		`events % added == 1`: "runtime error: integer divide by zero",
		`files[0] == "x"`:     "index out of range: 0 (array length is 0)",
	} {
		c, ps := compile(when, nil)
		if len(ps) > 0 {
			t.Fatal(ps)
		}
		pr := remediation()
		if yes, err := c.holds(environment(values(&pr))); yes || err == nil || err.Error() != want {
			t.Errorf("%s: %v, %v", when, yes, err)
		}
	}
	if yes, err := (&condition{}).holds(nil); yes || err == nil {
		t.Errorf("no program: %v, %v", yes, err)
	}
}

// Every variable is documented, with the type that it has.
func TestVariables(t *testing.T) {
	pr := incident.Proposal{}
	have := values(&pr)
	for _, v := range Variables() {
		typ := map[string]string{
			"string": typeString, "int": typeInt, "float64": typeFloat, "bool": typeBool, "[]string": typeStrings,
			"map[string]string": typeMap,
		}[fmt.Sprintf("%T", have[v.Name])]
		if typ != v.Type || v.Meaning == "" {
			t.Errorf("%s is said to be %s and is %T", v.Name, v.Type, have[v.Name])
		}
		delete(have, v.Name)
	}
	if len(have) > 0 {
		t.Errorf("not documented: %v", have)
	}
}
