package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/duolog/duolog/bench/baseline"
	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
)

// bareRows inserts what the product inserted.
type bareRows struct {
	bench  *bench
	unnest *baseline.Unnest
	sets   []*baseline.Rows
	// size is how many commits the product's transactions had.
	size int
}

const sampled = 512

// bareRows lets the agents post for a moment, takes the rows that hold their bytes,
// and looks how many commits the product wrote at once.
func (b *bench) bareRows(ctx context.Context, f *lab.Fleet, agents []*load.Agent) (*bareRows, error) {
	before, err := f.Batches(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := b.flood("P2b-rows", f, agents)(ctx, warmUp); err != nil {
		return nil, err
	}
	after, err := f.Batches(ctx)
	if err != nil {
		return nil, err
	}
	r := &bareRows{bench: b, size: int(math.Ceil(after.Mean(before)))}
	if r.unnest, err = baseline.NewUnnest(ctx, f.Database, lab.Partitions, "commits", "blobs"); err != nil {
		return nil, err
	}
	for _, of := range []struct{ table, which string }{
		{"commits", `WHERE stream IN (SELECT stream FROM blobs WHERE length(data) > $1) AND length(record) < $1 ORDER BY "offset" DESC LIMIT $2`},
		{"blobs", `WHERE length(data) > $1 LIMIT $2`},
	} {
		rows, err := baseline.Select(ctx, r.unnest.Pool(), of.table, of.which, load.Large/2, sampled)
		if err != nil {
			r.close()
			return nil, err
		}
		if rows.Len() == 0 {
			r.close()
			return nil, fmt.Errorf("there are no %s of 20 KB", of.table)
		}
		r.sets = append(r.sets, rows)
	}
	return r, nil
}

func (r *bareRows) close() { r.unnest.Close() }

func (r *bareRows) measure(ctx context.Context, length time.Duration) (s sample, err error) {
	s.value, err = r.unnest.Rate(ctx, r.sets, lab.Partitions, r.size, length, r.bench.now)
	return s, err
}
