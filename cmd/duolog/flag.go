package main

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain/directory"
)

// flagCmd are the tools of feature flags.
type flagCmd struct {
	List  flagListCmd  `cmd:"" help:"What is set in a group or project and below it. Example: duolog flag list acme"`
	Set   flagSetCmd   `cmd:"" help:"Switch a flag for a project, or for a group and what is below it. Example: duolog flag set acme/shop fix_pipeline_next on"`
	Clear flagClearCmd `cmd:"" help:"Leave a flag to the groups above. Example: duolog flag clear acme/shop fix_pipeline_next"`
}

// flagView is a flag as the API shows it.
type flagView struct {
	Path string `json:"path"`
	Name string `json:"name"`
	On   bool   `json:"on"`
}

func (f flagView) line() string { return fmt.Sprintf("%-4s %-32s %s", onOff(f.On), f.Name, f.Path) }

type flagListCmd struct {
	apiFlags
	momentFlag

	Path string `arg:"" help:"The group or project."`
}

// Run prints them.
func (c flagListCmd) Run(ctx context.Context, a app) error {
	return printAll(ctx, a, c.apiFlags, "flags", func(string) string { return c.look("flags", "in", c.Path) }, flagView.line)
}

type flagSetCmd struct {
	apiFlags

	Path string `arg:"" help:"The group or project."`
	Name string `arg:"" help:"The name of the flag."`
	On   string `arg:"" enum:"on,off" help:"on or off."`
}

// Run switches it.
func (c flagSetCmd) Run(ctx context.Context, a app) error {
	on := c.On == "on"
	return c.change(ctx, a, c.Path, fmt.Sprintf("%s is %s in %s", c.Name, c.On, c.Path), directory.Change{SetFlag: &directory.SetFlag{Path: c.Path, Name: c.Name, On: &on}})
}

type flagClearCmd struct {
	apiFlags

	Path string `arg:"" help:"The group or project."`
	Name string `arg:"" help:"The name of the flag."`
}

// Run takes what is set there away.
func (c flagClearCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.Path, c.Name+" is not set in "+c.Path, directory.Change{SetFlag: &directory.SetFlag{Path: c.Path, Name: c.Name}})
}
