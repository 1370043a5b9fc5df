package main

import (
	"context"
	"errors"
	"time"

	"github.com/duolog/duolog/bench/baseline"
	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
)

// latency measures how long posts take at a fixed rate.
func (b *bench) latency(ctx context.Context) (out []report.Result, err error) {
	f, err := b.fleet(ctx, 1, lab.FleetConfig{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return b.compareAll(ctx, f, []part{{[]string{"P1a", "P1b"}, b.steps20}, {[]string{"P7"}, b.fresh}})
}

// steps20 are posts of 20 KB of state of which 2 KB are new, taken and visible,
// beside bare produces of 20 KB.
func (b *bench) steps20(ctx context.Context, f *lab.Fleet) ([]comparison, func(), error) {
	raw, err := baseline.NewProducer(f.Broker.Address, load.Large, b.texts)
	if err != nil {
		return nil, nil, err
	}
	done := func() { _ = raw.Close() }
	shape := load.Shape{State: load.Large, New: load.Small}
	visible, err := b.agents(ctx, f, atOnce, shape)
	if err != nil {
		return nil, done, err
	}
	shape.Async = true
	taken, err := b.agents(ctx, f, atOnce, shape)
	if err != nil {
		return nil, done, err
	}
	stream := b.stream("P1a", f, taken)
	const base = "p50 of a raw sarama sync produce of 20 KB at that rate"
	row := report.Result{Better: report.Lower, Unit: "ms", Baseline: base}
	a, v := row, row
	a.ID, a.Goal, a.What = "P1a", 2, "p50 of a checkpoint POST, 20 KB of state, 2 KB new, 500/s, until it is accepted"
	v.ID, v.Goal, v.What = "P1b", 3, "p50 of a checkpoint POST, 20 KB of state, 2 KB new, 500/s, until it is visible"
	return []comparison{{name: "P1", length: b.long, baseline: func(ctx context.Context, length time.Duration) (sample, error) {
		s, err := b.offered(ctx, postRate, length, func(context.Context, int) error { return raw.One() })
		return s, errors.Join(err, raw.Empty())
	}, figures: []figure{
		{row: a, p99: true, measure: func(ctx context.Context, length time.Duration) (sample, error) {
			s, err := stream(ctx, length)
			return s, errors.Join(err, f.Drained(ctx))
		}},
		{row: v, p99: true, measure: b.stream("P1b", f, visible)},
	}}}, done, nil
}

// fresh are posts of 2 KB until they are visible, beside the two things that has to
// wait for: a produce and an insert.
func (b *bench) fresh(ctx context.Context, f *lab.Fleet) ([]comparison, func(), error) {
	steps, done, err := b.bareSteps(ctx, f)
	if err != nil {
		return nil, done, err
	}
	agents, err := b.agents(ctx, f, atOnce, load.Shape{State: load.Small, New: load.Small})
	if err != nil {
		return nil, done, err
	}
	return []comparison{{name: "P7", length: b.open, figures: []figure{{
		row: report.Result{
			ID: "P7", What: "p50 of a checkpoint POST of 2 KB, 500/s, until it is visible", Goal: 2.5, Better: report.Lower, Unit: "ms",
			Baseline: "p50 of a raw produce + p50 of a raw INSERT, 2 KB each, synchronous_commit on, at that rate",
		},
		p99: true, measure: b.stream("P7", f, agents),
	}}, baseline: func(ctx context.Context, length time.Duration) (sample, error) {
		return steps.measure(ctx, postRate, length, 1)
	}}}, done, nil
}

// bareSteps are the single produce and the single insert of 2 KB.
type bareSteps struct {
	bench   *bench
	raw     *baseline.Producer
	inserts *baseline.Inserter
}

func (b *bench) bareSteps(ctx context.Context, f *lab.Fleet) (*bareSteps, func(), error) {
	raw, err := baseline.NewProducer(f.Broker.Address, load.Small, b.texts)
	if err != nil {
		return nil, nil, err
	}
	done := func() { _ = raw.Close() }
	database, err := b.lab.Database(ctx)
	if err != nil {
		return nil, done, err
	}
	inserts, err := baseline.NewInserter(ctx, database, b.lab.Dir, b.texts)
	if err != nil {
		return nil, done, err
	}
	return &bareSteps{b, raw, inserts}, func() { inserts.Close(); done() }, nil
}

// measure takes both one after the other at a rate, and adds up that many of each.
func (s *bareSteps) measure(ctx context.Context, rate float64, length time.Duration, times float64) (sample, error) {
	produced, err := s.bench.offered(ctx, rate, length, func(context.Context, int) error { return s.raw.One() })
	if err = errors.Join(err, s.raw.Empty()); err != nil {
		return sample{}, err
	}
	inserted, err := s.bench.offered(ctx, rate, length, func(ctx context.Context, _ int) error { return s.inserts.One(ctx) })
	return sample{value: times * (produced.value + inserted.value), p99: times * (produced.p99 + inserted.p99)}, err
}
