package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// pair is one round of all measurements, seconds apart.
type pair struct {
	insert, produce float64
	few, many       load
}

// load is what the product did under one load.
type load struct {
	rate float64
	// cpu is the processor time of the product, its broker and its database, in
	// seconds per 1,000 POSTs; 0 where the system does not tell.
	cpu float64
}

const fewConnections, manyConnections = 32, 256

// bench holds what the pairs are measured with.
type bench struct {
	options

	product   *product
	inserts   *inserter
	raw       *rawProducer
	few, many []*agent
}

// throughput measures the pairs and makes results of them.
func throughput(ctx context.Context, o options, p *product) ([]result, error) {
	b, err := newBench(ctx, o, p)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if _, err := b.pair(ctx, "warm-up"); err != nil { // caches, connections, tables that are not empty
		return nil, err
	}
	if err := settle(ctx, p.Database); err != nil {
		return nil, err
	}
	pairs := make([]pair, o.pairs)
	for i := range pairs {
		if pairs[i], err = b.pair(ctx, fmt.Sprint(i+1)); err != nil {
			return nil, err
		}
	}
	return resultsOf(pairs, b.inserts.how), nil
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

func newBench(ctx context.Context, o options, p *product) (*bench, error) {
	from := texts()
	b := &bench{options: o, product: p}
	var err error
	if b.inserts, err = newInserter(ctx, p.Database, filepath.Dir(p.command.Path), from); err != nil {
		return nil, err
	}
	if b.raw, err = newRawProducer(p.Brokers, from); err != nil {
		return nil, err
	}
	if b.few, err = newAgents(ctx, p, fewConnections, from); err != nil {
		return nil, err
	}
	b.many, err = newAgents(ctx, p, manyConnections, from)
	return b, err
}

func (b *bench) close() {
	b.inserts.close()
	_ = b.raw.producer.Close()
	for _, a := range append(b.few, b.many...) {
		a.close()
	}
}

// pair measures everything once. Baselines and product take turns.
func (b *bench) pair(ctx context.Context, name string) (p pair, err error) {
	if p.insert, err = b.inserts.rate(ctx, b.options); err != nil {
		return p, err
	}
	if p.few, err = b.load(ctx, "32-"+name, b.few); err != nil {
		return p, err
	}
	if p.produce, err = drive(ctx, b.options, b.raw.callers()); err != nil {
		return p, err
	}
	p.many, err = b.load(ctx, "256-"+name, b.many)
	return p, err
}

func (b *bench) load(ctx context.Context, name string, agents []*agent) (l load, err error) {
	for _, a := range agents {
		if err := a.connect(ctx); err != nil {
			return l, err
		}
	}
	profiled := b.startProfile(ctx, name)
	before := cpuOf(b.product.command.Process.Pid)
	l.rate, err = drive(ctx, b.options, callersOf(agents))
	if used := cpuOf(b.product.command.Process.Pid) - before; l.rate > 0 {
		l.cpu = used / (l.rate * b.length.Seconds()) * 1000
	}
	if failed := profiled(); err == nil {
		err = failed
	}
	return l, err
}

// resultsOf makes the figures. Beside each the goal stands.
func resultsOf(pairs []pair, how string) []result {
	few, many := func(p pair) float64 { return p.few.rate }, func(p pair) float64 { return p.many.rate }
	insert, produce := func(p pair) float64 { return p.insert }, func(p pair) float64 { return p.produce }
	inserted := how + " single INSERT of 2 KB, synchronous_commit on, 32 clients"
	const produced = "raw sarama sync produce of 2 KB, 32 callers"
	return []result{
		ratioOf(pairs, result{ID: "P3a", What: "visible POSTs/s of 2 KB, 32 connections", Goal: 0.2, Baseline: inserted}, few, insert),
		ratioOf(pairs, result{ID: "P3b", What: "visible POSTs/s of 2 KB, 256 connections", Goal: 0.4, Baseline: inserted}, many, insert),
		ratioOf(pairs, result{ID: "P3a-log", What: "visible POSTs/s of 2 KB, 32 connections", Baseline: produced}, few, produce),
		ratioOf(pairs, result{ID: "P3b-log", What: "visible POSTs/s of 2 KB, 256 connections", Baseline: produced}, many, produce),
		costOf(pairs, result{ID: "P12-2k", What: "CPU seconds per 1,000 visible POSTs of 2 KB, 256 connections, all processes"}),
	}
}

func ratioOf(pairs []pair, r result, value, baseline func(pair) float64) result {
	var ratios, values, baselines []float64
	for _, p := range pairs {
		values, baselines = append(values, value(p)), append(baselines, baseline(p))
		ratios = append(ratios, value(p)/baseline(p))
	}
	r.Better, r.Unit, r.Runs = "higher", "/s", len(pairs)
	r.Ratio, r.Min, r.Max = spread(ratios)
	r.Value, _, _ = spread(values)
	r.BaselineValue, _, _ = spread(baselines)
	return r
}

func costOf(pairs []pair, r result) result {
	var values []float64
	for _, p := range pairs {
		values = append(values, p.many.cpu)
	}
	r.Better, r.Unit, r.Runs = "lower", "s", len(pairs)
	r.Value, r.Min, r.Max = spread(values)
	return r
}
