package entry

import (
	"cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
)

// The surface of what is sent as a document: such messages come from a console.
const (
	consoleAdapter = "console"
	defaultChannel = "general"
)

// Message reads a message to the agent. One without an id of its own gets id, one
// without a thread begins its own.
func Message(doc document.Object, c Caller, id string) (*conversation.ReceiveMessage, error) {
	f := &document.Fields{Doc: doc}
	command := &conversation.ReceiveMessage{
		MessageID: cmp.Or(f.Text("message_id"), id), Author: cmp.Or(f.Text("author"), c.User), Text: f.Text("text"), Flow: f.Text("flow"),
	}
	command.Place = consolePlace(f, command.MessageID)
	if f.Err != nil {
		return nil, f.Err
	}
	if command.Author != c.User {
		// What follows is done with the author's rights.
		if err := c.Scope.Require(access.ScopeAdmin); err != nil {
			return nil, document.InField("author", err)
		}
	}
	return command, command.Validate()
}

// MessageRequest sends a message to its conversation. The message's id is what
// makes it one: the same one may come by several ways.
func MessageRequest(c Caller, m *conversation.ReceiveMessage) dispatch.Request {
	id := m.Place.ID(c.Tenant)
	return dispatch.Request{
		Stream:       domain.StreamID{Tenant: c.Tenant, Kind: domain.KindConversation, ID: id},
		Conversation: m, Principal: c.Principal(""),
		CommandID: c.CommandID("message:" + id.String() + ":" + m.MessageID),
	}
}
