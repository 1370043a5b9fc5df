package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain/directory"
)

// namespaceCmd are the tools of groups and projects.
type namespaceCmd struct {
	List    namespaceListCmd   `cmd:"" help:"The root groups, or what is in one. Example: duolog namespace list acme --kind project"`
	Show    namespaceShowCmd   `cmd:"" help:"One group or project with its members, flows and flags. Example: duolog namespace show acme/shop --at 2026-11-21T10:00:00Z"`
	Create  namespaceCreateCmd `cmd:"" help:"Make a root group with its owner, a group in another, or a project. Example: duolog namespace create acme/shop --project"`
	Delete  namespaceDeleteCmd `cmd:"" help:"Take a project or an empty group away. Example: duolog namespace delete acme/old"`
	Set     namespaceSetCmd    `cmd:"" help:"Change what a root group says. Example: duolog namespace set acme --foundational-flows on --policy follow_up=queue"`
	Account accountCmd         `cmd:"" help:"The service accounts that flows act as."`
}

// containerView is a group or project as the API shows it.
type containerView struct {
	ID        int64                      `json:"id"`
	Path      string                     `json:"path"`
	Kind      string                     `json:"kind"`
	Children  int                        `json:"children"`
	Settings  *directory.ProjectSettings `json:"settings"`
	Namespace *struct {
		FoundationalFlows bool              `json:"foundational_flows"`
		Plan              string            `json:"plan"`
		Policies          map[string]string `json:"policies"`
		Flows             []switchView      `json:"flows"`
		Owners            []string          `json:"owners"`
	} `json:"namespace"`
}

// switchView is what a root group says of a flow.
type switchView struct {
	Reference      string `json:"reference"`
	Enabled        bool   `json:"enabled"`
	ServiceAccount string `json:"service_account"`
}

func (f switchView) line() string {
	return strings.TrimRight(fmt.Sprintf("%-4s %-24s %s", onOff(f.Enabled), f.Reference, f.ServiceAccount), " ")
}

func onOff(on bool) string { return map[bool]string{true: "on", false: "off"}[on] }

func (c containerView) line() string { return fmt.Sprintf("%-8d %-8s %s", c.ID, c.Kind, c.Path) }

type namespaceListCmd struct {
	apiFlags
	momentFlag

	Path string `arg:"" optional:"" help:"The group to look into; without it the root groups."`
	Kind string `help:"Only these." enum:",group,project" default:"" placeholder:"group|project"`
}

// Run prints the list.
func (c namespaceListCmd) Run(ctx context.Context, a app) error {
	path := func(after string) string { return c.look("containers", "in", c.Path, "kind", c.Kind, "after", after) }
	name := "containers"
	if c.Path == "" {
		path, name = func(string) string { return c.look("namespaces") }, "namespaces"
	}
	return printAll(ctx, a, c.apiFlags, name, path, containerView.line)
}

type namespaceShowCmd struct {
	apiFlags
	momentFlag

	Path string `arg:"" help:"The path, or the number."`
}

// Run prints one group or project and what is set there.
func (c namespaceShowCmd) Run(ctx context.Context, a app) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	var found struct {
		Container containerView `json:"container"`
		Stream    string        `json:"stream"`
	}
	if printed, err := api.show(ctx, a, c.look("containers/"+url.PathEscape(c.Path)), c.JSON, "the container", &found); printed || err != nil {
		return err
	}
	var b strings.Builder
	describe := found.Container
	fmt.Fprintf(&b, "%-10s %s\nnumber     %d\nstream     %s\n", describe.Kind, describe.Path, describe.ID, found.Stream)
	if s := describe.Settings; s != nil {
		fmt.Fprintf(&b, "settings   %s, readme %s, builds %s, registry %s, packages %s, wiki %s, snippets %s\n",
			s.Visibility, onOff(s.Readme), onOff(s.Builds), onOff(s.Registry), onOff(s.Packages), onOff(s.Wiki), onOff(s.Snippets))
	}
	if n := describe.Namespace; n != nil {
		fmt.Fprintf(&b, "owners     %s\nfoundational flows %s\n", strings.Join(n.Owners, ", "), onOff(n.FoundationalFlows))
		if n.Plan != "" {
			fmt.Fprintf(&b, "plan       %s\n", n.Plan)
		}
		for _, name := range slices.Sorted(maps.Keys(n.Policies)) {
			fmt.Fprintf(&b, "policy     %s = %s\n", name, n.Policies[name])
		}
		for _, f := range n.Flows {
			fmt.Fprintf(&b, "flow       %s\n", f.line())
		}
	}
	if _, err := fmt.Fprint(a.out, b.String()); err != nil {
		return err
	}
	_, err = printLines(ctx, a, api, "members", func(after string) string { return c.look("members", "in", describe.Path, "after", after) },
		func(m memberView) string { return "member     " + m.line() })
	if err != nil {
		return err
	}
	_, err = printLines(ctx, a, api, "flags", func(string) string { return c.look("flags", "in", describe.Path) },
		func(f flagView) string { return "flag       " + f.line() })
	return err
}

type namespaceCreateCmd struct {
	apiFlags

	Path    string `arg:"" help:"The whole path, such as acme/tools."`
	Owner   string `help:"Who owns a new root group." placeholder:"LOGIN"`
	Project bool   `help:"Make a project: private, with one commit, builds on and everything else off, as duo-workspace is."`
	Public  bool   `help:"Make the project public."`
}

