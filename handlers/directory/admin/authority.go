package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// Authority is what somebody may change.
type Authority struct {
	user string
	// open says that the directory has nobody yet who could be asked.
	open, admin bool
	// owners are those of each root group.
	owners map[string][]string
	owned  []string
}

// AuthorityOf finds out what a user of a tenant may change: administrators all, owners
// their namespace. While there is neither, everybody may begin.
func (s *Service) AuthorityOf(ctx context.Context, tenant domain.Tenant, user string) (Authority, error) {
	a := Authority{user: user, owners: map[string][]string{}}
	err := s.queries.Read(ctx, tenant, func(v *querying.View) error {
		roots, err := v.Roots(ctx)
		if err != nil {
			return err
		}
		for _, root := range roots {
			a.owners[root.Path] = root.Top.Owners
			standing, err := v.Standing(ctx, user, root.Path)
			if err != nil {
				return err
			}
			if standing.Level() == directory.Owner {
				a.owned = append(a.owned, root.Path)
			}
		}
		return a.asUser(ctx, v)
	})
	return a, err
}

func (a *Authority) asUser(ctx context.Context, v *querying.View) error {
	e, err := v.User(ctx, a.user)
	if err != nil {
		return err
	}
	a.admin = e.There() && e.User.Administers()
	if a.admin || len(a.owners) > 0 {
		return nil
	}
	users, err := v.Users(ctx, "", querying.All)
	a.open = !slices.ContainsFunc(users, administers)
	return err
}

// Namespace refuses who may not change a root group.
func (a Authority) Namespace(root string) error {
	owners, there := a.owners[root]
	switch {
	case a.admin, a.open, slices.Contains(a.owned, root):
		return nil
	case !there:
		return forbidden(fmt.Sprintf("%s may not create a namespace", a.name()), "ask an administrator")
	}
	return forbidden(fmt.Sprintf("%s may not change %s", a.name(), root), "ask an administrator, or one of its owners: "+strings.Join(owners, ", "))
}

// User refuses who may not change a user so: what only administrators do, owners do
// not, and people may change of themselves how they are called and where they work.
func (a Authority) User(c *directory.ChangeUser) error {
	risky := c.Admin != nil || c.Blocked != nil || len(c.Link) > 0 || len(c.Unlink) > 0
	switch {
	case a.admin, a.open:
		return nil
	case risky:
		return forbidden(fmt.Sprintf("%s may not say who administers, is blocked, or has which accounts elsewhere", a.name()), "ask an administrator")
	case len(a.owned) > 0, c.Login == a.user && !c.Create:
		return nil
	}
	return forbidden(fmt.Sprintf("%s may not change %s", a.name(), c.Login), "ask an administrator, or the owner of a namespace")
}

// Remove refuses who may not remove a user: administrators do, and not themselves.
func (a Authority) Remove(login string) error {
	switch {
	case login == a.user:
		return &domain.Error{Code: domain.CodeConflict, Field: "login", Message: login + " asks for their own removal", Fix: "ask another administrator"}
	case a.admin, a.open:
		return nil
	}
	return forbidden(fmt.Sprintf("%s may not remove %s", a.name(), login), "ask an administrator")
}

func (a Authority) name() string { return cmp.Or(a.user, "a caller without a name") }

func forbidden(message, fix string) error {
	return &domain.Error{Code: domain.CodeForbidden, Message: message, Fix: fix}
}
