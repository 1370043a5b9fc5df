package api

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
)

// resumeWorkflow answers POST workflows/:id/resume: a person decides about what the
// workflow waits for, and a new run goes on.
func (s *Server) resumeWorkflow(c *call) (answer, error) {
	stream, body, doc, err := s.onWorkflow(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	f := &document.Fields{Doc: doc}
	command := &workflow.Decide{Approved: f.Flag("human_approval", false), Message: f.Text("human_message")}
	if f.Err == nil && !f.Has("human_approval") {
		f.Err = domain.InvalidField("human_approval", "human_approval is missing", "send true or false")
	}
	if f.Err != nil {
		return answer{}, f.Err
	}
	r, err := s.agentRequest(c, stream, command, body)
	if err != nil {
		return answer{}, err
	}
	w, out, err := s.changed(c, r)
	if err != nil || out.status != 0 {
		return out, err
	}
	return created(s.entity(w)), nil
}
