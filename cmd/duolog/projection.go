package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/internal/postgres"
)

// projectionCmd are the tools of the read models.
type projectionCmd struct {
	Status  projectionStatusCmd  `cmd:"" help:"How far the read models are, partition by partition. Example: duolog projection status"`
	Rebuild projectionRebuildCmd `cmd:"" help:"Derive the read models from the log anew, beside those that serve. Example: duolog projection rebuild"`
	Drop    projectionDropCmd    `cmd:"" help:"Remove read models of the past that a rebuild left in a schema. Example: duolog projection drop --schema before"`
	Verify  projectionVerifyCmd  `cmd:"" help:"Replay beside the read models and print any difference. Example: duolog projection verify"`
}

func postgresConfig(url string) postgres.Config { return postgres.Config{URL: url, MaxConns: 4} }

// together runs one function per partition and returns the first error.
func together(ctx context.Context, partitions []int32, each func(context.Context, int32) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range partitions {
		group.Go(func() error { return each(ctx, p) })
	}
	return group.Wait()
}
