package api

import "github.com/duolog/duolog/handlers/entry"

// maxSmallBody bounds bodies of a few short fields.
const maxSmallBody = 256 << 10

// updateStatus answers PATCH workflows/:id.
func (s *Server) updateStatus(c *call) (answer, error) {
	stream, body, doc, err := s.onWorkflow(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	command, err := entry.StatusChange(doc)
	if err != nil {
		return answer{}, err
	}
	r, err := s.agentRequest(c, stream, command, body)
	if err != nil {
		return answer{}, err
	}
	if command.Run && c.who.Run == nil {
		if r.Asked, err = s.cfg.Flows.MayResume(c.Context(), stream, c.who.User); err != nil {
			return answer{}, err
		}
	}
	w, out, err := s.changed(c, r)
	if err != nil || out.status != 0 {
		return out, err
	}
	var o object
	o.raw("workflow", s.entity(w))
	return ok(o.end()), nil
}
