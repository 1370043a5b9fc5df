package admin

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/projections/queries/cut"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// Export is the whole directory of a tenant as the document that makes it.
func (s *Service) Export(ctx context.Context, tenant domain.Tenant, at cut.At) (Document, error) {
	var d Document
	err := s.queries.At(at).Read(ctx, tenant, func(v *querying.View) error {
		d = Document{}
		users, err := v.Users(ctx, "", querying.All)
		if err != nil {
			return err
		}
		for _, e := range users {
			d.Users = append(d.Users, userOf(e))
		}
		roots, err := v.Roots(ctx)
		if err != nil {
			return err
		}
		for _, root := range roots {
			n, err := namespaceOf(ctx, v, root)
			if err != nil {
				return err
			}
			d.Namespaces = append(d.Namespaces, n)
		}
		return nil
	})
	return d, err
}

func userOf(e directory.Entry) User {
	u := User{Login: e.Name, Accounts: e.User.Links}
	for _, text := range []struct {
		is string
		to **string
	}{{e.User.Name, &u.Name}, {e.User.Email, &u.Email}, {e.User.DefaultNamespace, &u.DefaultNamespace}} {
		if text.is != "" {
			*text.to = &text.is
		}
	}
	if e.User.Admin {
		u.Admin = &e.User.Admin
	}
	if e.User.Blocked {
		u.Blocked = &e.User.Blocked
	}
	return u
}

func namespaceOf(ctx context.Context, v *querying.View, root directory.Entry) (Namespace, error) {
	n := Namespace{FoundationalFlows: &root.Top.FoundationalAllowed}
	if root.Top.Plan != "" {
		n.Plan = &root.Top.Plan
	}
	for _, p := range root.Top.Policies {
		if n.Policies == nil {
			n.Policies = map[string]string{}
		}
		n.Policies[p.Name] = p.Value
	}
	for _, f := range root.Top.Flows {
		if f.Enabled {
			n.Flows = append(n.Flows, f.Reference)
		}
	}
	accounts, err := v.Accounts(ctx, root.Path)
	if err != nil {
		return n, err
	}
	for _, e := range accounts {
		n.ServiceAccounts = append(n.ServiceAccounts, Account{Login: e.Name, Flow: e.Account.Flow, Name: e.Account.Name, Blocked: e.Account.Blocked})
	}
	return n, n.fill(ctx, v, root.Path)
}

// fill adds groups and projects with their members and flags.
func (n *Namespace) fill(ctx context.Context, v *querying.View, root string) error {
	containers, err := v.Containers(ctx, root, "", querying.All)
	if err != nil {
		return err
	}
	members, err := v.AllMembers(ctx, root)
	if err != nil {
		return err
	}
	flags, err := v.Flags(ctx, root)
	if err != nil {
		return err
	}
	at := make(map[string]*Place, len(containers))
	for _, c := range containers {
		at[c.Path] = &Place{Path: c.Path}
	}
	for _, e := range members {
		p := at[e.Path]
		if p.Members == nil {
			p.Members = map[string]Level{}
		}
		p.Members[e.Name] = Level(e.Level)
	}
	for _, e := range flags {
		p := at[e.Path]
		if p.Flags == nil {
			p.Flags = map[string]bool{}
		}
		p.Flags[e.Name] = e.On
	}
	for _, c := range containers {
		switch {
		case c.Path == root:
			n.Place = *at[c.Path]
		case c.Project != nil:
			n.Projects = append(n.Projects, Project{Place: *at[c.Path], Settings: c.Project})
		default:
			n.Groups = append(n.Groups, *at[c.Path])
		}
	}
	return nil
}
