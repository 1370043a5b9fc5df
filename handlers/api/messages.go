package api

import (
	"cmp"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/projections/queries/conversations"
)

// The surface of this API: its messages come from a console.
const (
	consoleAdapter = "console"
	defaultChannel = "general"
)

// sendMessage answers POST /v1/messages: the message stands in the inbox, which
// needs neither the log's head nor Postgres.
func (s *Server) sendMessage(c *call) (answer, error) {
	if err := c.userOnly(); err != nil {
		return answer{}, err
	}
	c.trigger = true
	_, doc, err := s.document(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	command, err := s.messageOf(c, doc)
	if err != nil {
		return answer{}, err
	}
	id := command.Place.ID(c.who.Tenant)
	r := dispatch.Request{
		Stream:       domain.StreamID{Tenant: c.who.Tenant, Kind: domain.KindConversation, ID: id},
		Conversation: command, Principal: c.principal(""),
		CommandID: dispatch.CommandID(c.who.Tenant, c.keyOwner(), "message:"+id.String()+":"+command.MessageID),
	}
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
	o.text("conversation_id", id.String())
	o.text("message_id", command.MessageID)
	return accepted(o.end(), false), nil
}

// messageOf reads a message. One without a thread begins its own.
func (s *Server) messageOf(c *call, doc document) (*conversation.ReceiveMessage, error) {
	f := &fields{doc: doc}
	command := &conversation.ReceiveMessage{
		MessageID: f.text("message_id"), Author: cmp.Or(f.text("author"), c.who.User), Text: f.text("text"), Flow: f.text("flow"),
		Place: conversation.Place{Adapter: consoleAdapter, Channel: cmp.Or(f.text("channel"), defaultChannel), Thread: f.text("thread")},
	}
	if f.err != nil {
		return nil, f.err
	}
	if command.MessageID == "" {
		var err error
		if command.MessageID, err = s.newMessageID(c); err != nil {
			return nil, err
		}
	}
	command.Place.Thread = cmp.Or(command.Place.Thread, command.MessageID)
	return command, command.Validate()
}

// getConversation answers GET /v1/conversations/:uuid. With message_id and wait
// it answers when that message is assigned or refused.
func (s *Server) getConversation(c *call) (answer, error) {
	if err := c.userOnly(); err != nil {
		return answer{}, err
	}
	id, err := parseUUID(c.PathValue("id"))
	if err != nil {
		return answer{}, invalidField("id", fmt.Sprintf("id must be a conversation's UUID, got %.64q", c.PathValue("id")), "send the conversation_id that sending a message returned", err)
	}
	message, err := c.query("message_id")
	if err != nil {
		return answer{}, err
	}
	var found conversations.Conversation
	var missing error
	err = s.poll(c, func() (domain.Position, bool, error) {
		var err error
		found, err = s.cfg.Conversations.Find(c.Context(), c.who.Tenant, id)
		if missing = nil; domain.CodeOf(err) == domain.CodeNotFound {
			missing, err = err, nil
		}
		return found.Next, missing == nil && settled(found, message), err
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
		o.rawOrNull("refused", refusal(m.Refused))
		items[i] = o.end()
	}
	var o object
	o.text("id", c.ID.String())
	o.value("place", c.Place)
	o.uuidOrNull("workflow", c.Workflow)
	o.raw("messages", list(items))
	return o.end()
}

func refusal(r *conversation.MessageRefused) []byte {
	if r == nil {
		return nil
	}
	var o object
	o.text("code", string(r.Code))
	o.text("message", r.Message)
	o.text("fix", r.Fix)
	return o.end()
}

// newMessageID is the id of a message whose sender gave none.
func (s *Server) newMessageID(c *call) (string, error) {
	key, err := c.key()
	if err != nil {
		return "", err
	}
	var id uuid.UUID
	if key == "" {
		id = s.cfg.NewID()
	} else {
		id = keyedID(c, "message", key)
	}
	return id.String(), nil
}
