package main

import (
	"context"
	"fmt"
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

// figure is a row that is measured beside a baseline, and what else its
// measurements say.
type figure struct {
	row     report.Result
	measure measure
	also    func(of []twin) []report.Result
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

// compare measures the pairs in turns.
func (b *bench) compare(ctx context.Context, database string, all []comparison) ([]report.Result, error) {
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

func (c comparison) pair(ctx context.Context, length time.Duration) ([]twin, error) {
	base, err := c.baseline(ctx, length)
	if err != nil {
		return nil, fmt.Errorf("baseline of %s: %w", c.name, err)
	}
	out := make([]twin, len(c.figures))
	for i, f := range c.figures {
		out[i].baseline = base
		if out[i].figure, err = f.measure(ctx, length); err != nil {
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
		if f.also != nil {
			out = append(out, f.also(of)...)
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
