package conversation

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/value"
)

// Limits of a message, in bytes.
const (
	MaxText  = 16384
	MaxIDs   = 255
	MaxShort = 1024
)

// State is what Decide must know of a conversation beyond its facts.
type State struct {
	Place     *Place    `json:"place,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	// Workflow is where the latest message went.
	Workflow uuid.UUID `json:"workflow,omitzero"`
	Messages int       `json:"messages"`
}

// Message is what became of one message.
type Message struct {
	ID       string
	Author   string
	Flow     string
	Text     value.Value
	At       time.Time
	Workflow uuid.UUID
	Mode     Mode
	Refused  *MessageRefused
	// Stopped is how far the trigger came, where it was what was refused.
	Stopped *trigger.Record
}

// Want says which facts a command needs.
type Want struct{ Messages []string }

// Facts are the messages that were looked up.
type Facts struct{ Messages map[string]Message }

// NewFacts is a Facts without any.
func NewFacts() *Facts { return &Facts{Messages: map[string]Message{}} }

// Apply is the state after one event.
func Apply(s State, r Recorded) State {
	if s.CreatedAt.IsZero() {
		s.CreatedAt = r.Time
	}
	s.UpdatedAt = r.Time
	switch e := r.Event.(type) {
	case MessageReceived:
		s.Place = &e.Place
		s.Messages++
	case WorkflowAssigned:
		s.Workflow = e.Workflow
	case MessageRefused, TriggerStopped:
	}
	return s
}

// ApplyMessage is a message after one event that names it.
func ApplyMessage(m Message, r Recorded) Message {
	switch e := r.Event.(type) {
	case MessageReceived:
		m.ID, m.Author, m.Text, m.Flow, m.At = e.MessageID, e.Author, e.Text, e.Flow, r.Time
	case WorkflowAssigned:
		m.Workflow, m.Mode, m.Refused, m.Stopped = e.Workflow, e.Mode, nil, nil
	case MessageRefused:
		m.Refused = &e
	case TriggerStopped:
		m.Stopped = &e.Record
	}
	return m
}

// MessageOf is the message an event names.
func MessageOf(e Event) string {
	switch e := e.(type) {
	case MessageReceived:
		return e.MessageID
	case MessageRefused:
		return e.MessageID
	case WorkflowAssigned:
		return e.MessageID
	case TriggerStopped:
		return e.MessageID
	}
	return ""
}

// Apply changes the facts by one event of the stream.
func (f *Facts) Apply(r Recorded) {
	id := MessageOf(r.Event)
	f.Messages[id] = ApplyMessage(f.Messages[id], r)
}

// Outcome is what a command comes to. No events means that it was so already.
type Outcome struct {
	Events []Event
	Blobs  []value.Blob
}

// Command is a request to change one conversation.
type Command interface {
	CommandType() string
	Want() Want
	// Decide is pure. Its error is a *domain.Error: the refusal.
	Decide(s State, f *Facts, conversation uuid.UUID) (Outcome, error)
}

// Commands is the registry: every command type of the stream, once.
func Commands() []CommandRow {
	return []CommandRow{
		{Type: "conversation.receive_message", V: 1, New: func() Command { return &ReceiveMessage{} }},
		{Type: "conversation.start_anew", V: 1, New: func() Command { return &StartAnew{} }},
		{Type: "conversation.refuse_message", V: 1, New: func() Command { return &RefuseMessage{} }},
		{Type: "conversation.retry_message", V: 1, New: func() Command { return &RetryMessage{} }},
	}
}

// ReceiveMessage records a message and says which workflow it goes to.
type ReceiveMessage struct {
	Place     Place  `json:"place"`
	MessageID string `json:"message_id"`
	Author    string `json:"author"`
	Text      string `json:"text"`
	Flow      string `json:"flow,omitempty"`
}

// CommandType names the command.
func (*ReceiveMessage) CommandType() string { return "conversation.receive_message" }

// Want asks for the message itself.
func (c *ReceiveMessage) Want() Want { return Want{Messages: []string{c.MessageID}} }

// Decide records the message once. The first message of a thread starts a
// workflow; a later one goes to the workflow the thread has.
func (c *ReceiveMessage) Decide(s State, f *Facts, conversation uuid.UUID) (Outcome, error) {
	if err := c.Validate(); err != nil {
		return Outcome{}, err
	}
	if m, ok := f.Messages[c.MessageID]; ok && m.ID != "" {
		return Outcome{}, nil
	}
	text, blobs := value.Build("text", []byte(c.Text))
	assigned := WorkflowAssigned{MessageID: c.MessageID, Workflow: s.Workflow, Mode: ModeContinue}
	if s.Workflow == uuid.Nil {
		assigned.Workflow, assigned.Mode = WorkflowFor(conversation, c.MessageID), ModeStart
	}
	return Outcome{
		Events: []Event{
			MessageReceived{Place: c.Place, MessageID: c.MessageID, Author: c.Author, Text: value.Diff(text, nil), Flow: c.Flow},
			assigned,
		},
		Blobs: blobs,
	}, nil
}

// Validate checks the limits, so that a caller can refuse before anything is
// promised.
func (c *ReceiveMessage) Validate() error {
	if c.Text == "" {
		return domain.InvalidField("text", "text must not be empty", "send it")
	}
	for _, check := range []struct {
		field, got string
		most       int
		empty      bool
	}{
		{"message_id", c.MessageID, MaxIDs, false},
		{"author", c.Author, MaxIDs, false},
		{"place.adapter", c.Place.Adapter, 64, false},
		{"place.team", c.Place.Team, MaxIDs, true},
		{"place.channel", c.Place.Channel, MaxIDs, false},
		{"place.thread", c.Place.Thread, MaxIDs, false},
		{"flow", c.Flow, MaxIDs, true},
	} {
		if check.got == "" && !check.empty {
			return domain.InvalidField(check.field, check.field+" must not be empty", "send it")
		}
		if err := domain.CheckText(check.field, check.got, check.most); err != nil {
			return err
		}
	}
	return domain.CheckSize("text", len(c.Text), MaxText)
}

// WorkflowFor is the id of the workflow that a message starts.
func WorkflowFor(conversation uuid.UUID, messageID string) uuid.UUID {
	return uuid.NewSHA1(conversation, []byte("workflow:"+messageID))
}

// StartAnew gives a message another workflow because the one it was sent to has
// ended: the one that the thread has gone on to since, or one of its own.
type StartAnew struct {
	MessageID string    `json:"message_id"`
	Ended     uuid.UUID `json:"ended"`
}

// CommandType names the command.
func (*StartAnew) CommandType() string { return "conversation.start_anew" }

// Want asks for the message.
func (c *StartAnew) Want() Want { return Want{Messages: []string{c.MessageID}} }

// Decide assigns the new workflow once. Of several messages to a workflow that has
// ended the first starts another, and the others go on with that.
func (c *StartAnew) Decide(s State, f *Facts, conversation uuid.UUID) (Outcome, error) {
	m, ok := f.Messages[c.MessageID]
	if !ok {
		return Outcome{}, noMessage()
	}
	// A message has one workflow of its own: when that is the one that ended,
	// there is nothing to give it anew.
	anew := WorkflowFor(conversation, c.MessageID)
	if m.Workflow != c.Ended || anew == c.Ended {
		return Outcome{}, nil
	}
	if s.Workflow != c.Ended {
		return Outcome{Events: []Event{WorkflowAssigned{MessageID: c.MessageID, Workflow: s.Workflow, Mode: ModeContinue}}}, nil
	}
	return Outcome{Events: []Event{WorkflowAssigned{MessageID: c.MessageID, Workflow: anew, Mode: ModeStart}}}, nil
}

// RefuseMessage records why a message starts nothing.
type RefuseMessage struct {
	MessageID string      `json:"message_id"`
	Code      domain.Code `json:"code"`
	Message   string      `json:"message"`
	Fix       string      `json:"fix,omitempty"`
	// Stopped is how far the trigger came, where it is what refuses.
	Stopped *trigger.Record `json:"stopped,omitempty"`
}

// CommandType names the command.
func (*RefuseMessage) CommandType() string { return "conversation.refuse_message" }

// Want asks for the message.
func (c *RefuseMessage) Want() Want { return Want{Messages: []string{c.MessageID}} }

// Decide records the refusal once.
func (c *RefuseMessage) Decide(_ State, f *Facts, _ uuid.UUID) (Outcome, error) {
	m, ok := f.Messages[c.MessageID]
	if !ok {
		return Outcome{}, noMessage()
	}
	if m.Refused != nil {
		return Outcome{}, nil
	}
	if err := domain.CheckText("code", string(c.Code), 64); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	if c.Stopped != nil {
		out.Events = append(out.Events, TriggerStopped{MessageID: c.MessageID, Record: c.Stopped.Clean()})
	}
	out.Events = append(out.Events, MessageRefused{
		MessageID: c.MessageID, Code: c.Code,
		Message: domain.CleanText(c.Message, MaxShort), Fix: domain.CleanText(c.Fix, MaxShort),
	})
	return out, nil
}

// RetryMessage tries again what was refused, when what stood against it may be put
// right.
type RetryMessage struct {
	MessageID string `json:"message_id"`
}

// CommandType names the command.
func (*RetryMessage) CommandType() string { return "conversation.retry_message" }

// Want asks for the message.
func (c *RetryMessage) Want() Want { return Want{Messages: []string{c.MessageID}} }

// Decide assigns the message anew, which ends its refusal: it goes on with what the
// thread has gone on to since, or starts what it was to start. One that is not
// refused is left alone.
func (c *RetryMessage) Decide(s State, f *Facts, conversation uuid.UUID) (Outcome, error) {
	m, ok := f.Messages[c.MessageID]
	if !ok || m.ID == "" {
		return Outcome{}, noMessage()
	}
	if m.Refused == nil {
		return Outcome{}, nil
	}
	again := WorkflowAssigned{MessageID: c.MessageID, Workflow: s.Workflow, Mode: ModeContinue}
	if s.Workflow == WorkflowFor(conversation, c.MessageID) {
		again.Mode = ModeStart
	}
	return Outcome{Events: []Event{again}}, nil
}

func noMessage() error {
	return &domain.Error{Code: domain.CodeNotFound, Message: "the conversation has no such message", Fix: "send the message first"}
}
