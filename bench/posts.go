package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
)

// fleet makes a log, a database and nodes over them.
func (b *bench) fleet(ctx context.Context, nodes int, cfg lab.FleetConfig) (*lab.Fleet, error) {
	if b.profile != "" && !slices.Contains(cfg.Tags, lab.ProfileTag) {
		cfg.Tags = append(cfg.Tags, lab.ProfileTag)
	}
	f, err := b.lab.NewFleet(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for range nodes {
		if _, err := f.Start(ctx); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// agents make workflows on all nodes of a fleet.
func (b *bench) agents(ctx context.Context, f *lab.Fleet, n int, shape load.Shape) ([]*load.Agent, error) {
	var addresses []string
	for _, node := range f.Nodes {
		addresses = append(addresses, node.Address)
	}
	client := load.NewClient("", f.Token)
	defer client.Close()
	return load.NewAgents(ctx, client, addresses, n, shape, b.texts)
}

// flood posts from all agents, each as soon as it has its answer.
func (b *bench) flood(name string, f *lab.Fleet, agents []*load.Agent) measure {
	runs := 0
	return func(ctx context.Context, length time.Duration) (sample, error) {
		for _, a := range agents {
			if err := a.Connect(ctx); err != nil {
				return sample{}, err
			}
		}
		defer closeAll(agents)
		profiled := b.startProfile(ctx, f, fmt.Sprintf("%s-%d", name, runs), length)
		runs++
		before := f.CPU()
		c, err := load.Closed(ctx, length, b.now, load.Posts(agents))
		err = errors.Join(err, profiled(), f.Quiet(ctx))
		return sample{value: c.Rate(), done: c.Done, cpu: f.CPU().Since(before)}, err
	}
}

func closeAll(agents []*load.Agent) {
	for _, a := range agents {
		a.Close()
	}
}

// startProfile takes CPU and blocking profiles of the first node while it is under
// load, if asked to; the function it returns waits for them.
func (b *bench) startProfile(ctx context.Context, f *lab.Fleet, name string, length time.Duration) func() error {
	if b.profile == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() { done <- b.saveProfiles(ctx, f.Nodes[0].Profiled, name, length) }()
	return func() error { return <-done }
}

func (b *bench) saveProfiles(ctx context.Context, n lab.Profiled, name string, length time.Duration) error {
	if err := os.MkdirAll(b.profile, 0o750); err != nil {
		return fmt.Errorf("make %s: %w", b.profile, err)
	}
	cpu, err := n.CPUProfile(ctx, length)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.profile, "cpu-"+name+".prof"), cpu, 0o600); err != nil {
		return fmt.Errorf("write a profile: %w", err)
	}
	for _, kind := range []string{"block", "allocs"} {
		raw, err := n.Profile(ctx, kind)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.profile, kind+"-"+name+".prof"), raw, 0o600); err != nil {
			return fmt.Errorf("write a profile: %w", err)
		}
	}
	return nil
}
