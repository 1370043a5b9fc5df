package api

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
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
	c.trigger = true
	body, doc, err := s.document(c, maxCreateBody)
	if err != nil {
		return answer{}, err
	}
	ask, err := entry.Start(doc, c.who)
	if err != nil {
		return answer{}, err
	}
	start := &ask.Start
	r, err := s.startRequest(c, start, body)
	if err != nil {
		return answer{}, err
	}
	if start, r.Asked, err = s.cfg.Flows.TriggerFlow(c.Context(), ask); err != nil {
		return s.startedBefore(c, r, err)
	}
	r.Workflow, r.Principal = start, c.who.Principal(start.ServiceAccount)
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

// startedBefore answers a repeat of what was started under the same key, though it
// would be refused now; anything else stays refused.
func (s *Server) startedBefore(c *call, r dispatch.Request, refused error) (answer, error) {
	out, done, err := s.carriedOut(c, r)
	if err == nil && !done {
		err = refused
	}
	return out, err
}

// carriedOut answers a repeat of what was created before: whatever has changed since,
// it is there.
func (s *Server) carriedOut(c *call, r dispatch.Request) (answer, bool, error) {
	if r.Fresh {
		return answer{}, false, nil
	}
	w, err := s.find(c, r.Stream.ID, cut.At{})
	if domain.CodeOf(err) == domain.CodeNotFound {
		return answer{}, false, nil
	}
	if err != nil {
		return answer{}, false, err
	}
	r.Workflow = &workflow.Fork{} // it is not decided: it was
	if _, err := s.do(c, r); err != nil {
		return answer{}, false, err
	}
	return created(s.entity(w)), true, nil
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
