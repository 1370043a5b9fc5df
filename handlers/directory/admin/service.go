package admin

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// Dispatcher carries out commands: Do returns when the effect is visible, or with a
// *domain.Error.
type Dispatcher interface {
	Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error)
}

// Service changes the directory. It is safe for concurrent use.
type Service struct {
	queries  *querying.Queries
	dispatch Dispatcher
	tokens   Tokens
	newID    func() uuid.UUID
}

// New makes a Service.
func New(queries *querying.Queries, dispatch Dispatcher, tokens Tokens, newID func() uuid.UUID) *Service {
	return &Service{queries: queries, dispatch: dispatch, tokens: tokens, newID: newID}
}

// CheckNamespace refuses changes that name what is not there in other streams: users,
// and workflows that run in a project which is to go.
func (s *Service) CheckNamespace(ctx context.Context, tenant domain.Tenant, c *directory.ChangeNamespace) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return s.queries.Read(ctx, tenant, func(v *querying.View) error {
		made := map[string]bool{}
		for i, one := range c.Changes {
			if one.CreateServiceAccount != nil {
				made[one.CreateServiceAccount.Login] = true
			}
			field, err := checkOne(ctx, v, c.Root, one, made)
			if err != nil {
				return document.InField(fmt.Sprintf("changes[%d].%s", i, field), err)
			}
		}
		return nil
	})
}

// checkOne gives the field that a refusal is about.
func checkOne(ctx context.Context, v *querying.View, root string, c directory.Change, made map[string]bool) (field string, err error) {
	switch {
	case c.CreateNamespace != nil:
		return "create_namespace.owner", isUser(ctx, v, c.CreateNamespace.Owner)
	case c.SetMember != nil:
		if made[c.SetMember.Login] {
			return "", nil
		}
		account, err := v.AccountIn(ctx, root, c.SetMember.Login)
		if err != nil || account.There() {
			return "", err
		}
		return "set_member.login", isUser(ctx, v, c.SetMember.Login)
	case c.CreateServiceAccount != nil:
		return "create_service_account.login", isNoUser(ctx, v, c.CreateServiceAccount.Login)
	case c.DeleteContainer != nil:
		return "delete_container.path", isIdle(ctx, v, c.DeleteContainer.Path)
	}
	return "", nil
}

func isUser(ctx context.Context, v *querying.View, login string) error {
	if err := directory.CheckLogin("login", login); err != nil {
		return err
	}
	e, err := v.User(ctx, login)
	if err == nil && !e.There() {
		err = noSuchUser(login)
	}
	return err
}

func noSuchUser(login string) error {
	return &domain.Error{Code: domain.CodeNotFound, Message: fmt.Sprintf("there is no user or service account %s", login), Fix: "create it first: duolog user create " + login}
}

func isNoUser(ctx context.Context, v *querying.View, login string) error {
	if err := directory.CheckLogin("login", login); err != nil {
		return err
	}
	e, err := v.User(ctx, login)
	if err == nil && e.There() {
		err = taken(login)
	}
	return err
}

func taken(login string) error {
	return &domain.Error{Code: domain.CodeConflict, Message: login + " is a user", Fix: "choose another login for the service account"}
}

func isIdle(ctx context.Context, v *querying.View, path string) error {
	n, err := v.Running(ctx, path)
	if err == nil && n > 0 {
		err = &domain.Error{Code: domain.CodeConflict, Message: fmt.Sprintf("%d workflows run in %s", n, path), Fix: "stop them first: duolog workflow list --project " + path}
	}
	return err
}

// CheckUser refuses a default namespace that is not there, and to lose the last who
// administers.
func (s *Service) CheckUser(ctx context.Context, tenant domain.Tenant, c *directory.ChangeUser) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return s.queries.Read(ctx, tenant, func(v *querying.View) error {
		if steps := c.Admin != nil && !*c.Admin || c.Blocked != nil && *c.Blocked; steps {
			if err := keepsAnAdmin(ctx, v, c.Login); err != nil {
				return err
			}
		}
		if c.DefaultNamespace == nil || *c.DefaultNamespace == "" {
			return nil
		}
		e, err := v.Container(ctx, *c.DefaultNamespace)
		switch {
		case err != nil:
			return err
		case !e.There():
			return document.InField("default_namespace", noSuchGroup(*c.DefaultNamespace))
		case e.Project != nil:
			return domain.InvalidField("default_namespace", *c.DefaultNamespace+" is a project", "name a group")
		}
		return nil
	})
}

func noSuchGroup(path string) error {
	return &domain.Error{Code: domain.CodeNotFound, Message: "there is no group " + path, Fix: "create it first: duolog namespace create " + path}
}
