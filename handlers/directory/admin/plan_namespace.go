package admin

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/document"
)

// planned is a root group on the way from what it is to what it shall be.
type planned struct {
	*planner

	doc    Namespace
	stream domain.StreamID
	state  directory.State
	facts  *directory.Facts
	// entries are those that were there, in the order of their keys.
	entries []directory.Entry
	out     namespacePlan
}

func (p *planner) namespace(n Namespace) error {
	stream := directory.NamespaceStream(p.tenant, n.Path)
	entries, err := p.view.Whole(p.ctx, n.Path)
	if err != nil {
		return err
	}
	state, err := p.view.State(p.ctx, stream)
	if err != nil {
		return err
	}
	g := &planned{planner: p, doc: n, stream: stream, state: state, facts: directory.NewFacts(), entries: entries, out: namespacePlan{root: n.Path, events: state.Events}}
	for _, e := range entries {
		g.facts.Put(e)
	}
	for _, part := range []func() error{g.root, g.settings, g.pruneAccounts, g.accounts, g.flows, g.containers, g.placed, g.pruneMembers, g.pruneFlows, g.pruneContainers} {
		if err := part(); err != nil {
			return err
		}
	}
	p.owners[n.Path] = g.top().Top.Owners
	for _, group := range append([]Place{n.Place}, n.Groups...) {
		p.groups[group.Path] = true
	}
	if len(g.out.changes) > 0 {
		p.plan.namespaces = append(p.plan.namespaces, g.out)
	}
	return nil
}

// want adds a change, if it changes something; field is where the document asks for it.
func (g *planned) want(field string, c directory.Change) error {
	one := directory.ChangeNamespace{Root: g.doc.Path, Changes: []directory.Change{c}}
	events, err := one.Decide(g.state, g.facts, g.stream)
	if err != nil {
		return document.InField(field, err)
	}
	if len(events) > 0 {
		g.out.changes = append(g.out.changes, c)
	}
	for _, e := range events {
		g.plan.steps = append(g.plan.steps, stepOf(e, g.facts))
		g.facts.Apply(g.state, e, 0)
		g.state = directory.Apply(g.state, directory.Recorded{Event: e})
	}
	return nil
}

func (g *planned) get(kind directory.EntryKind, path, name string) directory.Entry {
	return g.facts.Get(directory.Key{Kind: kind, Path: path, Name: name})
}

func (g *planned) top() directory.Entry {
	return g.get(directory.ContainerEntry, g.doc.Path, "")
}

// root makes the root group, with the first of its owners.
func (g *planned) root() error {
	if g.top().There() {
		return nil
	}
	for _, login := range slices.Sorted(maps.Keys(g.doc.Members)) {
		if directory.Level(g.doc.Members[login]) == directory.Owner {
			return g.want("path", directory.Change{CreateNamespace: &directory.CreateNamespace{Owner: login}})
		}
	}
	return domain.InvalidField("members", "a new namespace needs an owner", "give one of its members the level owner")
}

func (g *planned) settings() error {
	c := &directory.ChangeSettings{FoundationalAllowed: g.doc.FoundationalFlows, Plan: g.doc.Plan}
	for _, name := range slices.Sorted(maps.Keys(g.doc.Policies)) {
		c.Policies = append(c.Policies, directory.Policy{Name: name, Value: g.doc.Policies[name]})
	}
	if g.prune && g.doc.Policies != nil {
		for _, p := range g.top().Top.Policies {
			if _, named := g.doc.Policies[p.Name]; !named {
				c.Policies = append(c.Policies, directory.Policy{Name: p.Name})
			}
		}
	}
	return g.want("policies", directory.Change{ChangeSettings: c})
}

// pruneAccounts comes before others are made: a flow has one account.
func (g *planned) pruneAccounts() error {
	if !g.prune || g.doc.ServiceAccounts == nil {
		return nil
	}
	for _, e := range g.living(directory.AccountEntry) {
		named := slices.ContainsFunc(g.doc.ServiceAccounts, func(a Account) bool { return a.Login == e.Name })
		if named {
			continue
		}
		if err := g.want("service_accounts", directory.Change{RemoveServiceAccount: &directory.RemoveServiceAccount{Login: e.Name}}); err != nil {
			return err
		}
	}
	return nil
}

// living are the entries of a kind that were there when the plan began.
func (g *planned) living(kind directory.EntryKind) []directory.Entry {
	var out []directory.Entry
	for _, e := range g.entries {
		if e.Kind == kind && e.LivesIn(g.get(directory.ContainerEntry, e.Path, "")) {
			out = append(out, e)
		}
	}
	return out
}

