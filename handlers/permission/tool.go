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

// ToolCall is a run that asks to be allowed a tool.
type ToolCall struct {
	Stream domain.StreamID
	// Principal is the human, the account and the run.
	Principal domain.Principal
	Scope     access.Scope
	Use       workflow.ToolUse
}

// UseTool decides anew whether a run may use a tool now, and records it: what is allowed
// once for each run and tool, what is denied once a minute. A denial is access_denied,
// and counts even where it cannot be recorded; what is allowed counts when it stands in
// the log. A run that was replaced is stale_run.
func (g Guard) UseTool(ctx context.Context, c ToolCall) (access.Decision, error) {
	snap, err := g.States.Load(ctx, c.Stream, projections.SnapshotWant{})
	if err != nil {
		return access.Decision{}, stored.Transient(err)
	}
	if snap.Workflow.Created == nil {
		return access.Decision{}, &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow", Fix: "check the id"}
	}
	q := About(c.Stream.Tenant, snap.Workflow, c.Principal.User, access.UseTool)
	q.Scope, q.Tool, q.Account = c.Scope, c.Use.Tool, c.Principal.ServiceAccount
	facts, err := g.Asker.Facts(ctx, q)
	if err != nil {
		return access.Decision{}, err
	}
	decision := access.Decide(facts)
	_, err = g.Next.Do(ctx, dispatch.Request{
		Stream: c.Stream, Workflow: &workflow.DecideTool{ToolUse: c.Use, Decision: decision}, Principal: c.Principal,
		CommandID: uuid.NewSHA1(c.Stream.ID, []byte(g.once(c, decision))),
	})
	if refusal := decision.Refusal(); refusal != nil {
		if domain.CodeOf(err) == domain.CodeStaleRun {
			return decision, err
		}
		return decision, refusal
	}
	return decision, err
}

// once names a decision about a tool, so that it is recorded as often as it should be.
func (g Guard) once(c ToolCall, d access.Decision) string {
	name := fmt.Sprintf("tool\x00%s\x00%s", c.Principal.Run.ID, c.Use.Tool)
	if d.Allowed {
		return name
	}
	return name + "\x00" + string(d.Rule) + "\x00" + g.Now().UTC().Truncate(time.Minute).Format(time.RFC3339)
}
