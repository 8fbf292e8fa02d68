package cluster

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// sharedEnv names a folder that has labelled logs as loghub/NAME/NAME_2k.log_structured_corrected.csv. It is not part of
// this repository: the logs are for research and are measured with, not shipped.
const sharedEnv = "LOGWRIGHT_SHARED"

// labelled is one log with the template that people gave each of its lines.
type labelled struct {
	name            string
	lines, template []string
}

func labelledLogs(t testing.TB) []labelled {
	t.Helper()
	dir := os.Getenv(sharedEnv)
	if dir == "" {
		t.Skip(sharedEnv + " is not set: there is nothing to measure with")
	}
	files, err := filepath.Glob(filepath.Join(dir, "loghub", "*", "*_2k.log_structured_corrected.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s is set, but there is no labelled log: %v", sharedEnv, err)
	}
	slices.Sort(files)
	var out []labelled
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		text, label := slices.Index(rows[0], "Content"), slices.Index(rows[0], "EventTemplate")
		l := labelled{name: filepath.Base(filepath.Dir(file))}
		for _, row := range rows[1:] {
			l.lines, l.template = append(l.lines, row[text]), append(l.template, row[label])
		}
		out = append(out, l)
	}
	return out
}

// grades are the measures of the literature, each 0 to 1. A group is right if its lines are exactly those of one label; a
// template is right if every line it was given to has it as its label.
type grades struct {
	ga  float64 // share of lines in a right group
	fga float64 // F1 of right groups
	fta float64 // F1 of right templates
}

func f1(right, got, want int) float64 {
	if right == 0 {
		return 0
	}
	p, r := float64(right)/float64(got), float64(right)/float64(want)
	return 2 * p * r / (p + r)
}

// grade compares the clusters and templates of lines with their labels.
func grade(ids, templates, labels []string) grades {
	size, of, groups := map[string]int{}, map[string]map[string]int{}, map[string]map[string]bool{}
	for i, label := range labels {
		size[label]++
		if of[ids[i]] == nil {
			of[ids[i]] = map[string]int{}
		}
		of[ids[i]][label]++
		if groups[templates[i]] == nil {
			groups[templates[i]] = map[string]bool{}
		}
		groups[templates[i]][label] = true
	}
	right, lines := 0, 0
	for _, m := range of {
		for label, n := range m {
			if len(m) == 1 && n == size[label] {
				right++
				lines += n
			}
		}
	}
	same := 0
	for t, g := range groups {
		if len(g) == 1 && g[t] {
			same++
		}
	}
	return grades{ga: float64(lines) / float64(len(labels)), fga: f1(right, len(of), len(size)), fta: f1(same, len(groups), len(size))}
}

// placed puts lines through a Clusterer and gives what it says of each of them in the end.
func placed(t testing.TB, lines []string) (ids, templates []string) {
	c := mustNew(t, Config{})
	refs := make([]Ref, len(lines))
	for i, l := range lines {
		refs[i] = add(c, l).Ref
	}
	for _, ref := range refs {
		id := c.Resolve(ref)
		ids, templates = append(ids, id), append(templates, c.Template(id))
	}
	return ids, templates
}

func TestAccuracy(t *testing.T) {
	var sum grades
	logs := labelledLogs(t)
	for _, l := range logs {
		ids, templates := placed(t, l.lines)
		g := grade(ids, templates, l.template)
		t.Logf("%-12s GA %.4f FGA %.4f FTA %.4f", l.name, g.ga, g.fga, g.fta)
		sum.ga, sum.fga, sum.fta = sum.ga+g.ga, sum.fga+g.fga, sum.fta+g.fta
	}
	n := float64(len(logs))
	t.Logf("%-12s GA %.4f FGA %.4f FTA %.4f", "average", sum.ga/n, sum.fga/n, sum.fta/n)
	if sum.ga/n < 0.985 || sum.fga/n < 0.96 || sum.fta/n < 0.72 {
		t.Error("it was better: GA 0.988, FGA 0.972, FTA 0.751")
	}
}
