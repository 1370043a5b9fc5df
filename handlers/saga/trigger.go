package saga

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/trigger"
	"github.com/duolog/duolog/projections"
)

// Flows decides what may start and what may go on; *trigger.Trigger does. A
// *domain.Error is a refusal, not_now among them.
type Flows interface {
	// TriggerFlow takes the steps of a trigger and returns the command that starts the
	// workflow.
	// The facts go with its request: who may was asked once.
	TriggerFlow(ctx context.Context, a trigger.Ask) (*workflow.Start, *access.Facts, error)
	// MaySteer refuses a message to a workflow that lives, from somebody who may not
	// have it go on. The facts go with the message.
	MaySteer(ctx context.Context, stream domain.StreamID, user string) (*access.Facts, error)
	// FollowUp is what becomes of a message while a run is under way.
	FollowUp(tenant domain.Tenant) workflow.FollowUpPolicy
}

// sourceMessage is the entry point that workflows of messages record.
const sourceMessage = "message"

// Trigger hands each message to its workflow.
type Trigger struct {
	core    Core
	flows   Flows
	decoder conversation.Decoder
}

// NewTrigger makes the saga.
func NewTrigger(core Core, flows Flows) *Trigger {
	return &Trigger{core, flows, conversation.NewDecoder()}
}

// Name is trigger.
func (*Trigger) Name() string { return "trigger" }

// Reacts to a message that was given a workflow.
func (*Trigger) Reacts() []string { return []string{conversation.WorkflowAssigned{}.EventType()} }

// React starts or continues the workflow that a message was assigned. A message that
// was refused stays so until it is retried, which assigns it anew: what has changed
// since does not start it behind its author's back.
func (t *Trigger) React(ctx context.Context, e feed.Event) error {
	if e.Type != (conversation.WorkflowAssigned{}).EventType() {
		return nil
	}
	event, err := t.decoder.Decode(journal.Event{Type: e.Type, V: e.V, Data: e.Data})
	if err != nil {
		return err
	}
	assigned, ok := event.(conversation.WorkflowAssigned)
	if !ok {
		return nil
	}
	m, err := t.message(ctx, e, assigned)
	if err != nil {
		return stored.Transient(err)
	}
	switch {
	case m.message.Workflow != assigned.Workflow:
		return nil // it was assigned another one since, which has an event of its own
	case m.message.Refused != nil:
		r := m.message.Refused
		return t.setAside(ctx, m, &domain.Error{Code: r.Code, Message: r.Message, Fix: r.Fix})
	case assigned.Mode == conversation.ModeStart:
		return t.start(ctx, m)
	}
	return t.carryOn(ctx, m)
}

// received is a message on its way to its workflow.
type received struct {
	event    feed.Event
	assigned conversation.WorkflowAssigned
	place    conversation.Place
	message  conversation.Message
	// text is the message without the mention it begins with.
	text string
}

func (t *Trigger) message(ctx context.Context, e feed.Event, assigned conversation.WorkflowAssigned) (*received, error) {
	snap, err := t.core.States.Load(ctx, e.Stream, projections.SnapshotWant{
		Conversation: conversation.Want{Messages: []string{assigned.MessageID}},
	})
	if err != nil {
		return nil, err
	}
	m, ok := snap.Messages.Messages[assigned.MessageID]
	if !ok || m.ID == "" || snap.Conversation.Place == nil {
		return nil, fmt.Errorf("message %s of %s: %w", assigned.MessageID, e.Stream, errNoMessage)
	}
	text, err := stored.Bytes(ctx, t.core.States, e.Stream, &m.Text)
	if err != nil {
		return nil, err
	}
	return &received{event: e, assigned: assigned, place: *snap.Conversation.Place, message: m, text: task(string(text))}, nil
}

var mention = regexp.MustCompile(`^\s*@[\pL\pN][\pL\pN._-]*[:,]?(\s+|$)`)

// task is a message without the mention it begins with.
func task(text string) string { return strings.TrimSpace(mention.ReplaceAllString(text, "")) }

// workflow is the order for the workflow the message was assigned.
func (t *Trigger) workflow(m *received, serviceAccount string) order {
	return order{
		saga: t.Name(), event: m.event,
		stream:    domain.StreamID{Tenant: m.event.Stream.Tenant, Kind: domain.KindWorkflow, ID: m.assigned.Workflow},
		principal: domain.Principal{User: m.message.Author, ServiceAccount: serviceAccount, System: t.Name()},
	}
}

