package report_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/bench/report"
)

// TestTheRatioIsTheMedianOfThePairs: not the ratio of two medians, which may stem
// from different moments of the machine.
func TestTheRatioIsTheMedianOfThePairs(t *testing.T) {
	t.Parallel()
	got := report.Result{ID: "P0", Goal: 0.5, Better: report.Higher}.Ratios([]report.Pair{{10, 100}, {30, 60}, {20, 20}})
	want := report.Result{ID: "P0", Goal: 0.5, Better: report.Higher, Ratio: 0.5, Min: 0.1, Max: 1, Value: 20, BaselineValue: 60, Runs: 3}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want []float64 }{
		{nil, []float64{0, 0, 0}},
		{[]float64{3, 1, 2}, []float64{2, 1, 3}},
		{[]float64{4, 1, 2, 3}, []float64{2.5, 1, 4}},
	} {
		m, least, most := report.Spread(c.in)
		if d := cmp.Diff(c.want, []float64{m, least, most}); d != "" {
			t.Error(d)
		}
	}
}

// TestResultsAreAListOfRows with the members that others read.
func TestResultsAreAListOfRows(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bench", "results.json")
	r := report.Report{Results: []report.Result{
		report.Result{ID: "P0", What: "work", Goal: 2, Better: report.Lower, Unit: "ms", Baseline: "bare work"}.Ratios([]report.Pair{{3, 2}}),
		report.Result{ID: "P00", What: "cost", Better: report.Lower, Unit: "s"}.Values([]float64{1}),
	}, LeftOut: []string{"P000: there is none"}, Notes: []string{"it rained"}}
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"id": "P0", "what": "work", "ratio": 1.5, "goal": 2., "better": "lower", "value": 3., "unit": "ms", "baseline": "bare work", "baseline_value": 2., "runs": 1., "min": 1.5, "max": 1.5},
		{"id": "P00", "what": "cost", "better": "lower", "value": 1., "unit": "s", "runs": 1., "min": 1., "max": 1.},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	var table strings.Builder
	if err := r.Print(&table); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"left out: P000: there is none", "note: it rained", "work / bare work", "<= 2"} {
		if !strings.Contains(table.String(), line) {
			t.Errorf("the table does not say %q:\n%s", line, table.String())
		}
	}
}

// TestARunKeepsTheRowsOfOthers: what it measured stands once, as it is now.
func TestARunKeepsTheRowsOfOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "results.json")
	for _, run := range [][]report.Result{{{ID: "P1", Value: 1}, {ID: "P2", Value: 2}}, {{ID: "P3", Value: 3}, {ID: "P1", Value: 4}}} {
		if err := (report.Report{Results: run}).Save(path); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []report.Result
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]report.Result{{ID: "P2", Value: 2}, {ID: "P3", Value: 3}, {ID: "P1", Value: 4}}, got); d != "" {
		t.Error(d)
	}
}
