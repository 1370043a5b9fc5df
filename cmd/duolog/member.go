package main

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain/directory"
)

// memberCmd are the tools of memberships.
type memberCmd struct {
	List   memberListCmd   `cmd:"" help:"The direct members of a group or project. Example: duolog member list acme"`
	Set    memberSetCmd    `cmd:"" help:"Give somebody a level, which what is below inherits. Example: duolog member set acme mia developer"`
	Remove memberRemoveCmd `cmd:"" help:"Take it away. Example: duolog member remove acme mia"`
}

// memberView is a membership as the API shows it.
type memberView struct {
	Path  string `json:"path"`
	Login string `json:"login"`
	Name  string `json:"level_name"`
	Level int    `json:"level"`
}

func (m memberView) line() string { return fmt.Sprintf("%-24s %d %s", m.Login, m.Level, m.Name) }

type memberListCmd struct {
	apiFlags
	momentFlag

	Path string `arg:"" help:"The group or project."`
}

// Run prints them.
func (c memberListCmd) Run(ctx context.Context, a app) error {
	return printAll(ctx, a, c.apiFlags, "members", func(after string) string { return c.look("members", "in", c.Path, "after", after) }, memberView.line)
}

type memberSetCmd struct {
	apiFlags

	Path  string `arg:"" help:"The group or project."`
	Login string `arg:"" help:"A user, or a service account."`
	Level string `arg:"" help:"guest, reporter, developer, maintainer or owner, or its number."`
}

// Run sets the level.
func (c memberSetCmd) Run(ctx context.Context, a app) error {
	level, err := directory.ParseLevel("level", c.Level)
	if err != nil {
		return err
	}
	return c.change(ctx, a, c.Path, fmt.Sprintf("%s is %s of %s", c.Login, level, c.Path),
		directory.Change{SetMember: &directory.SetMember{Path: c.Path, Login: c.Login, Level: level}})
}

type memberRemoveCmd struct {
	apiFlags

	Path  string `arg:"" help:"The group or project."`
	Login string `arg:"" help:"The login."`
}

// Run takes the membership away.
func (c memberRemoveCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.Path, c.Login+" is no direct member of "+c.Path, directory.Change{RemoveMember: &directory.RemoveMember{Path: c.Path, Login: c.Login}})
}
