package trigger

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// ownerStays refuses to have a workflow go on whose runs would act for somebody who is
// gone or blocked, or who is not who had the login when it began. The one who asks is
// asked about by their facts.
func (t *Trigger) ownerStays(ctx context.Context, tenant domain.Tenant, user string, s workflow.State) error {
	login := s.Owner.User
	if login == "" || login == user {
		return nil
	}
	owner, _, err := t.cfg.Directory.User(ctx, tenant, login)
	switch {
	case missing(err):
		return actsFor("%s, whom the workflow acts for, is not there any more", login)
	case err != nil:
		return fmt.Errorf("find %s, whom the workflow acts for: %w", login, err)
	case !owner.Had(s.CreatedAt):
		return hadBefore(login)
	case owner.Blocked:
		return actsFor("%s, whom the workflow acts for, is blocked", login)
	}
	return nil
}

func hadBefore(login string) error {
	return actsFor("the workflow acts for somebody else who had the login %s before", login)
}

func actsFor(why, login string) error {
	return &domain.Error{Code: domain.CodeForbidden, Message: fmt.Sprintf(why, login), Fix: "fork it, which acts for whoever forks, or begin another"}
}

// orGone is a refusal to have a workflow go on, or, where it is that somebody may not work
// there, that the place is gone: that is why.
func (t *Trigger) orGone(ctx context.Context, tenant domain.Tenant, s workflow.State, refused error) error {
	switch domain.CodeOf(refused) {
	case domain.CodeForbidden, domain.CodeServiceAccount, domain.CodeNotFound:
	default:
		return refused
	}
	path := s.Created.Path()
	_, _, err := t.cfg.Directory.Container(ctx, tenant, path)
	switch {
	case err == nil:
		return refused
	case !missing(err):
		return fmt.Errorf("find %s: %w", path, err)
	}
	return &domain.Error{
		Code: domain.CodeWorkspaceProject, Message: fmt.Sprintf("%s, where the workflow is, is not there any more", path),
		Fix: "begin another workflow, which gets a project of its own, or have an owner of the group make it again",
	}
}
