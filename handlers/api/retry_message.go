package api

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/entry"
)

// retryMessage answers POST /v1/conversations/:uuid/retry: a message that was refused
// is tried again.
func (s *Server) retryMessage(c *call) (answer, error) {
	c.trigger = true
	id, err := conversationID(c)
	if err != nil {
		return answer{}, err
	}
	body, doc, err := s.document(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	command, err := entry.Retry(doc)
	if err != nil {
		return answer{}, err
	}
	r := entry.RetryRequest(c.who, id, command)
	about.Of(c.Context()).Touches(r.Stream)
	if err := s.identify(c, &r, body); err != nil {
		return answer{}, err
	}
	result, err := s.do(c, r)
	if err != nil {
		return answer{}, err
	}
	var o object
	o.text("conversation_id", id.String())
	o.text("message_id", command.MessageID)
	o.bool("changed", result.Changed)
	return ok(o.end()), nil
}

// conversationID is the conversation that the path names.
func conversationID(c *call) (uuid.UUID, error) {
	id, err := document.ParseUUID(c.PathValue("id"))
	if err != nil {
		return id, document.InvalidField("id", fmt.Sprintf("id must be a conversation's UUID, got %.64q", c.PathValue("id")), "send the conversation_id that sending a message returned", err)
	}
	return id, nil
}
