package entry

import (
	"cmp"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
)

// Retry reads which refused message of a conversation is tried again.
func Retry(doc document.Object) (*conversation.RetryMessage, error) {
	f := &document.Fields{Doc: doc}
	command := &conversation.RetryMessage{MessageID: f.Text("message_id")}
	if command.MessageID == "" {
		f.Refuse("message_id", "message_id is missing", "send the id of the message that was refused", nil)
	}
	if f.Err != nil {
		return nil, f.Err
	}
	return command, domain.CheckText("message_id", command.MessageID, conversation.MaxIDs)
}

// RetryRequest tries a message of a conversation again.
func RetryRequest(c Caller, id uuid.UUID, m *conversation.RetryMessage) dispatch.Request {
	return dispatch.Request{
		Stream:       domain.StreamID{Tenant: c.Tenant, Kind: domain.KindConversation, ID: id},
		Conversation: m, Principal: c.Principal(""),
	}
}

// conversationOf is the conversation that a document names: by its UUID, or by the
// place that its messages were sent to.
func conversationOf(doc document.Object, c Caller) (uuid.UUID, error) {
	f := &document.Fields{Doc: doc}
	if f.Has("conversation") {
		id, err := document.ParseUUID(f.Text("conversation"))
		if err != nil {
			f.Refuse("conversation", "conversation must be a conversation's UUID", "send the conversation_id of the answer to the message", err)
		}
		return id, f.Err
	}
	place := consolePlace(f, f.Text("message_id"))
	return place.ID(c.Tenant), f.Err
}

// consolePlace is the place that a document names. What begins a thread gives it its
// name.
func consolePlace(f *document.Fields, begins string) conversation.Place {
	return conversation.Place{Adapter: consoleAdapter, Channel: cmp.Or(f.Text("channel"), defaultChannel), Thread: cmp.Or(f.Text("thread"), begins)}
}
