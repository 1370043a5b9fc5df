package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// Report is what a run found.
type Report struct {
	Machine Machine
	Results []Result
	// LeftOut are the rows that could not be measured here, and why.
	LeftOut []string
	// Notes are what a reader of the table must know.
	Notes []string
}

// Result is one row: a ratio to its baseline where it has one. Min and Max are
// those of the ratio then, else of the value.
type Result struct {
	ID            string  `json:"id"`
	What          string  `json:"what"`
	Ratio         float64 `json:"ratio,omitempty"`
	Goal          float64 `json:"goal,omitempty"`
	Better        string  `json:"better"`
	Value         float64 `json:"value"`
	Unit          string  `json:"unit"`
	Baseline      string  `json:"baseline,omitempty"`
	BaselineValue float64 `json:"baseline_value,omitempty"`
	Runs          int     `json:"runs"`
	Min           float64 `json:"min"`
	Max           float64 `json:"max"`
}

// What is better.
const (
	Lower  = "lower"
	Higher = "higher"
)

// Pair is what was measured of a row and, seconds apart, of its baseline.
type Pair struct{ Value, Baseline float64 }

// Ratios fills a row from its pairs: the median of their ratios, not the ratio of
// medians, because the machine is another one each time.
func (r Result) Ratios(pairs []Pair) Result {
	var ratios, values, baselines []float64
	for _, p := range pairs {
		ratios, values, baselines = append(ratios, p.Value/p.Baseline), append(values, p.Value), append(baselines, p.Baseline)
	}
	r.Runs = len(pairs)
	r.Ratio, r.Min, r.Max = Spread(ratios)
	r.Value, r.BaselineValue = Median(values), Median(baselines)
	return r
}

// Values fills a row without a baseline.
func (r Result) Values(values []float64) Result {
	r.Runs = len(values)
	r.Value, r.Min, r.Max = Spread(values)
	return r
}

// Spread is the median and the extremes.
func Spread(values []float64) (median, least, most float64) {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0, 0, 0
	}
	middle := sorted[len(sorted)/2]
	if len(sorted)%2 == 0 {
		middle = (middle + sorted[len(sorted)/2-1]) / 2
	}
	return middle, sorted[0], sorted[len(sorted)-1]
}

// Median is the middle value.
func Median(values []float64) float64 {
	m, _, _ := Spread(values)
	return m
}

// Save writes the list of results; what the machine is like stands in the table. Rows
// of the file that this run did not measure stay, in front.
func (r Report) Save(path string) error {
	before, err := read(path)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(before, func(old Result) bool {
		return slices.ContainsFunc(r.Results, func(x Result) bool { return x.ID == old.ID })
	})
	b, err := json.MarshalIndent(append(kept, r.Results...), "", "  ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}

func read(path string) (out []Result, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // where the caller writes
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("read the results that are there: %w", err)
	}
	return out, nil
}

// Print writes the table.
func (r Report) Print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "\n%s\nAbsolute numbers are this machine's at this moment: compare ratios.\n\n", r.Machine); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "id\tratio\tmin - max\tgoal\tvalue\tbaseline\truns\twhat")
	for _, x := range r.Results {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%.3f - %.3f\t%s\t%s %s\t%s\t%d\t%s\n",
			x.ID, orDash(x.Ratio, fmt.Sprintf("%.3f", x.Ratio)), x.Min, x.Max, x.goal(), short(x.Value), x.Unit,
			orDash(x.BaselineValue, short(x.BaselineValue)+" "+x.Unit), x.Runs, x.What+x.over())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, note := range r.Notes {
		if _, err := fmt.Fprintln(w, "note:", note); err != nil {
			return err
		}
	}
	for _, why := range r.LeftOut {
		if _, err := fmt.Fprintln(w, "left out:", why); err != nil {
			return err
		}
	}
	return nil
}

func (r Result) goal() string {
	switch {
	case r.Goal == 0:
		return "-"
	case r.Better == Lower:
		return fmt.Sprintf("<= %g", r.Goal)
	}
	return fmt.Sprintf(">= %g", r.Goal)
}

func (r Result) over() string {
	if r.Baseline == "" {
		return ""
	}
	return " / " + r.Baseline
}

// short has three digits or more.
func short(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

func orDash(v float64, text string) string {
	if v == 0 {
		return "-"
	}
	return text
}
