package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/report"
)

// sample is what one measurement found.
type sample struct {
	// value is a rate, or a p50; p99 is beside a p50.
	value, p99 float64
	// cpu is what all processes used for done requests.
	cpu  lab.CPU
	done float64
}

// measure measures for about that long.
type measure func(ctx context.Context, length time.Duration) (sample, error)

// some measures longer where nothing was done in the time: on a machine that is busy
// with other work, a second may be over before the connections are made.
func (m measure) some(ctx context.Context, length time.Duration) (sample, error) {
	for range 4 {
		s, err := m(ctx, length)
		if err != nil || s.value > 0 {
			return s, err
		}
		length *= 2
	}
	return sample{}, errors.New("nothing was done in the time")
}

// figure is a row that is measured beside a baseline.
type figure struct {
	row     report.Result
	measure measure
	// p99 adds a row for the 99th percentiles.
	p99 bool
	// costs leads the rows about processor time per 1,000 of what; empty for none.
	costs, what string
}

// rows are the ids of all rows that a figure gives.
func (f figure) rows() []string {
	out := []string{f.row.ID}
	if f.costs != "" {
		out = append(out, f.costs)
	}
	return out
}

// twin is a figure and its baseline, seconds apart.
type twin struct{ figure, baseline sample }

// comparison is a baseline and the figures that stand beside it. A pair is one
// measurement of the baseline and one of each figure.
type comparison struct {
	name     string
	length   time.Duration
	baseline measure
	figures  []figure
}

// warmUp is how long each measurement runs before it counts: caches, connections,
// tables that are not empty.
const warmUp = 2 * time.Second

// part makes comparisons, for these rows, on a fleet. What it opened is closed by
// the function it returns.
type part struct {
	rows  []string
	build func(context.Context, *lab.Fleet) ([]comparison, func(), error)
}

// compareAll measures the parts that are wanted.
func (b *bench) compareAll(ctx context.Context, f *lab.Fleet, parts []part) ([]report.Result, error) {
	var all []comparison
	for _, p := range parts {
		if !slices.ContainsFunc(p.rows, b.wants) {
			continue
		}
		some, done, err := p.build(ctx, f)
		if done != nil {
			defer done()
		}
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return b.compare(ctx, f.Database, all)
}

// compare measures the pairs in turns.
func (b *bench) compare(ctx context.Context, database string, all []comparison) ([]report.Result, error) {
	all = b.wanted(all)
	b.say("warming up")
	for _, c := range all {
		if _, err := c.pair(ctx, min(c.length, warmUp)); err != nil {
			return nil, err
		}
	}
	if err := settle(ctx, database); err != nil {
		return nil, err
	}
	found := make([][][]twin, len(all)) // by comparison, pair, figure
	for n := range b.pairs {
		for i, c := range all {
			b.say("%s, pair %d of %d", c.name, n+1, b.pairs)
			twins, err := c.pair(ctx, c.length)
			if err != nil {
				return nil, err
			}
			found[i] = append(found[i], twins)
		}
	}
	var out []report.Result
	for i, c := range all {
		out = append(out, c.results(found[i])...)
	}
	return out, nil
}

// wanted leaves out the figures that nobody asked for.
func (b *bench) wanted(all []comparison) []comparison {
	var out []comparison
	for _, c := range all {
		c.figures = slices.DeleteFunc(c.figures, func(f figure) bool { return !slices.ContainsFunc(f.rows(), b.wants) })
		if len(c.figures) > 0 {
			out = append(out, c)
		}
	}
	return out
}

func (c comparison) pair(ctx context.Context, length time.Duration) ([]twin, error) {
	base, err := c.baseline.some(ctx, length)
	if err != nil {
		return nil, fmt.Errorf("baseline of %s: %w", c.name, err)
	}
	out := make([]twin, len(c.figures))
	for i, f := range c.figures {
		out[i].baseline = base
		if out[i].figure, err = f.measure.some(ctx, length); err != nil {
			return nil, fmt.Errorf("%s: %w", f.row.ID, err)
		}
	}
	return out, nil
}

func (c comparison) results(pairs [][]twin) []report.Result {
	var out []report.Result
	for i, f := range c.figures {
		var of []twin
		for _, p := range pairs {
			of = append(of, p[i])
		}
		out = append(out, ratios(f.row, of, func(s sample) float64 { return s.value }))
		if f.p99 {
			out = append(out, ratios(f.beside(), of, func(s sample) float64 { return s.p99 }))
		}
		if f.costs != "" {
			out = append(out, f.costsOf(of)...)
		}
	}
	return out
}

func ratios(row report.Result, of []twin, value func(sample) float64) report.Result {
	pairs := make([]report.Pair, len(of))
	for i, t := range of {
		pairs[i] = report.Pair{Value: value(t.figure), Baseline: value(t.baseline)}
	}
	return row.Ratios(pairs)
}

// beside is the row of the 99th percentiles, which has no goal.
func (f figure) beside() report.Result {
	row := f.row
	row.ID, row.Goal, row.What = row.ID+"-p99", 0, strings.Replace(row.What, "p50", "p99", 1)
	row.Baseline = strings.ReplaceAll(row.Baseline, "p50", "p99")
	return row
}

// costsOf are the processor time of a figure's measurements, in all and by part.
func (f figure) costsOf(of []twin) []report.Result {
	row := func(suffix, whose string, part func(lab.CPU) float64) report.Result {
		var values []float64
		for _, t := range of {
			values = append(values, part(t.figure.cpu)/t.figure.done*1000)
		}
		return report.Result{ID: f.costs + suffix, What: "CPU-seconds per 1,000 " + f.what + ", " + whose, Better: report.Lower, Unit: "s"}.Values(values)
	}
	return []report.Result{
		row("", "all processes", lab.CPU.Total),
		row("-product", "the product", func(c lab.CPU) float64 { return c.Product }),
		row("-postgres", "Postgres", func(c lab.CPU) float64 { return c.Postgres }),
		row("-broker", "the broker", func(c lab.CPU) float64 { return c.Broker }),
	}
}

// settle gives Postgres the statistics that autovacuum would gather within the
// first minute of a new database: until then it plans for empty tables.
func settle(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is under way
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return fmt.Errorf("gather statistics: %w", err)
	}
	return nil
}
