package agent

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/logwright/logwright/agent/config"
)

// TestAccuracyOfRawLogs reads whole labelled logs as `explain` does, headers and all, where LOGWRIGHT_SHARED names a folder that
// has some (they are for research, and none of this repository's), and grades the clusters: GA is the share of lines in a group
// that is exactly that of one label, FGA the F1 of such groups. agent/cluster grades the clusterer alone.
func TestAccuracyOfRawLogs(t *testing.T) {
	dir := os.Getenv("LOGWRIGHT_SHARED")
	if dir == "" {
		t.Skip("LOGWRIGHT_SHARED is not set: there is nothing to measure with")
	}
	files, err := filepath.Glob(filepath.Join(dir, "loghub", "*", "*_2k.log_structured_corrected.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("LOGWRIGHT_SHARED is set, but there is no labelled log: %v", err)
	}
	var ga, fga float64
	for _, file := range files {
		labels := labelsOf(t, file)
		ids := make([]string, len(labels))
		o := OneShot{Config: config.Default(), Files: []string{file[:len(file)-len("_structured_corrected.csv")]}}
		if err := o.Explain(t.Context(), func(x Explained) error {
			for n := x.Record.FirstLine; n <= x.Record.LastLine; n++ {
				if n < 1 || int(n) > len(ids) || ids[n-1] != "" {
					t.Errorf("%s: line %d is in two events, or does not exist", file, n)
					continue
				}
				ids[n-1] = x.Cluster
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n := slices.Index(ids, ""); n >= 0 {
			t.Errorf("%s: line %d is in no event", file, n+1)
		}
		a, f := grade(ids, labels)
		t.Logf("%-12s GA %.4f FGA %.4f", filepath.Base(filepath.Dir(file)), a, f)
		ga, fga = ga+a/float64(len(files)), fga+f/float64(len(files))
	}
	t.Logf("%-12s GA %.4f FGA %.4f", "average", ga, fga)
	if ga < 0.985 || fga < 0.96 {
		t.Error("it was better: GA 0.988, FGA 0.971")
	}
}

func labelsOf(t *testing.T, file string) (labels []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	label := slices.Index(rows[0], "EventTemplate")
	for _, row := range rows[1:] {
		labels = append(labels, row[label])
	}
	return labels
}

// grade gives GA and FGA of clusters, compared with labels.
func grade(ids, labels []string) (ga, fga float64) {
	size, of := map[string]int{}, map[string]map[string]int{}
	for i, label := range labels {
		size[label]++
		if of[ids[i]] == nil {
			of[ids[i]] = map[string]int{}
		}
		of[ids[i]][label]++
	}
	groups, lines := 0, 0
	for _, m := range of {
		for label, n := range m {
			if len(m) == 1 && n == size[label] {
				groups++
				lines += n
			}
		}
	}
	return float64(lines) / float64(len(labels)), 2 * float64(groups) / float64(len(of)+len(size))
}
