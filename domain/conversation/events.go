package conversation

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/value"
)

// Event is one thing that happened in a conversation.
//
//sumtype:decl
type Event interface {
	// EventType is the stable name of the type, without its version.
	EventType() string
	// Values lists the values the event carries.
	Values() []value.Value
	event()
}

// Place says where a conversation is held.
type Place struct {
	Adapter string `json:"adapter"`
	Team    string `json:"team,omitempty"`
	Channel string `json:"channel"`
	Thread  string `json:"thread"`
}

// ID is the conversation's id: v5 of the place.
func (p Place) ID(tenant domain.Tenant) uuid.UUID {
	name, err := json.Marshal([]string{string(tenant), p.Adapter, p.Team, p.Channel, p.Thread})
	if err != nil {
		panic(fmt.Sprintf("a list of strings does not encode: %v", err))
	}
	return uuid.NewSHA1(uuid.NameSpaceURL, append([]byte("duolog:conversation:"), name...))
}

// MessageReceived is one message of the thread, recorded once.
type MessageReceived struct {
	Place     Place       `json:"place"`
	MessageID string      `json:"message_id"`
	Author    string      `json:"author"`
	Text      value.Value `json:"text"`
	// Flow is the flow the message asks for; empty for the tenant's default.
	Flow string `json:"flow,omitempty"`
}

// MessageRefused says why a message starts nothing.
type MessageRefused struct {
	MessageID string      `json:"message_id"`
	Code      domain.Code `json:"code"`
	Message   string      `json:"message"`
	Fix       string      `json:"fix,omitempty"`
}

// TriggerStopped says how far the trigger of a message came before it was refused:
// the refusal stands in the same commit.
type TriggerStopped struct {
	MessageID string `json:"message_id"`
	trigger.Record
}

// Mode says what a message does to its workflow.
type Mode string

// The modes.
const (
	ModeStart    Mode = "start"
	ModeContinue Mode = "continue"
)

// WorkflowAssigned says which workflow a message went to.
type WorkflowAssigned struct {
	MessageID string    `json:"message_id"`
	Workflow  uuid.UUID `json:"workflow"`
	Mode      Mode      `json:"mode"`
}

// EventType names the type of the event in the log.
func (MessageReceived) EventType() string  { return "conversation.message_received" }
func (MessageRefused) EventType() string   { return "conversation.message_refused" }
func (WorkflowAssigned) EventType() string { return "conversation.workflow_assigned" }
func (TriggerStopped) EventType() string   { return "conversation.trigger_stopped" }

// Values lists what the event carries.
func (e MessageReceived) Values() []value.Value { return []value.Value{e.Text} }
func (MessageRefused) Values() []value.Value    { return nil }
func (WorkflowAssigned) Values() []value.Value  { return nil }
func (TriggerStopped) Values() []value.Value    { return nil }

// Recorded is an event with what its commit says of it.
type Recorded struct {
	Event     Event
	Time      time.Time
	Principal domain.Principal
}

// EventRow is the registry entry of one event version of a conversation.
type EventRow = journal.EventRow[Event]

// CommandRow is the registry entry of one command version of a conversation.
type CommandRow = journal.CommandRow[Command]

// Decoder reads the events of a conversation.
type Decoder = journal.Decoder[Event]

// NewDecoder reads every event of the registry.
func NewDecoder() Decoder { return journal.NewDecoder(Events()) }

// Events is the registry: every event type of the stream, once.
func Events() []EventRow {
	return []EventRow{
		{Type: "conversation.message_received", V: 1, Decode: decode[MessageReceived]},
		{Type: "conversation.message_refused", V: 1, Decode: decode[MessageRefused]},
		{Type: "conversation.workflow_assigned", V: 1, Decode: decode[WorkflowAssigned]},
		{Type: "conversation.trigger_stopped", V: 1, Decode: decode[TriggerStopped]},
	}
}

func decode[E Event](data json.RawMessage) (Event, error) {
	var e E
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	return e, nil
}

// Only events of this package are events of a conversation.
func (MessageReceived) event()  {}
func (MessageRefused) event()   {}
func (WorkflowAssigned) event() {}
func (TriggerStopped) event()   {}
