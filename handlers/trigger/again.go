package trigger

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/permission"
	"github.com/duolog/duolog/projections"
)

// MayResume says whether somebody may have a workflow go on: what was pinned stays,
// what is permitted is decided anew. It returns what it asked, for the command that
// follows: nobody asks that again. One that is not there, or that no engine runs, is left
// to the command; nothing was asked then.
func (t *Trigger) MayResume(ctx context.Context, stream domain.StreamID, user string) (*access.Facts, error) {
	return t.mayGoOn(ctx, stream, user, access.Resume, func(workflow.Status) bool { return true })
}

// MaySteer says whether somebody may hand a message to a workflow that lives, as
// MayResume does. One that has ended takes none: what follows it is a start of its own.
func (t *Trigger) MaySteer(ctx context.Context, stream domain.StreamID, user string) (*access.Facts, error) {
	return t.mayGoOn(ctx, stream, user, access.Steer, func(s workflow.Status) bool { return !s.Terminal() })
}

func (t *Trigger) mayGoOn(ctx context.Context, stream domain.StreamID, user string, action access.Action, lives func(workflow.Status) bool) (*access.Facts, error) {
	snap, err := t.cfg.States.Load(ctx, stream, projections.SnapshotWant{})
	if err != nil {
		return nil, stored.Transient(err)
	}
	s := snap.Workflow
	if !s.Exists() || !lives(s.Status) || s.Created.Engine == workflow.EngineNone || s.Created.Namespace == nil {
		return nil, nil
	}
	if err := t.ownerStays(ctx, stream.Tenant, user, s); err != nil {
		return nil, stored.Transient(err)
	}
	asked := permission.About(stream.Tenant, s, user, action)
	facts, err := t.asker.Facts(ctx, asked)
	if err == nil && asked.Starter && !facts.Starter && !facts.Human.Gone {
		err = hadBefore(user)
	}
	if err != nil {
		return nil, stored.Transient(err)
	}
	decision := access.Decide(facts)
	if err := refusal(decision, facts); err != nil {
		t.cfg.Denied(ctx, stream, domain.Principal{User: user}, decision)
		return nil, stored.Transient(t.orGone(ctx, stream.Tenant, s, err))
	}
	return &facts, nil
}