// start triggers the workflow. One that is there was started when the event came
// before, and whatever has changed since does not refuse its message.
func (t *Trigger) start(ctx context.Context, m *received) error {
	there, err := t.core.States.Load(ctx, t.workflow(m, "").stream, projections.SnapshotWant{})
	if err != nil {
		return stored.Transient(err)
	}
	if there.Workflow.Exists() {
		return nil
	}
	if m.text == "" {
		return t.refuse(ctx, m, domain.InvalidField("text", "the message has no task", "write what shall be done after the mention"))
	}
	ask, err := askOf(m)
	if err != nil {
		return err
	}
	command, facts, err := t.flows.TriggerFlow(ctx, ask)
	if err = stored.Transient(err); err == nil {
		o := t.workflow(m, command.ServiceAccount)
		o.asked = facts
		_, err = t.core.tell(ctx, o, command)
		if domain.CodeOf(err) == domain.CodeConflict {
			return nil // the workflow is there: that is what was asked for
		}
		err = trigger.ExecuteFailed(err)
	}
	if err == nil || stored.Later(err) {
		return err
	}
	return t.refuse(ctx, m, err)
}

// askOf is what a message asks for.
func askOf(m *received) (trigger.Ask, error) {
	callback, err := json.Marshal(struct {
		Adapter   string `json:"adapter"`
		Team      string `json:"team,omitempty"`
		Channel   string `json:"channel"`
		Thread    string `json:"thread"`
		MessageID string `json:"message_id"`
	}{m.place.Adapter, m.place.Team, m.place.Channel, m.place.Thread, m.message.ID})
	if err != nil {
		return trigger.Ask{}, fmt.Errorf("encode the callback context of message %s: %w", m.message.ID, err)
	}
	conversationID, place := m.event.Stream.ID, "#"+strings.TrimPrefix(m.place.Channel, "#")
	return trigger.Ask{
		Tenant: m.event.Stream.Tenant, User: m.message.Author, Entry: sourceMessage,
		Message: routing.Message{Adapter: m.place.Adapter, Place: place, Task: m.text, Asked: m.message.Flow},
		Start: workflow.Start{
			Goal: m.text,
			Trigger: workflow.Trigger{
				Source: sourceMessage, Adapter: m.place.Adapter, Conversation: &conversationID, Place: place, MessageID: m.message.ID,
			},
			CallbackContext: callback, Run: true,
		},
	}, nil
}

// carryOn hands the message to the workflow the thread has. One that has ended,
// or that was refused and never began, is followed by a new one.
func (t *Trigger) carryOn(ctx context.Context, m *received) error {
	o := t.workflow(m, "")
	facts, err := t.flows.MaySteer(ctx, o.stream, m.message.Author)
	if err = stored.Transient(err); err == nil {
		o.asked = facts
		_, err = t.core.tell(ctx, o, &workflow.ReceiveMessage{
			Conversation: m.event.Stream.ID, MessageID: m.message.ID, Author: m.message.Author, Text: m.text,
			Policy: t.flows.FollowUp(m.event.Stream.Tenant),
		})
	}
	switch code := domain.CodeOf(err); {
	case err == nil, stored.Later(err):
		return err
	case code == domain.CodeWorkflowEnded, code == domain.CodeNotFound:
		o := t.conversation(m)
		_, err = t.core.tellConversation(ctx, o, &conversation.StartAnew{MessageID: m.message.ID, Ended: m.assigned.Workflow})
		return t.core.settled(ctx, o, err)
	}
	return t.refuse(ctx, m, err)
}

// refuse tells the conversation why its message starts nothing, and those who read the
// refused commands.
func (t *Trigger) refuse(ctx context.Context, m *received, why error) error {
	command := &conversation.RefuseMessage{MessageID: m.message.ID, Code: domain.CodeOf(why), Message: why.Error(), Stopped: trigger.RecordOf(why)}
	if e, ok := asRefusal(why); ok {
		command.Message, command.Fix = e.Message, e.Fix
	}
	o := t.conversation(m)
	parked, err := t.core.tellConversation(ctx, o, command)
	if err != nil || parked {
		return t.core.settled(ctx, o, err)
	}
	return t.setAside(ctx, m, why)
}

// setAside keeps what would try a refused message again: sent to the topic of commands,
// it does. A crash before the event is acknowledged keeps it twice, under one id.
func (t *Trigger) setAside(ctx context.Context, m *received, why error) error {
	o, again := t.conversation(m), &conversation.RetryMessage{MessageID: m.message.ID}
	return t.core.Parking.Command(ctx, m.event.ID, dispatch.Request{
		Stream: o.stream, Principal: o.principal, Conversation: again, CommandID: commandID(o.saga, m.event.ID, again.CommandType()),
	}, why)
}

func (t *Trigger) conversation(m *received) order {
	return order{
		saga: t.Name(), event: m.event, stream: m.event.Stream,
		principal: domain.Principal{User: m.message.Author, System: t.Name()},
	}
}
