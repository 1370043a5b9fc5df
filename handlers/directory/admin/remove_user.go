package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/entry"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// Tokens are those that people have. What Revoke ended MUST outlive the process.
type Tokens interface {
	List(ctx context.Context, tenant domain.Tenant) ([]entry.Token, error)
	Revoke(ctx context.Context, id uuid.UUID) error
}

// Removable refuses to remove a user whom nobody knows, who alone owns a root group, or
// who alone administers. One who was removed is there no more, and stays so.
func (s *Service) Removable(ctx context.Context, tenant domain.Tenant, login string) (there bool, err error) {
	if err := directory.CheckLogin("login", login); err != nil {
		return false, err
	}
	err = s.queries.Read(ctx, tenant, func(v *querying.View) error {
		e, err := v.User(ctx, login)
		if err != nil {
			return err
		}
		if there = e.There(); !there {
			if !e.Removed {
				err = noUser(login)
			}
			return err
		}
		roots, err := v.Roots(ctx)
		if err != nil {
			return err
		}
		for _, root := range roots {
			if slices.Equal(root.Top.Owners, []string{login}) {
				return lastOwner(login, root.Path)
			}
		}
		return keepsAnAdmin(ctx, v, login)
	})
	return there, err
}

// RemoveUser takes all that a login has, and then the login. remove carries out the
// command. A crash in between leaves a user who has less; the same request does the
// rest.
func (s *Service) RemoveUser(ctx context.Context, tenant domain.Tenant, who domain.Principal, login string, remove func() error) error {
	if err := s.vacate(ctx, tenant, who, login); err != nil {
		return err
	}
	if err := remove(); err != nil {
		return err
	}
	return s.revoke(ctx, tenant, login) // what they made while they went
}

// Vacate makes sure that a login which somebody else had comes with nothing of theirs.
func (s *Service) Vacate(ctx context.Context, tenant domain.Tenant, who domain.Principal, login string) error {
	var was directory.Entry
	err := s.queries.Read(ctx, tenant, func(v *querying.View) (err error) {
		was, err = v.User(ctx, login)
		return err
	})
	if err != nil || !was.Removed {
		return err
	}
	return s.vacate(ctx, tenant, who, login)
}

func (s *Service) vacate(ctx context.Context, tenant domain.Tenant, who domain.Principal, login string) error {
	if err := s.leave(ctx, tenant, who, login); err != nil {
		return err
	}
	return s.revoke(ctx, tenant, login)
}

// leave ends the memberships of a login, namespace by namespace.
func (s *Service) leave(ctx context.Context, tenant domain.Tenant, who domain.Principal, login string) error {
	var has []directory.Entry
	err := s.queries.Read(ctx, tenant, func(v *querying.View) (err error) {
		has, err = v.MembershipsOf(ctx, login)
		return err
	})
	if err != nil {
		return err
	}
	in := map[string][]directory.Change{}
	for _, e := range has {
		root := directory.Root(e.Path)
		in[root] = append(in[root], directory.Change{RemoveMember: &directory.RemoveMember{Path: e.Path, Login: login}})
	}
	for _, root := range slices.Sorted(maps.Keys(in)) {
		for _, changes := range inCommits(in[root]) {
			_, err := s.dispatch.Do(ctx, dispatch.Request{
				Stream: directory.NamespaceStream(tenant, root), Directory: &directory.ChangeNamespace{Root: root, Changes: changes},
				CommandID: s.newID(), Fresh: true, Principal: who,
			})
			if err != nil {
				return fmt.Errorf("end the memberships of %s in %s: %w", login, root, err)
			}
		}
	}
	return nil
}

// revoke ends the tokens of a login. Those of runs end with what they may do.
func (s *Service) revoke(ctx context.Context, tenant domain.Tenant, login string) error {
	all, err := s.tokens.List(ctx, tenant)
	if err != nil {
		return fmt.Errorf("list the tokens of %s: %w", login, err)
	}
	for _, t := range all {
		if t.User != login || t.Revoked {
			continue
		}
		if err := s.tokens.Revoke(ctx, t.ID); err != nil {
			return fmt.Errorf("revoke token %s of %s: %w", t.ID, login, err)
		}
	}
	return nil
}

// keepsAnAdmin refuses to lose the last who administers.
func keepsAnAdmin(ctx context.Context, v *querying.View, login string) error {
	all, err := v.Users(ctx, "", querying.All)
	if err != nil {
		return err
	}
	admins := slices.DeleteFunc(all, func(e directory.Entry) bool { return !administers(e) })
	if len(admins) == 1 && admins[0].Name == login {
		return lastAdmin("login", login)
	}
	return nil
}

func administers(user directory.Entry) bool { return user.User.Administers() }

func noUser(login string) error {
	return &domain.Error{Code: domain.CodeNotFound, Field: "login", Message: "there is no user " + login, Fix: "duolog user list shows those there are"}
}

func lastOwner(login, root string) error {
	return &domain.Error{
		Code: domain.CodeConflict, Field: "login", Message: fmt.Sprintf("%s is the last owner of %s", login, root),
		Fix: "make somebody else an owner first: duolog member set " + root + " LOGIN owner",
	}
}

func lastAdmin(field, login string) error {
	return &domain.Error{
		Code: domain.CodeConflict, Field: field, Message: login + " is the last who administers",
		Fix: "make somebody else an administrator first: duolog user set LOGIN --admin",
	}
}
