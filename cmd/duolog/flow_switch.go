package main

import (
	"context"

	"github.com/duolog/duolog/domain/directory"
)

// flowArgs name a flow of a root group.
type flowArgs struct {
	Flow string `arg:"" help:"The reference, such as developer/v1."`
	In   string `required:"" help:"The root group." placeholder:"PATH"`
}

type flowEnableCmd struct {
	apiFlags
	flowArgs
}

// Run switches it on.
func (c flowEnableCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.In, c.Flow+" is on in "+c.In, directory.Change{SetFlow: &directory.SetFlow{Flow: c.Flow, Enabled: true}})
}

type flowDisableCmd struct {
	apiFlags
	flowArgs
}

// Run switches it off.
func (c flowDisableCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.In, c.Flow+" is off in "+c.In, directory.Change{SetFlow: &directory.SetFlow{Flow: c.Flow}})
}
