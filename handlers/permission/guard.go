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
	facts, err := g.facts(ctx, r, q)
	if err != nil {
		return dispatch.Result{}, err
	}
	decision := access.Decide(facts)
	if refusal := decision.Refusal(); refusal != nil {
		if there {
			g.Deny(ctx, r.Stream, r.Principal, decision)
		}
		return dispatch.Result{}, refusal
	}
	r.Access = &facts
	return g.Next.Do(ctx, r)
}

// facts are those that came with the request, where a directory was asked just this for
// it; otherwise it is asked now. What the request says itself is never taken from them.
func (g Guard) facts(ctx context.Context, r dispatch.Request, q Question) (access.Facts, error) {
	if r.Asked == nil || !q.answeredBy(*r.Asked) {
		return g.Asker.Facts(ctx, q)
	}
	f := *r.Asked
	f.Action, f.Starter, f.Scope = q.Action, q.Starter, q.Scope
	return f, nil
}

// answeredBy says whether facts are about the same people, place and flow.
func (q Question) answeredBy(f access.Facts) bool {
	return f.Human.Login == q.User && f.Account.Login == q.Account && f.Path == q.Path && f.Flow.Reference == q.Flow
}

// DoAll hands on: what threads are written is the tenant's policy alone.
func (g Guard) DoAll(ctx context.Context, rs []dispatch.Request) []dispatch.Answer {
	return g.Next.DoAll(ctx, rs)
}

// Deny records a denial of something that is there: once a minute for each person, action
// and rule, however often they try. One that cannot be recorded is a denial all the same.
func (g Guard) Deny(ctx context.Context, stream domain.StreamID, who domain.Principal, d access.Decision) {
	minute := g.Now().UTC().Truncate(time.Minute).Format(time.RFC3339)
	name := fmt.Sprintf("denied\x00%s\x00%s\x00%s\x00%s", d.User, d.Action, d.Rule, minute)
	_, _ = g.Next.Do(ctx, dispatch.Request{
		Stream: stream, Workflow: &workflow.DenyAccess{Decision: d}, Principal: who, CommandID: uuid.NewSHA1(stream.ID, []byte(name)),
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
		return q.of(c), false, nil
	case *workflow.Fork:
		if c.Start.Flow.Definition == "" {
			return q, false, nil // a repeat: it is not decided, it was
		}
		q.Action = access.Fork
		return q.of(&c.Start), false, nil
	}
	action := actionOf(r.Workflow)
	if action == "" {
		return q, false, nil
	}
	snap, err := g.States.Load(ctx, r.Stream, projections.SnapshotWant{})
	if err != nil {
		return q, false, stored.Transient(err)
	}
	if snap.Workflow.Created == nil {
		return q, false, nil // the command is refused: it is not there
	}
	about := About(r.Stream.Tenant, snap.Workflow, p.User, action)
	about.Scope = r.Scope
	return about, true, nil
}

// of says where a start is, whose account acts, and what was asked for.
func (q Question) of(c *workflow.Start) Question {
	q.Path, q.Flow, q.Account = c.Path(), c.Flow.Definition, c.ServiceAccount
	if c.Triggered != nil && c.Triggered.Routing != nil {
		q.Flow = c.Triggered.Routing.Flow
	}
	return q
}

// About is what somebody wants to do with a workflow that is there.
func About(tenant domain.Tenant, s workflow.State, user string, action access.Action) Question {
	c := s.Created
	q := Question{
		Tenant: tenant, User: user, Action: action, Flow: c.Flow.Definition, Account: c.Principal.ServiceAccount,
		Path:     (&workflow.Start{Project: c.Project, Namespace: c.Namespace}).Path(),
		Recorded: true, Elsewhere: c.Engine == workflow.EngineNone, Starter: user != "" && s.Owner.User == user,
	}
	if s.Routing != nil {
		q.Flow = s.Routing.Flow
	}
	return q
}

// actionOf is what a command does to a workflow that is there; empty for what nobody has
// to be allowed beyond what their token says.
func actionOf(command workflow.Command) access.Action {
	switch c := command.(type) {
	case *workflow.RequestRun, *workflow.Decide:
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
