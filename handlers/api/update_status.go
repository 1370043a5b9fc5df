package api

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// maxSmallBody bounds bodies of a few short fields.
const maxSmallBody = 256 << 10

// updateStatus answers PATCH workflows/:id.
func (s *Server) updateStatus(c *call) (answer, error) {
	stream, err := s.stream(c)
	if err != nil {
		return answer{}, err
	}
	body, doc, err := s.document(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	f := &fields{doc: doc}
	command := &workflow.UpdateStatus{Event: workflow.StatusEvent(f.text("status_event")), Reason: f.text("reason")}
	if f.err == nil && !f.has("status_event") {
		f.err = domain.InvalidField("status_event", "status_event is missing", "send the event, such as start or stop")
	}
	if f.err != nil {
		return answer{}, f.err
	}
	r, err := s.agentRequest(c, stream, command, body)
	if err != nil {
		return answer{}, err
	}
	if out, done, err := s.later(c, r); done || err != nil {
		return out, err
	}
	if _, err := s.do(c, r); err != nil {
		return answer{}, err
	}
	w, err := s.find(c, stream.ID)
	if err != nil {
		return answer{}, err
	}
	var o object
	o.raw("workflow", s.entity(w))
	return ok(o.end()), nil
}
