package saga

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/projections"
)

// Tenants resolves what a message starts. A *domain.Error is a refusal with a
// stable code and what can be done about it: flow_not_enabled,
// namespace_not_configured; any other error means that it could not be told.
type Tenants interface {
	// Resolve pins everything for a user of the tenant. An empty flow is the
	// tenant's default.
	Resolve(ctx context.Context, tenant domain.Tenant, user, flow string) (Pinned, error)
}

// Pinned is what is resolved once, at creation, and recorded.
type Pinned struct {
	Namespace      *workflow.Container
	Project        *workflow.Container
	Flow           workflow.Flow
	ServiceAccount string
	Engine         string
	Environment    string
	Image          string
	// Privileges are those granted; nil means the default of every flow.
	Privileges []int
	// PreApproved are those that need no approval; nil means developer/v1's.
	PreApproved             []int
	AllowAgentToRequestUser bool
}

// sourceMessage is the entry point that workflows of messages record.
const sourceMessage = "message"

// Trigger hands each message to its workflow.
type Trigger struct {
	core    Core
	tenants Tenants
	decoder conversation.Decoder
}

// NewTrigger makes the saga.
func NewTrigger(core Core, tenants Tenants) *Trigger {
	return &Trigger{core, tenants, conversation.NewDecoder()}
}

// Name is trigger.
func (*Trigger) Name() string { return "trigger" }

// Reacts to a message that was given a workflow.
func (*Trigger) Reacts() []string { return []string{conversation.WorkflowAssigned{}.EventType()} }

// React starts or continues the workflow that a message was assigned.
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
	if assigned.Mode == conversation.ModeStart {
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

// start creates the workflow and asks for its first run.
func (t *Trigger) start(ctx context.Context, m *received) error {
	if m.text == "" {
		return t.refuse(ctx, m, domain.InvalidField("text", "the message has no task", "write what shall be done after the mention"))
	}
	pinned, err := t.tenants.Resolve(ctx, m.event.Stream.Tenant, m.message.Author, m.message.Flow)
	if err = stored.Transient(err); err == nil {
		var command *workflow.Start
		if command, err = startOf(m, pinned); err == nil {
			_, err = t.core.tell(ctx, t.workflow(m, pinned.ServiceAccount), command)
		}
	}
	switch {
	case err == nil, stored.Later(err):
		return err
	case domain.CodeOf(err) == domain.CodeConflict:
		return nil // the workflow is there: that is what was asked for
	}
	return t.refuse(ctx, m, err)
}

func startOf(m *received, p Pinned) (*workflow.Start, error) {
	callback, err := json.Marshal(struct {
		Adapter   string `json:"adapter"`
		Team      string `json:"team,omitempty"`
		Channel   string `json:"channel"`
		Thread    string `json:"thread"`
		MessageID string `json:"message_id"`
	}{m.place.Adapter, m.place.Team, m.place.Channel, m.place.Thread, m.message.ID})
	if err != nil {
		return nil, fmt.Errorf("encode the callback context of message %s: %w", m.message.ID, err)
	}
	granted, preApproved := p.Privileges, p.PreApproved
	if granted == nil {
		granted = []int{1, 2, 3, 4, 5, 6}
	}
	if preApproved == nil {
		preApproved = []int{1, 2, 3, 5}
	}
	conversationID := m.event.Stream.ID
	return &workflow.Start{
		Goal: m.text, Flow: p.Flow, Engine: p.Engine, Environment: p.Environment, Image: p.Image,
		Namespace: p.Namespace, Project: p.Project, ServiceAccount: p.ServiceAccount,
		Privileges: granted, PreApproved: preApproved, AllowAgentToRequestUser: p.AllowAgentToRequestUser,
		Trigger: workflow.Trigger{
			Source: sourceMessage, Adapter: m.place.Adapter, Conversation: &conversationID,
			Place: "#" + strings.TrimPrefix(m.place.Channel, "#"), MessageID: m.message.ID,
		},
		CallbackContext: callback, Run: true,
	}, nil
}

// carryOn hands the message to the workflow the thread has. One that has ended,
// or that was refused and never began, is followed by a new one.
func (t *Trigger) carryOn(ctx context.Context, m *received) error {
	_, err := t.core.tell(ctx, t.workflow(m, ""), &workflow.ReceiveMessage{
		Conversation: m.event.Stream.ID, MessageID: m.message.ID, Author: m.message.Author, Text: m.text,
	})
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

// refuse tells the conversation why its message starts nothing.
func (t *Trigger) refuse(ctx context.Context, m *received, why error) error {
	command := &conversation.RefuseMessage{MessageID: m.message.ID, Code: domain.CodeOf(why), Message: why.Error()}
	if e, ok := asRefusal(why); ok {
		command.Message, command.Fix = e.Message, e.Fix
	}
	o := t.conversation(m)
	_, err := t.core.tellConversation(ctx, o, command)
	return t.core.settled(ctx, o, err)
}

func (t *Trigger) conversation(m *received) order {
	return order{
		saga: t.Name(), event: m.event, stream: m.event.Stream,
		principal: domain.Principal{User: m.message.Author, System: t.Name()},
	}
}
