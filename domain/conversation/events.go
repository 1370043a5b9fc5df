package conversation

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
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

// Values lists what the event carries.
func (e MessageReceived) Values() []value.Value { return []value.Value{e.Text} }
func (MessageRefused) Values() []value.Value    { return nil }
func (WorkflowAssigned) Values() []value.Value  { return nil }

// Recorded is an event with what its commit says of it.
type Recorded struct {
	Event     Event
	Time      time.Time
	Principal domain.Principal
}

// EventRow is the registry entry of one event version.
type EventRow struct {
	Type   string
	V      int
	Decode func(json.RawMessage) (Event, error)
}

// Events is the registry: every event type of the stream, once.
func Events() []EventRow {
	return []EventRow{
		{"conversation.message_received", 1, decode[MessageReceived]},
		{"conversation.message_refused", 1, decode[MessageRefused]},
		{"conversation.workflow_assigned", 1, decode[WorkflowAssigned]},
	}
}

func decode[E Event](data json.RawMessage) (Event, error) {
	var e E
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, err
	}
	return e, nil
}

// Decoder reads events by type and version.
type Decoder map[string]EventRow

// NewDecoder indexes the registry.
func NewDecoder() Decoder {
	d := Decoder{}
	for _, row := range Events() {
		d[journal.TypeName(row.Type, row.V)] = row
	}
	return d
}

// Decode reads one event; one of a newer build is an error.
func (d Decoder) Decode(e journal.Event) (Event, error) {
	row, ok := d[journal.TypeName(e.Type, e.V)]
	if !ok {
		return nil, fmt.Errorf("event %s is unknown to this build", journal.TypeName(e.Type, e.V))
	}
	out, err := row.Decode(e.Data)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", journal.TypeName(e.Type, e.V), err)
	}
	return out, nil
}

func (MessageReceived) event()  {}
func (MessageRefused) event()   {}
func (WorkflowAssigned) event() {}
