package api

import (
	"cmp"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/projections/queries/conversations"
)

// sendMessage answers POST /v1/messages: the message stands in the inbox, which
// needs neither the log's head nor Postgres.
func (s *Server) sendMessage(c *call) (answer, error) {
	c.trigger = true
	_, doc, err := s.document(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	id, err := s.newMessageID(c)
	if err != nil {
		return answer{}, err
	}
	command, err := entry.Message(doc, c.who, id)
	if err != nil {
		return answer{}, err
	}
	r := entry.MessageRequest(c.who, command)
	about.Of(c.Context()).Touches(r.Stream)
	envelope, err := dispatch.NewEnvelope(r)
	if err != nil {
		return answer{}, err
	}
	if err := s.cfg.Inbox.Publish(c.Context(), envelope); err != nil {
		return answer{}, fmt.Errorf("publish message %s for %s: %w", command.MessageID, r.Stream, err)
	}
	var o object
	o.text("command_id", r.CommandID.String())
	o.text("conversation_id", r.Stream.ID.String())
	o.text("message_id", command.MessageID)
	return accepted(o.end(), false), nil
}

// getConversation answers GET /v1/conversations/:uuid. With message_id and wait
// it answers when that message is assigned or refused.
func (s *Server) getConversation(c *call) (answer, error) {
	id, err := conversationID(c)
	if err != nil {
		return answer{}, err
	}
	message, err := c.query("message_id")
	if err != nil {
		return answer{}, err
	}
	at, err := s.at(c)
	if err != nil {
		return answer{}, err
	}
	var found conversations.Conversation
	var missing error
	err = s.poll(c, func() (domain.Position, bool, error) {
		var err error
		found, err = s.cfg.Conversations.At(at).Find(c.Context(), c.who.Tenant, id)
		if missing = nil; domain.CodeOf(err) == domain.CodeNotFound {
			missing, err = err, nil
		}
		return found.Next, at.Set() || missing == nil && settled(found, message), err
	})
	if err != nil || missing != nil {
		return answer{}, cmp.Or(err, missing)
	}
	return ok(conversationBody(found)), nil
}

// settled says whether there is nothing to wait for.
func settled(c conversations.Conversation, message string) bool {
	if message == "" {
		return true
	}
	m, there := c.Message(message)
	return there && (m.Workflow != uuid.Nil || m.Refused != nil)
}

func conversationBody(c conversations.Conversation) []byte {
	items := make([][]byte, len(c.Messages))
	for i, m := range c.Messages {
		var o object
		o.text("message_id", m.ID)
		o.text("author", m.Author)
		o.text("text", m.Text)
		o.time("time", m.At)
		o.uuidOrNull("workflow", &m.Workflow)
		if m.WorkflowNumber == nil {
			o.raw("workflow_number", []byte("null"))
		} else {
			o.int("workflow_number", *m.WorkflowNumber)
		}
		o.textOrNull("mode", string(m.Mode))
		o.rawOrNull("refused", refusal(m.Message))
		items[i] = o.end()
	}
	var o object
	o.text("id", c.ID.String())
	o.value("place", c.Place)
	o.uuidOrNull("workflow", c.Workflow)
	o.raw("messages", list(items))
	return o.end()
}

// refusal is why a message was refused, and how far its trigger came.
func refusal(m conversation.Message) []byte {
	r := m.Refused
	if r == nil {
		return nil
	}
	var o object
	o.text("code", string(r.Code))
	o.text("message", r.Message)
	o.text("fix", r.Fix)
	o.textOrNull("stopped_at", string(m.Stopped.StoppedAt()))
	if m.Stopped == nil {
		o.raw("trigger", []byte("null"))
	} else {
		o.value("trigger", m.Stopped)
	}
	return o.end()
}

// newMessageID is the id of a message that has none of its own.
func (s *Server) newMessageID(c *call) (string, error) {
	key, err := c.key()
	switch {
	case err != nil:
		return "", err
	case key == "":
		return s.cfg.NewID().String(), nil
	}
	return c.who.Named("message", key).String(), nil
}
