package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/report"
)

// nodes measures the posts of 2 KB from 256 connections with two nodes, which share
// the partitions, and half of the connections each.
func (b *bench) nodes(ctx context.Context) (out []report.Result, err error) {
	f, err := b.fleet(ctx, 2, lab.FleetConfig{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return b.again(ctx, f, "P3b", "P15a", "two nodes", b.small)
}

// onKafka measures the posts of 20 KB on an Apache Kafka instead of the embedded
// broker. A machine without Java leaves it out and says so; where services are
// required that is a failure.
func (b *bench) onKafka(ctx context.Context) (out []report.Result, err error) {
	b.say("P15b, starting an Apache Kafka")
	kafka, err := lab.StartKafka(ctx)
	if errors.Is(err, lab.ErrNoKafka) && os.Getenv("REQUIRE_SERVICES") != "1" {
		b.left = append(b.left, fmt.Sprintf("P15b: %v", err))
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kafka.Close()) }()
	f, err := b.fleet(ctx, 1, lab.FleetConfig{Broker: kafka})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return b.again(ctx, f, "P2b", "P15b", "on one Apache Kafka, which leaves syncing to the system", b.shown)
}

// again measures a row on another fleet, under another id and without a goal.
func (b *bench) again(ctx context.Context, f *lab.Fleet, row, as, where string, build func(context.Context, *lab.Fleet) ([]comparison, func(), error)) ([]report.Result, error) {
	all, done, err := build(ctx, f)
	if done != nil {
		defer done()
	}
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].name = as
		for j := range all[i].figures {
			one := &all[i].figures[j]
			if one.costs = ""; one.row.ID == row {
				one.row.ID, one.row.What, one.row.Goal = as, one.row.What+", "+where, 0
			}
		}
	}
	return b.compare(ctx, f.Database, only(all, as))
}

// only keeps the figures of one row.
func only(all []comparison, row string) []comparison {
	var out []comparison
	for _, c := range all {
		for _, f := range c.figures {
			if f.row.ID == row {
				c.figures = []figure{f}
				out = append(out, c)
			}
		}
	}
	return out
}
