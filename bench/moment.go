package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
)

// momentEvents is how long a history P10 reads in, momentQuick that of a quick run.
const momentEvents, momentQuick = 10_000, 1000

// moment reads the whole page of a workflow as of any position of a long history, one
// reader, in a closed loop.
func (b *bench) moment(ctx context.Context) (out []report.Result, err error) {
	f, err := b.fleet(ctx, 1, lab.FleetConfig{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	events := momentEvents
	if b.quick() {
		events = momentQuick
	}
	path, err := b.lived(ctx, f, events)
	if err != nil {
		return nil, err
	}
	client := load.NewClient(f.Nodes[0].Address, f.Token)
	defer client.Close()
	positions, err := positionsOf(ctx, client, path)
	if err != nil {
		return nil, err
	}
	if len(positions) < events {
		return nil, fmt.Errorf("the timeline has %d events, want %d", len(positions), events)
	}
	if err := settle(ctx, f.Database); err != nil {
		return nil, err
	}
	look := func(context.Context, int) error {
		at := positions[rand.IntN(len(positions))] //nolint:gosec // keeps no secret
		_, err := client.Get(ctx, path+"/as_of?at="+url.QueryEscape(at))
		return err
	}
	if _, err := b.looped(ctx, min(b.length, warmUp), look); err != nil {
		return nil, err
	}
	var p50, p99 []float64
	for n := range b.pairs {
		b.say("P10, run %d of %d", n+1, b.pairs)
		profiled := b.startProfile(ctx, f, fmt.Sprintf("P10-%d", n), b.length)
		s, err := b.looped(ctx, b.length, look)
		if err = errors.Join(err, profiled()); err != nil {
			return nil, err
		}
		p50, p99 = append(p50, s.value), append(p99, s.p99)
	}
	what := fmt.Sprintf("the whole page as of any position of a workflow with %d events", events)
	return []report.Result{
		report.Result{ID: "P10", What: "p99 of " + what, Goal: 100, Better: report.Lower, Unit: "ms"}.Values(p99),
		report.Result{ID: "P10-p50", What: "p50 of " + what, Better: report.Lower, Unit: "ms"}.Values(p50),
	}, nil
}

// lived is the path of a workflow with that many checkpoints of 2 KB. They are sent
// without waiting for each to be visible.
func (b *bench) lived(ctx context.Context, f *lab.Fleet, events int) (string, error) {
	agents, err := b.agents(ctx, f, 1, load.Shape{State: load.Small, New: load.Small, Async: true})
	if err != nil {
		return "", err
	}
	a := agents[0]
	defer a.Close()
	if err := a.Connect(ctx); err != nil {
		return "", err
	}
	for n := range events {
		if n%2000 == 0 {
			b.say("P10, event %d of %d", n, events)
		}
		if err := a.Post(); err != nil {
			return "", err
		}
	}
	return a.Workflow, f.Drained(ctx)
}

// positionsOf are those of all events of a workflow.
func positionsOf(ctx context.Context, client load.Client, path string) (out []string, err error) {
	for after := ""; ; {
		raw, err := client.Get(ctx, path+"/timeline?limit=200&after="+url.QueryEscape(after))
		if err != nil {
			return nil, err
		}
		var page struct {
			Events []struct {
				Position string `json:"position"`
			} `json:"events"`
			Next string `json:"next"`
		}
		if err := json.Unmarshal(raw, &page); err != nil {
			return nil, fmt.Errorf("read the timeline: %w", err)
		}
		for _, e := range page.Events {
			out = append(out, e.Position)
		}
		if len(page.Events) == 0 || page.Next == after {
			return out, nil
		}
		after = page.Next
	}
}