func (g *planned) accounts() error {
	for _, a := range g.doc.ServiceAccounts {
		if g.users[a.Login].There() {
			return document.InField("service_accounts."+a.Login, taken(a.Login))
		}
		err := cmp.Or(
			g.want("service_accounts."+a.Login, directory.Change{CreateServiceAccount: &directory.CreateServiceAccount{Login: a.Login, Flow: a.Flow, Name: a.Name}}),
			g.want("service_accounts."+a.Login, directory.Change{BlockServiceAccount: &directory.BlockServiceAccount{Login: a.Login, Blocked: a.Blocked}}),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func (g *planned) flows() error {
	for _, reference := range g.doc.Flows {
		if err := g.want("flows", directory.Change{SetFlow: &directory.SetFlow{Flow: reference, Enabled: true}}); err != nil {
			return err
		}
	}
	return nil
}

// containers makes groups and projects, those they are in first.
func (g *planned) containers() error {
	type container struct {
		path, field string
		change      directory.Change
	}
	var all []container
	for _, group := range g.doc.Groups {
		all = append(all, container{group.Path, "groups." + group.Path, directory.Change{CreateGroup: &directory.CreateGroup{Path: group.Path}}})
	}
	for _, project := range g.doc.Projects {
		all = append(all, container{project.Path, "projects." + project.Path, directory.Change{CreateProject: &directory.CreateProject{Path: project.Path, Settings: project.Settings}}})
	}
	slices.SortFunc(all, func(a, b container) int { return strings.Compare(a.path, b.path) })
	for _, c := range all {
		if err := g.want(c.field, c.change); err != nil {
			return err
		}
	}
	return nil
}

// placed sets members and flags.
func (g *planned) placed() error {
	for _, place := range g.doc.places() {
		for _, login := range slices.Sorted(maps.Keys(place.Members)) {
			field := "members." + login + " of " + place.Path
			if account := g.get(directory.AccountEntry, g.doc.Path, login); !g.users[login].There() && !account.LivesIn(g.top()) {
				return document.InField(field, noSuchUser(login))
			}
			level := directory.Level(place.Members[login])
			if err := g.want(field, directory.Change{SetMember: &directory.SetMember{Path: place.Path, Login: login, Level: level}}); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(place.Flags)) {
			on := place.Flags[name]
			if err := g.want("flags."+name+" of "+place.Path, directory.Change{SetFlag: &directory.SetFlag{Path: place.Path, Name: name, On: &on}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// pruneMembers takes away the members and flags that the lists of the document leave
// out.
func (g *planned) pruneMembers() error {
	if !g.prune {
		return nil
	}
	at := map[string]Place{}
	for _, place := range g.doc.places() {
		at[place.Path] = place
	}
	var err error
	for _, e := range g.living(directory.MemberEntry) {
		if _, named := at[e.Path].Members[e.Name]; !named && at[e.Path].Members != nil {
			err = cmp.Or(err, g.want("members", directory.Change{RemoveMember: &directory.RemoveMember{Path: e.Path, Login: e.Name}}))
		}
	}
	for _, e := range g.living(directory.FlagEntry) {
		if _, named := at[e.Path].Flags[e.Name]; !named && at[e.Path].Flags != nil {
			err = cmp.Or(err, g.want("flags", directory.Change{SetFlag: &directory.SetFlag{Path: e.Path, Name: e.Name}}))
		}
	}
	return err
}

func (g *planned) pruneFlows() error {
	if !g.prune || g.doc.Flows == nil {
		return nil
	}
	var err error
	for _, f := range g.top().Top.Flows {
		if f.Enabled && !slices.Contains(g.doc.Flows, f.Reference) {
			err = cmp.Or(err, g.want("flows", directory.Change{SetFlow: &directory.SetFlow{Flow: f.Reference}}))
		}
	}
	return err
}

// pruneContainers deletes the groups and projects that the document leaves out, the
// inner ones first.
func (g *planned) pruneContainers() error {
	if !g.prune {
		return nil
	}
	named := map[string]bool{}
	for _, place := range g.doc.places() {
		named[place.Path] = true
	}
	for _, e := range slices.Backward(g.entries) {
		prunes := g.doc.Groups != nil
		if e.Project != nil {
			prunes = g.doc.Projects != nil
		}
		if e.Kind != directory.ContainerEntry || !e.There() || named[e.Path] || !prunes {
			continue
		}
		if err := isIdle(g.ctx, g.view, e.Path); err != nil {
			return document.InField("projects."+e.Path, err)
		}
		if err := g.want("groups."+e.Path, directory.Change{DeleteContainer: &directory.DeleteContainer{Path: e.Path}}); err != nil {
			return err
		}
	}
	return nil
}
