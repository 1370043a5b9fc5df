package trigger

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/projections"
)

// MayResume says whether somebody may have a workflow go on: what was pinned stays,
// what is permitted is decided anew. One that is not there, or that no engine runs, is
// left to the command.
func (t *Trigger) MayResume(ctx context.Context, stream domain.StreamID, user string) error {
	return t.mayGoOn(ctx, stream, user, ActionResume, func(workflow.Status) bool { return true })
}

// MaySteer says whether somebody may hand a message to a workflow that lives. One that
// has ended takes none: what follows it is a start of its own.
func (t *Trigger) MaySteer(ctx context.Context, stream domain.StreamID, user string) error {
	return t.mayGoOn(ctx, stream, user, ActionSteer, func(s workflow.Status) bool { return !s.Terminal() })
}

func (t *Trigger) mayGoOn(ctx context.Context, stream domain.StreamID, user string, action Action, lives func(workflow.Status) bool) error {
	snap, err := t.cfg.States.Load(ctx, stream, projections.SnapshotWant{})
	if err != nil {
		return stored.Transient(err)
	}
	s := snap.Workflow
	if !s.Exists() || !lives(s.Status) || s.Created.Engine == workflow.EngineNone || s.Created.Namespace == nil {
		return nil
	}
	return stored.Transient(t.again(ctx, stream.Tenant, user, action, s))
}

// again takes those steps anew that are about permission.
func (t *Trigger) again(ctx context.Context, tenant domain.Tenant, user string, action Action, s workflow.State) error {
	who, _, err := t.person(ctx, tenant, user)
	if err != nil {
		return err
	}
	c, flow := s.Created, t.reference(s)
	if err := t.stillOn(ctx, tenant, c.Namespace.Path, flow); err != nil {
		return err
	}
	account := c.Principal.ServiceAccount
	if account != "" {
		if err := t.accountLives(ctx, tenant, account); err != nil {
			return err
		}
	}
	path := c.Namespace.Path
	if c.Project != nil {
		path = c.Project.Path
	}
	return t.cfg.Allow(ctx, Access{Tenant: tenant, User: user, Admin: who.Admin, Account: account, Flow: flow, Action: action, Path: path})
}

// stillOn says whether the group still has the flow on. The catalog is not asked: what
// was recorded runs, whatever became of the catalog.
func (t *Trigger) stillOn(ctx context.Context, tenant domain.Tenant, group, flow string) error {
	settings, basis, err := t.cfg.Directory.Flows(ctx, tenant, group)
	if err != nil {
		return fmt.Errorf("find the flows of %s: %w", group, err)
	}
	s := switches{flow: flow, group: group, settings: settings, basis: basis}
	if err := s.allowed(); err != nil {
		return err
	}
	return s.enabled()
}

func (t *Trigger) accountLives(ctx context.Context, tenant domain.Tenant, login string) error {
	account, _, err := t.cfg.Directory.User(ctx, tenant, login)
	switch {
	case missing(err):
		account = entities.User{Login: login, Blocked: true}
	case err != nil:
		return fmt.Errorf("find service account %s: %w", login, err)
	}
	if account.Blocked {
		return accountBlocked(login)
	}
	return nil
}
