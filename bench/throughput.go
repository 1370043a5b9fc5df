package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/duolog/duolog/bench/baseline"
	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
)

const fewConnections, manyConnections = 32, 256

// throughput measures what closed loops reach.
func (b *bench) throughput(ctx context.Context) (out []report.Result, err error) {
	f, err := b.fleet(ctx, 1, lab.FleetConfig{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return b.compareAll(ctx, f, []part{{[]string{"P2a"}, b.taken}, {[]string{"P2b", "P12"}, b.shown}, {[]string{"P3a", "P3b", "P12-2k"}, b.small}})
}

// small are the posts of 2 KB beside single inserts of 2 KB.
func (b *bench) small(ctx context.Context, f *lab.Fleet) ([]comparison, func(), error) {
	database, err := b.lab.Database(ctx)
	if err != nil {
		return nil, nil, err
	}
	inserts, err := baseline.NewInserter(ctx, database, b.lab.Dir, b.texts)
	if err != nil {
		return nil, nil, err
	}
	shape := load.Shape{State: load.Small, New: load.Small}
	few, err := b.agents(ctx, f, fewConnections, shape)
	if err != nil {
		return nil, inserts.Close, err
	}
	many, err := b.agents(ctx, f, manyConnections, shape)
	if err != nil {
		return nil, inserts.Close, err
	}
	base := func(ctx context.Context, length time.Duration) (s sample, err error) {
		s.value, err = inserts.Rate(ctx, length, b.now)
		return s, err
	}
	what := inserts.How + " single INSERT of 2 KB, synchronous_commit on, 32 clients"
	return []comparison{
		{name: "P3a", length: b.length, baseline: base, figures: []figure{{
			row:     report.Result{ID: "P3a", What: "visible POSTs/s of 2 KB, 32 connections", Goal: 0.2, Better: report.Higher, Unit: "/s", Baseline: what},
			measure: b.flood("P3a", f, few),
		}}},
		{name: "P3b", length: b.length, baseline: base, figures: []figure{{
			row:     report.Result{ID: "P3b", What: "visible POSTs/s of 2 KB, 256 connections", Goal: 0.4, Better: report.Higher, Unit: "/s", Baseline: what},
			measure: b.flood("P3b", f, many),
			costs:   "P12-2k", what: "visible checkpoints of 2 KB, 256 connections",
		}}},
	}, inserts.Close, nil
}

// taken are the posts of 20 KB that are answered when the command stands in the
// inbox, beside bare produces. What was taken is carried out before anything else
// is measured.
func (b *bench) taken(ctx context.Context, f *lab.Fleet) ([]comparison, func(), error) {
	raw, err := baseline.NewProducer(f.Broker.Address, load.Large, b.texts)
	if err != nil {
		return nil, nil, err
	}
	done := func() { _ = raw.Close() }
	agents, err := b.agents(ctx, f, fewConnections, load.Shape{State: load.Large, New: load.Large, Async: true})
	if err != nil {
		return nil, done, err
	}
	flood := b.flood("P2a", f, agents)
	return []comparison{{name: "P2a", length: b.length, figures: []figure{{
		row: report.Result{
			ID: "P2a", What: "accepted POSTs/s of 20 KB, all new, 32 connections", Goal: 0.3, Better: report.Higher, Unit: "/s",
			Baseline: "raw sarama sync produce of 20 KB, 32 callers, 4 partitions with a producer each",
		},
		measure: func(ctx context.Context, length time.Duration) (sample, error) {
			s, err := flood(ctx, length)
			return s, errors.Join(err, f.Drained(ctx))
		},
	}}, baseline: func(ctx context.Context, length time.Duration) (sample, error) {
		c, err := load.Closed(ctx, length, b.now, raw.Callers())
		return sample{value: c.Rate()}, errors.Join(err, raw.Empty())
	}}}, done, nil
}

// shown are the posts of 20 KB that are answered when they are visible, beside bare
// inserts of the rows that hold their bytes.
func (b *bench) shown(ctx context.Context, f *lab.Fleet) ([]comparison, func(), error) {
	agents, err := b.agents(ctx, f, fewConnections, load.Shape{State: load.Large, New: load.Large})
	if err != nil {
		return nil, nil, err
	}
	bare, err := b.bareRows(ctx, f, agents)
	if err != nil {
		return nil, nil, err
	}
	flood := b.flood("P2b", f, agents)
	return []comparison{{name: "P2b", length: b.length, baseline: bare.measure, figures: []figure{{
		row: report.Result{
			ID: "P2b", What: "visible POSTs/s of 20 KB, all new, 32 connections", Goal: 0.3, Better: report.Higher, Unit: "/s",
			Baseline: "bare unnest inserts of their rows in commits and blobs into copies with all indexes, 4 connections, in the product's batches",
		},
		measure: func(ctx context.Context, length time.Duration) (sample, error) {
			before, err := f.Batches(ctx)
			if err != nil {
				return sample{}, err
			}
			s, err := flood(ctx, length)
			if err != nil {
				return s, err
			}
			after, err := f.Batches(ctx)
			bare.size = int(math.Ceil(after.Mean(before)))
			b.say("P2b, the product wrote %.1f commits a transaction", after.Mean(before))
			return s, err
		},
		costs: "P12", what: "visible checkpoints of 20 KB, all new, 32 connections",
	}}}}, bare.close, nil
}
