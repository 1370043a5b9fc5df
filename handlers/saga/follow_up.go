package saga

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/projections"
)

// FollowUp goes on with the messages that came while a run was under way, and that
// its agent has not taken: the workflow goes on with the oldest, or its conversation
// gets them back where the workflow has ended. A message whose author may no longer
// have the workflow go on is refused then.
type FollowUp struct {
	core  Core
	flows Flows
}

// NewFollowUp makes the saga.
func NewFollowUp(core Core, flows Flows) *FollowUp { return &FollowUp{core, flows} }

// Name is follow_up.
func (*FollowUp) Name() string { return "follow_up" }

// Reacts to whatever comes last at the end of a run: its end, the status it leaves, or
// that the answer is to be delivered; and to what became of one, for the next.
func (*FollowUp) Reacts() []string {
	return []string{workflow.WorkloadFinished{}.EventType(), workflow.StatusChanged{}.EventType(), workflow.DeliveryRequested{}.EventType(), workflow.FollowUpsSettled{}.EventType()}
}

// React takes what waits, once all of that has come. A crash between what the
// conversation and what the workflow is told is followed by both again.
func (f *FollowUp) React(ctx context.Context, e feed.Event) error {
	snap, err := f.core.States.Load(ctx, e.Stream, projections.SnapshotWant{})
	if err != nil {
		return stored.Transient(err)
	}
	s := snap.Workflow
	if !s.Exists() {
		return behind(e)
	}
	if !s.Settled() || len(s.FollowUps) == 0 {
		return nil
	}
	oldest := s.FollowUps[0]
	if !s.Status.Terminal() {
		denied, err := f.denied(ctx, e, oldest)
		if err != nil {
			return err
		}
		return f.settle(ctx, e, oldest, denied)
	}
	for _, waiting := range s.FollowUps {
		if err := f.tellConversation(ctx, e, waiting, f.giveBack(e, s, waiting)); err != nil {
			return err
		}
	}
	return f.settle(ctx, e, oldest, false)
}

// denied asks again whether the author of a message may have the workflow go on, and
// refuses it where they may not.
func (f *FollowUp) denied(ctx context.Context, e feed.Event, w workflow.FollowUp) (bool, error) {
	_, err := f.flows.MaySteer(ctx, e.Stream, w.Author)
	err = stored.Transient(err)
	refusal, ok := asRefusal(err)
	if !ok || stored.Later(err) {
		return false, err
	}
	return true, f.tellConversation(ctx, e, w, &conversation.RefuseMessage{MessageID: w.MessageID, Code: refusal.Code, Message: refusal.Message, Fix: refusal.Fix})
}

// giveBack lets the conversation give a message another workflow. What was stopped is
// not begun anew by what waited for it: that is refused, and can be retried.
func (*FollowUp) giveBack(e feed.Event, s workflow.State, w workflow.FollowUp) conversation.Command {
	if s.Status == workflow.StatusStopped {
		return &conversation.RefuseMessage{
			MessageID: w.MessageID, Code: domain.CodeWorkflowEnded, Message: "the workflow was stopped before it came to this message",
			Fix: "send another message, or retry this one: duolog conversation retry",
		}
	}
	return &conversation.StartAnew{MessageID: w.MessageID, Ended: e.Stream.ID}
}

// tellConversation tells the conversation of a message what becomes of it.
func (f *FollowUp) tellConversation(ctx context.Context, e feed.Event, w workflow.FollowUp, command conversation.Command) error {
	o := f.order(e, w)
	o.stream = f.conversation(e, w)
	_, err := f.core.send(ctx, o, dispatch.Request{Conversation: command, CommandID: commandID(o.saga, e.ID+"/"+w.MessageID, command.CommandType())})
	return f.core.settled(ctx, o, err)
}

// settle tells the workflow what became of what waited.
func (f *FollowUp) settle(ctx context.Context, e feed.Event, oldest workflow.FollowUp, denied bool) error {
	text, err := f.text(ctx, e, oldest)
	if err != nil {
		return stored.Transient(err)
	}
	o := f.order(e, oldest)
	_, err = f.core.tell(ctx, o, &workflow.SettleFollowUps{MessageID: oldest.MessageID, Text: text, Denied: denied})
	return f.core.settled(ctx, o, err)
}

// text is what a message says, without the mention it begins with.
func (f *FollowUp) text(ctx context.Context, e feed.Event, w workflow.FollowUp) (string, error) {
	stream := f.conversation(e, w)
	snap, err := f.core.States.Load(ctx, stream, projections.SnapshotWant{Conversation: conversation.Want{Messages: []string{w.MessageID}}})
	if err != nil {
		return "", err
	}
	m := snap.Messages.Messages[w.MessageID]
	raw, err := stored.Bytes(ctx, f.core.States, stream, &m.Text)
	return task(string(raw)), err
}

func (*FollowUp) conversation(e feed.Event, w workflow.FollowUp) domain.StreamID {
	return domain.StreamID{Tenant: e.Stream.Tenant, Kind: domain.KindConversation, ID: w.Conversation}
}

func (f *FollowUp) order(e feed.Event, w workflow.FollowUp) order {
	return order{saga: f.Name(), event: e, stream: e.Stream, principal: domain.Principal{User: w.Author, System: f.Name()}}
}
