package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

// report is what a run found.
type report struct {
	Machine machine
	Results []result
}

// result is one figure: a ratio to its baseline where it has one. Min and Max
// are those of the ratio then, else of the value.
type result struct {
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

// spread is the median and the extremes.
func spread(values []float64) (median, least, most float64) {
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

// save writes the list of results; what the machine is like stands in the table.
func (r report) save(path string) error {
	b, err := json.MarshalIndent(r.Results, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}

func (r report) print(w io.Writer, path string) error {
	m := r.Machine
	_, err := fmt.Fprintf(w, "\n%d cores   fsync p50 %.2f ms, p99 %.2f ms   %s   Postgres %s   sarama %s   broker: kfake, every write synced   load average before: %s\n"+
		"Absolute numbers are this machine's at this moment: compare ratios.\n\n",
		m.Cores, m.FsyncP50, m.FsyncP99, m.Go, m.Postgres, m.Sarama, m.Load)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "id\tratio\tmin - max\tgoal\tvalue\tbaseline\truns\twhat")
	for _, x := range r.Results {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%.3f - %.3f\t%s\t%.*f %s\t%s\t%d\t%s\n",
			x.ID, orDash(x.Ratio, "%.3f"), x.Min, x.Max, x.goal(), digits(x.Value), x.Value, x.Unit, orDash(x.BaselineValue, "%.0f "+x.Unit), x.Runs, x.What+x.over())
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nwritten to %s\n", path)
	return err
}

func (x result) goal() string {
	switch {
	case x.Goal == 0:
		return "-"
	case x.Better == "lower":
		return fmt.Sprintf("<= %g", x.Goal)
	}
	return fmt.Sprintf(">= %g", x.Goal)
}

func (x result) over() string {
	if x.Baseline == "" {
		return ""
	}
	return " / " + x.Baseline
}

func digits(v float64) int {
	if v < 100 {
		return 2
	}
	return 0
}

func orDash(v float64, format string) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}
