package api

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// maxCreateBody bounds the body of a creation: goal and context, escaped.
const maxCreateBody = 4 << 20

// createWorkflow answers POST workflows. A client's key names the workflow as
// well as the command: a repeat finds the same one.
func (s *Server) createWorkflow(c *call) (answer, error) {
	if err := c.who.UserOnly(); err != nil {
		return answer{}, err
	}
	c.trigger = true
	body, doc, err := s.document(c, maxCreateBody)
	if err != nil {
		return answer{}, err
	}
	tenant, err := s.tenant(c)
	if err != nil {
		return answer{}, err
	}
	start, err := entry.Start(doc, tenant)
	if err != nil {
		return answer{}, err
	}
	r, err := s.startRequest(c, start, body)
	if err != nil {
		return answer{}, err
	}
	result, out, err := s.nowOrLater(c, r)
	if err != nil || out.status != 0 {
		return out, err
	}
	if !result.Workflow.Exists() {
		w, err := s.cfg.Workflows.Find(c.Context(), c.who.Tenant, workflows.Ref{ID: r.Stream.ID})
		return created(s.entity(w)), err
	}
	return created(s.entity(workflows.Workflow{
		Stream: r.Stream, Number: result.Number, State: result.Workflow, Goal: start.Goal, CallbackContext: start.CallbackContext,
	})), nil
}

func (s *Server) startRequest(c *call, start *workflow.Start, body []byte) (dispatch.Request, error) {
	key, err := c.key()
	if err != nil {
		return dispatch.Request{}, err
	}
	r := entry.StartRequest(c.who, start, key, s.cfg.NewID)
	return r, s.identify(c, &r, body)
}

// find reads the workflow a stream holds.
func (s *Server) find(c *call, id uuid.UUID, at cut.At) (workflows.Workflow, error) {
	if err := s.gate(c.Context()); err != nil {
		return workflows.Workflow{}, err
	}
	return s.cfg.Workflows.At(at).Find(c.Context(), c.who.Tenant, workflows.Ref{ID: id})
}
