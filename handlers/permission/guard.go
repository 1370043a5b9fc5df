package permission

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/projections"
)

// Dispatcher carries out commands, as dispatch.Dispatcher does.
type Dispatcher interface {
	Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error)
	DoAll(ctx context.Context, rs []dispatch.Request) []dispatch.Answer
}

// States reads a stream as it stands.
type States interface {
	Load(ctx context.Context, id domain.StreamID, w projections.SnapshotWant) (*projections.Snapshot, error)
}

// Guard is a Dispatcher that asks who may have a command before it hands it on.
type Guard struct {
	Next   Dispatcher
	States States
	Asker  Asker
	Now    func() time.Time
}

// Do returns access_denied for what the caller may not have, and not_now while that
// cannot be told. A denial of something that is there is recorded with it first: a crash
// between leaves the record and no answer, and the same request is denied again.
func (g Guard) Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error) {
	q, there, err := g.question(ctx, r)
	if err != nil {
		return dispatch.Result{}, err
	}
	if q.Action == "" {
		return g.Next.Do(ctx, r)
	}
	facts, err := g.Asker.Facts(ctx, q)
	if err != nil {
		return dispatch.Result{}, err
	}
	decision := access.Decide(facts)
	if refusal := decision.Refusal(); refusal != nil {
		if there {
			g.deny(ctx, r, decision)
		}
		return dispatch.Result{}, refusal
	}
	r.Access = &facts
	return g.Next.Do(ctx, r)
}

// DoAll hands on: what threads are written is the tenant's policy alone.
func (g Guard) DoAll(ctx context.Context, rs []dispatch.Request) []dispatch.Answer {
	return g.Next.DoAll(ctx, rs)
}

// deny records a denial: once a minute for each person, action and rule, however often
// they try. One that cannot be recorded is a denial all the same.
func (g Guard) deny(ctx context.Context, r dispatch.Request, d access.Decision) {
	minute := g.Now().UTC().Truncate(time.Minute).Format(time.RFC3339)
	name := fmt.Sprintf("denied\x00%s\x00%s\x00%s\x00%s", d.User, d.Action, d.Rule, minute)
	_, _ = g.Next.Do(ctx, dispatch.Request{
		Stream: r.Stream, Workflow: &workflow.DenyAccess{Decision: d}, Principal: r.Principal,
		CommandID: uuid.NewSHA1(r.Stream.ID, []byte(name)),
	})
}

// systemTrigger acts for the author of a message.
const systemTrigger = "trigger"

// question is what has to be asked about a command; none where nobody has to be
// allowed. there says that it is about a workflow that exists.
func (g Guard) question(ctx context.Context, r dispatch.Request) (q Question, there bool, err error) {
	p := r.Principal
	if r.Workflow == nil || p.Run != nil || p.System != "" && p.System != systemTrigger {
		return q, false, nil
	}
	q = Question{Tenant: r.Stream.Tenant, User: p.User, Scope: r.Scope}
	switch c := r.Workflow.(type) {
	case *workflow.Start:
		q.Action = access.Start
		return q.of(c.Project, c.Namespace, c.Flow, c.ServiceAccount), false, nil
	case *workflow.Fork:
		if c.Start.Flow.Definition == "" {
			return q, false, nil // a repeat: it is not decided, it was
		}
		q.Action = access.Fork
		return q.of(c.Start.Project, c.Start.Namespace, c.Start.Flow, c.Start.ServiceAccount), false, nil
	}
	action := actionOf(r.Workflow)
	if action == "" {
		return q, false, nil
	}
	snap, err := g.States.Load(ctx, r.Stream, projections.SnapshotWant{})
	if err != nil {
		return q, false, stored.Transient(err)
	}
	created := snap.Workflow.Created
	if created == nil {
		return q, false, nil // the command is refused: it is not there
	}
	q.Action, q.Starter, q.Began = action, snap.Workflow.Owner.User == p.User && p.User != "", snap.Workflow.CreatedAt
	return q.of(created.Project, created.Namespace, created.Flow, created.Principal.ServiceAccount), true, nil
}

// of says where it is and whose account acts.
func (q Question) of(project, namespace *workflow.Container, flow workflow.Flow, account string) Question {
	switch {
	case project != nil:
		q.Path = project.Path
	case namespace != nil:
		q.Path = namespace.Path
	}
	q.Flow, q.Account = flow.Definition, account
	return q
}

// actionOf is what a command does to a workflow that is there; empty for what nobody has
// to be allowed beyond what their token says.
func actionOf(command workflow.Command) access.Action {
	switch c := command.(type) {
	case *workflow.RequestRun:
		return access.Resume
	case *workflow.QueueMail, *workflow.ReceiveMessage:
		return access.Steer
	case *workflow.Branch:
		return access.Fork
	case *workflow.Redeliver:
		return access.Redeliver
	case *workflow.UpdateStatus:
		switch {
		case c.Event == workflow.EventStop:
			return access.Stop
		case c.Run:
			return access.Resume
		}
	}
	return ""
}
