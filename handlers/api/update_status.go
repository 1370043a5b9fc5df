package api

import "github.com/duolog/duolog/handlers/entry"

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
	command, err := entry.StatusChange(doc)
	if err != nil {
		return answer{}, err
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
