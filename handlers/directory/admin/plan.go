package admin

import (
	"context"
	"fmt"
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/document"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// Step is one thing that a plan changes.
type Step struct {
	// Action is create, change or remove.
	Action string `json:"action"`
	// Kind is what it is done to: user, namespace, group, project, member,
	// service account, settings, flow or flag.
	Kind string `json:"kind"`
	// In is the path of what it is in, empty for a user.
	In   string `json:"in,omitempty"`
	Name string `json:"name"`
	// From and To are what it was and becomes, where that is one word.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// plan is what has to be done, stream by stream.
type plan struct {
	steps []Step
	// users come first, without where they work; that comes last, when it is there.
	users, defaults []*directory.ChangeUser
	namespaces      []namespacePlan
	// anew are logins to be made which somebody else had, removed those that go.
	anew, removed []string
}

type namespacePlan struct {
	root string
	// events is how many the namespace had when it was looked at.
	events  int
	changes []directory.Change
}

// planner works out what has to be done for a document.
type planner struct {
	ctx    context.Context //nolint:containedctx // lives for one call
	view   *querying.View
	tenant domain.Tenant
	prune  bool
	remove bool
	// users are all, by login, as the plan leaves them.
	users map[string]directory.Entry
	// groups are the paths of those of the document, which the plan makes.
	groups map[string]bool
	// owners are those of the root groups of the document, as the plan leaves them.
	owners map[string][]string
	plan   plan
}

func (p *planner) run(d Document) error {
	all, err := p.view.Users(p.ctx, "", querying.All)
	if err != nil {
		return err
	}
	for _, e := range all {
		p.users[e.Name] = e
	}
	if err := p.comeAnew(d); err != nil {
		return err
	}
	for i, u := range d.Users {
		if err := p.user(u); err != nil {
			return document.Inside(fmt.Sprintf("users[%d]", i), err)
		}
	}
	if p.prune && d.Users != nil {
		if err := p.pruneUsers(d); err != nil {
			return err
		}
	}
	for i, n := range d.Namespaces {
		if err := p.namespace(n); err != nil {
			return document.Inside(fmt.Sprintf("namespaces[%d]", i), err)
		}
	}
	for i, u := range d.Users {
		if err := p.defaultNamespace(u); err != nil {
			return document.Inside(fmt.Sprintf("users[%d]", i), err)
		}
	}
	return p.keepsEnough(all)
}

func (p *planner) user(u User) error {
	return p.changeUser(&p.plan.users, &directory.ChangeUser{
		Login: u.Login, Create: !p.users[u.Login].There(), Name: u.Name, Email: u.Email, Admin: u.Admin, Blocked: u.Blocked, Link: u.Accounts, Unlink: p.unlinked(u),
	})
}

// unlinked are the accounts that the document leaves out of a list it has.
func (p *planner) unlinked(u User) []directory.Link {
	e := p.users[u.Login]
	if !p.prune || u.Accounts == nil || !e.There() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(e.User.Links), func(l directory.Link) bool { return slices.Contains(u.Accounts, l) })
}

// changeUser adds a command to a list, if it changes something.
func (p *planner) changeUser(to *[]*directory.ChangeUser, c *directory.ChangeUser) error {
	facts, before := directory.NewFacts(), p.users[c.Login]
	before.Key = directory.Key{Kind: directory.UserEntry, Name: c.Login}
	facts.Put(before)
	events, err := c.Decide(directory.State{}, facts, directory.UserStream(p.tenant, c.Login))
	if err != nil || len(events) == 0 {
		return err
	}
	*to = append(*to, c)
	for _, e := range events {
		p.plan.steps = append(p.plan.steps, stepOf(e, facts))
		for _, entry := range facts.Apply(directory.State{}, e, 0) {
			p.users[c.Login] = entry
		}
	}
	return nil
}

func (p *planner) defaultNamespace(u User) error {
	if u.DefaultNamespace == nil {
		return nil
	}
	if path := *u.DefaultNamespace; path != "" && !p.groups[path] {
		e, err := p.view.Container(p.ctx, path)
		if err != nil {
			return err
		}
		if !e.There() || e.Project != nil {
			return document.InField("default_namespace", noSuchGroup(path))
		}
	}
	return p.changeUser(&p.plan.defaults, &directory.ChangeUser{Login: u.Login, DefaultNamespace: u.DefaultNamespace})
}

// stepOf describes an event for people; facts are those before it.
func stepOf(event directory.Event, facts *directory.Facts) Step {
	switch e := event.(type) {
	case directory.NamespaceCreated:
		return Step{Action: "create", Kind: "namespace", Name: e.Path}
	case directory.GroupCreated:
		return Step{Action: "create", Kind: "group", Name: e.Path}
	case directory.ProjectCreated:
		return Step{Action: "create", Kind: "project", Name: e.Path, To: e.Settings.Visibility}
	case directory.ContainerDeleted:
		return Step{Action: "remove", Kind: facts.Get(directory.Touched(e)[0]).What(), Name: e.Path}
	case directory.MemberSet:
		s := Step{Action: "create", Kind: "member", In: e.Path, Name: e.Login, To: e.Level.String()}
		if was := facts.Get(directory.Touched(e)[0]); was.There() {
			s.Action, s.From = "change", was.Level.String()
		}
		return s
	case directory.MemberRemoved:
		return Step{Action: "remove", Kind: "member", In: e.Path, Name: e.Login, From: facts.Get(directory.Touched(e)[0]).Level.String()}
	case directory.ServiceAccountCreated:
		return Step{Action: "create", Kind: "service account", In: e.Namespace, Name: e.Login, To: e.Flow}
	case directory.ServiceAccountBlocked:
		return Step{Action: "change", Kind: "service account", In: e.Namespace, Name: e.Login, To: blocked(e.Blocked)}
	case directory.ServiceAccountRemoved:
		return Step{Action: "remove", Kind: "service account", In: e.Namespace, Name: e.Login, From: e.Flow}
	case directory.SettingsChanged:
		return Step{Action: "change", Kind: "settings", Name: e.Namespace}
	case directory.FlowEnabled:
		return Step{Action: "create", Kind: "flow", In: e.Namespace, Name: e.Flow}
	case directory.FlowDisabled:
		return Step{Action: "remove", Kind: "flow", In: e.Namespace, Name: e.Flow}
	case directory.FlagSet:
		return Step{Action: "create", Kind: "flag", In: e.Path, Name: e.Name, To: onOff(e.On)}
	case directory.FlagCleared:
		return Step{Action: "remove", Kind: "flag", In: e.Path, Name: e.Name}
	default:
		return userStep(event)
	}
}

func userStep(event directory.Event) Step {
	s := Step{Action: "change", Kind: "user"}
	switch e := event.(type) {
	case directory.UserCreated:
		s.Action, s.Name = "create", e.Login
	case directory.UserChanged:
		s.Name, s.To = e.Login, e.Name+" "+e.Email
	case directory.UserAdminChanged:
		s.Name, s.To = e.Login, map[bool]string{true: "administrator", false: "no administrator"}[e.Admin]
	case directory.UserBlocked:
		s.Name, s.To = e.Login, blocked(true)
	case directory.UserUnblocked:
		s.Name, s.To = e.Login, blocked(false)
	case directory.UserDefaultNamespaceChanged:
		s.Name, s.To = e.Login, "works in "+e.Namespace
	case directory.UserAccountLinked:
		s.Name, s.To = e.Login, "is "+e.Account.ID+" of "+e.Account.Provider
	case directory.UserAccountUnlinked:
		s.Name, s.To = e.Login, "is not "+e.Account.ID+" of "+e.Account.Provider
	default:
	}
	return s
}

func blocked(is bool) string { return map[bool]string{true: "blocked", false: "not blocked"}[is] }

func onOff(on bool) string { return map[bool]string{true: "on", false: "off"}[on] }
