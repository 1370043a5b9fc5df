package trigger

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// ownerStays refuses to have a workflow go on whose runs would act for somebody who is
// gone or blocked, or who is not who had the login when it began. Whether the one who
// asks is known is asked about them.
func (t *Trigger) ownerStays(ctx context.Context, tenant domain.Tenant, user string, s workflow.State) error {
	login := s.Owner.User
	if login == "" {
		return nil
	}
	owner, _, err := t.cfg.Directory.User(ctx, tenant, login)
	why := ""
	switch {
	case err != nil && !missing(err):
		return fmt.Errorf("find %s, whom the workflow acts for: %w", login, err)
	case err == nil && !owner.Had(s.CreatedAt):
		why = fmt.Sprintf("the workflow acts for somebody else who had the login %s before", login)
	case login == user:
	case err != nil:
		why = fmt.Sprintf("%s, whom the workflow acts for, is not there any more", login)
	case owner.Blocked:
		why = fmt.Sprintf("%s, whom the workflow acts for, is blocked", login)
	}
	if why == "" {
		return nil
	}
	return &domain.Error{Code: domain.CodeForbidden, Message: why, Fix: "fork it, which acts for whoever forks, or begin another"}
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