// Run makes it.
func (c namespaceCreateCmd) Run(ctx context.Context, a app) error {
	change := directory.Change{CreateGroup: &directory.CreateGroup{Path: c.Path}}
	switch {
	case c.Project:
		settings := directory.WorkspaceSettings()
		if c.Public {
			settings.Visibility = directory.Public
		}
		change = directory.Change{CreateProject: &directory.CreateProject{Path: c.Path, Settings: &settings}}
	case directory.Parent(c.Path) == "" && c.Owner == "":
		return problem{"a root group needs an owner", "name one: duolog namespace create " + c.Path + " --owner LOGIN"}
	case directory.Parent(c.Path) == "":
		change = directory.Change{CreateNamespace: &directory.CreateNamespace{Owner: c.Owner}}
	}
	return c.change(ctx, a, c.Path, c.Path+" is there", change)
}

type namespaceDeleteCmd struct {
	apiFlags

	Path string `arg:"" help:"The whole path."`
}

// Run takes it away.
func (c namespaceDeleteCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.Path, c.Path+" is gone", directory.Change{DeleteContainer: &directory.DeleteContainer{Path: c.Path}})
}

type namespaceSetCmd struct {
	apiFlags

	Path              string            `arg:"" help:"The root group."`
	FoundationalFlows string            `help:"Whether the flows that come with the product may be on." enum:",on,off" default:"" placeholder:"on|off"`
	Plan              *string           `help:"The licence of the group." placeholder:"NAME"`
	Policy            map[string]string `help:"Policies to set; an empty value takes one away." placeholder:"NAME=VALUE"`
}

// Run changes the settings.
func (c namespaceSetCmd) Run(ctx context.Context, a app) error {
	set := &directory.ChangeSettings{Plan: c.Plan}
	if c.FoundationalFlows != "" {
		on := c.FoundationalFlows == "on"
		set.FoundationalAllowed = &on
	}
	for name, value := range c.Policy {
		set.Policies = append(set.Policies, directory.Policy{Name: name, Value: value})
	}
	return c.change(ctx, a, c.Path, c.Path+" says so", directory.Change{ChangeSettings: set})
}

// accountCmd are the tools of service accounts.
type accountCmd struct {
	List    accountListCmd    `cmd:"" help:"Those of a root group. Example: duolog namespace account list acme"`
	Create  accountCreateCmd  `cmd:"" help:"Make the account of a flow. Example: duolog namespace account create acme duo-developer --flow developer/v1"`
	Block   accountBlockCmd   `cmd:"" help:"Let an account do nothing. Example: duolog namespace account block acme duo-developer"`
	Unblock accountUnblockCmd `cmd:"" help:"Let it do again what it may. Example: duolog namespace account unblock acme duo-developer"`
	Remove  accountRemoveCmd  `cmd:"" help:"Take an account away, and its memberships. Example: duolog namespace account remove acme duo-developer"`
}

type accountListCmd struct {
	apiFlags
	momentFlag

	Path string `arg:"" help:"The root group."`
}

// Run prints them.
func (c accountListCmd) Run(ctx context.Context, a app) error {
	type account struct {
		ID      int64  `json:"id"`
		Login   string `json:"login"`
		Flow    string `json:"flow"`
		Blocked bool   `json:"blocked"`
	}
	return printAll(ctx, a, c.apiFlags, "service_accounts", func(string) string { return c.look("service_accounts", "in", c.Path) }, func(s account) string {
		return strings.TrimRight(fmt.Sprintf("%-8d %-24s %-24s %s", s.ID, s.Login, s.Flow, map[bool]string{true: "blocked"}[s.Blocked]), " ")
	})
}

type accountCreateCmd struct {
	apiFlags

	Path  string `arg:"" help:"The root group."`
	Login string `arg:"" help:"The login of the account."`
	Flow  string `required:"" help:"The flow that acts as it." placeholder:"FLOW"`
	Name  string `help:"What people call it." placeholder:"NAME"`
}

// Run makes it.
func (c accountCreateCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.Path, fmt.Sprintf("%s acts for %s in %s", c.Login, c.Flow, c.Path),
		directory.Change{CreateServiceAccount: &directory.CreateServiceAccount{Login: c.Login, Flow: c.Flow, Name: c.Name}})
}

// accountArgs name an account.
type accountArgs struct {
	Path  string `arg:"" help:"The root group."`
	Login string `arg:"" help:"The login of the account."`
}

type accountBlockCmd struct {
	apiFlags
	accountArgs
}

// Run blocks it.
func (c accountBlockCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.Path, c.Login+" is blocked", directory.Change{BlockServiceAccount: &directory.BlockServiceAccount{Login: c.Login, Blocked: true}})
}

type accountUnblockCmd struct {
	apiFlags
	accountArgs
}

// Run lets it again.
func (c accountUnblockCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.Path, c.Login+" is not blocked", directory.Change{BlockServiceAccount: &directory.BlockServiceAccount{Login: c.Login}})
}

type accountRemoveCmd struct {
	apiFlags
	accountArgs
}

// Run takes it away.
func (c accountRemoveCmd) Run(ctx context.Context, a app) error {
	return c.change(ctx, a, c.Path, c.Login+" is gone", directory.Change{RemoveServiceAccount: &directory.RemoveServiceAccount{Login: c.Login}})
}
