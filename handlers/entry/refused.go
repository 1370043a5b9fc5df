package entry

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
)

// RefusedAnyway is the refusal of a command that no state would take.
func RefusedAnyway(r dispatch.Request) error {
	if c, ok := r.Conversation.(*conversation.ReceiveMessage); ok {
		return c.Validate()
	}
	switch c := r.Workflow.(type) {
	case *workflow.Start:
		_, err := c.Decide(workflow.State{}, nil, workflow.Env{CommandID: r.CommandID, Workflow: r.Stream.ID, Principal: r.Principal})
		return err
	case *workflow.Fork:
		_, err := c.Decide(workflow.State{}, nil, workflow.Env{CommandID: r.CommandID, Workflow: r.Stream.ID, Principal: r.Principal})
		return err
	case *workflow.SaveCheckpoint:
		return c.Prepare()
	case *workflow.RecordWrites:
		some := workflow.State{Created: &workflow.Created{}}
		_, err := c.Decide(some, workflow.NewFacts(), workflow.Env{Workflow: r.Stream.ID, AllowRunless: true})
		return err
	case *workflow.UpdateStatus:
		_, _, err := workflow.Transition(workflow.StatusCreated, c.Event)
		if domain.CodeOf(err) == domain.CodeUnknownEvent {
			return err
		}
		return domain.CheckText("reason", c.Reason, workflow.MaxShortText)
	}
	return nil
}
