package workflow

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

// MaxFollowUps is how many messages wait for a workflow at most.
const MaxFollowUps = MaxMail

// FollowUpPolicy says what becomes of a message while a run is under way.
type FollowUpPolicy string

// The policies.
const (
	// FollowUpInject leaves it in the mailbox of the agent, which takes it between
	// its steps.
	FollowUpInject FollowUpPolicy = "inject"
	// FollowUpQueue keeps it until the run has ended.
	FollowUpQueue FollowUpPolicy = "queue"
	// FollowUpRefuse refuses it, unless it answers what the run has asked: that waits.
	FollowUpRefuse FollowUpPolicy = "refuse"
)

// FollowUpPolicies lists them.
func FollowUpPolicies() []FollowUpPolicy {
	var out []FollowUpPolicy
	for _, name := range directory.FollowUps() {
		out = append(out, FollowUpPolicy(name))
	}
	return out
}

// check refuses what is no policy; empty is that of FollowUpInject.
func (p FollowUpPolicy) check() error {
	if p == "" || slices.Contains(FollowUpPolicies(), p) {
		return nil
	}
	return domain.InvalidField("follow_up", fmt.Sprintf("follow_up %.40q is no policy", string(p)), "use inject, queue or refuse")
}

// FollowUpHow says what became of a message.
type FollowUpHow string

// What becomes of one.
const (
	// FollowUpInjected stands in the mailbox.
	FollowUpInjected FollowUpHow = "injected"
	// FollowUpQueued waits for the end of the run.
	FollowUpQueued FollowUpHow = "queued"
	// FollowUpResumed is what a run goes on with.
	FollowUpResumed FollowUpHow = "resumed"
	// FollowUpMoved went back to its conversation, because the workflow has ended.
	FollowUpMoved FollowUpHow = "moved"
	// FollowUpDenied was refused in its conversation: whoever wrote it may no longer
	// have the workflow go on.
	FollowUpDenied FollowUpHow = "denied"
)

// FollowedUp is the acknowledgement of a message that came later.
type FollowedUp struct {
	Conversation uuid.UUID   `json:"conversation"`
	MessageID    string      `json:"message_id"`
	Author       string      `json:"author"`
	How          FollowUpHow `json:"how"`
	// Mail is the item of the mailbox, where it was injected.
	Mail *uuid.UUID `json:"mail,omitempty"`
}

// FollowUpsSettled says what became of messages that waited.
type FollowUpsSettled struct {
	Messages []string    `json:"messages"`
	How      FollowUpHow `json:"how"`
}

// FollowUp is a message that waits: no run has begun with it, and the agent has
// not taken it.
type FollowUp struct {
	Conversation uuid.UUID  `json:"conversation"`
	MessageID    string     `json:"message_id"`
	Author       string     `json:"author"`
	Mail         *uuid.UUID `json:"mail,omitempty"`
	At           time.Time  `json:"at"`
}

// Settled says whether what waits for the end of a run may be taken: the run has
// ended, what it comes to was asked to be delivered, and the workflow has ended or
// waits for a person. One that is paused waits for whoever paused it.
func (s State) Settled() bool {
	run := s.Run
	return run != nil && run.Phase == RunPhaseFinished && (s.Status.Terminal() || s.Status.AwaitsHuman()) &&
		(s.Created.CallbackContext == nil || s.Answered == run.ID)
}

// SettleFollowUps takes what waited for the end of a run: one that waits for a
// person goes on with the oldest message; from one that has ended all have gone back
// to their conversation, which gave them a workflow anew.
type SettleFollowUps struct {
	noFacts

	// MessageID and Text are the oldest.
	MessageID string `json:"message_id"`
	Text      string `json:"text"`
	// Denied says that nothing goes on with it: it was refused.
	Denied bool `json:"denied,omitempty"`
}

// CommandType names the command.
func (*SettleFollowUps) CommandType() string { return "workflow.settle_follow_ups" }

// Decide takes them once. What was left in the mailbox is not left there for the
// next run as well.
func (c *SettleFollowUps) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	switch {
	case !s.Exists():
		return Outcome{}, notFound()
	case !s.Settled() || len(s.FollowUps) == 0 || s.FollowUps[0].MessageID != c.MessageID:
		return alreadySo()
	}
	if err := domain.CheckSize("text", len(c.Text), MaxGoal); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	taken, settled := s.FollowUps, FollowUpsSettled{How: FollowUpMoved}
	switch {
	case c.Denied:
		taken, settled.How = taken[:1], FollowUpDenied
	case !s.Status.Terminal():
		taken, settled.How = taken[:1], FollowUpResumed
	}
	var marked []Event
	for _, f := range taken {
		settled.Messages = append(settled.Messages, f.MessageID)
		if f.Mail != nil {
			marked = append(marked, MailMarked{Mail: *f.Mail, Status: MailIsDelivered})
		}
	}
	// What became of them goes first: the marks alone would say that the agent took them.
	out.Events = append([]Event{settled}, marked...)
	if settled.How == FollowUpResumed {
		text := out.whole("text", []byte(c.Text))
		run := requestRun(s, s.Created.Engine, RunResume, "message", env)
		run.Input = &text
		out.Events = append(out.Events, run)
	}
	return out, nil
}

// followUp is what becomes of a message while nothing can run with it.
func (c *ReceiveMessage) followUp(out Outcome, s State, env Env) (Outcome, error) {
	e := FollowedUp{Conversation: c.Conversation, MessageID: c.MessageID, Author: c.Author, How: FollowUpQueued}
	switch {
	case slices.ContainsFunc(s.FollowUps, func(f FollowUp) bool { return f.MessageID == c.MessageID }):
		return alreadySo()
	case c.Policy == FollowUpRefuse && !s.Status.AwaitsHuman():
		return Outcome{}, busy()
	case len(s.FollowUps) >= MaxFollowUps:
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: fmt.Sprintf("%d messages wait for this workflow", MaxFollowUps), Fix: "wait until it has taken some"}
	}
	if (c.Policy == "" || c.Policy == FollowUpInject) && s.ActiveRun() != nil && len(s.queued()) < MaxMail {
		mail := env.derive("mail")
		e.How, e.Mail = FollowUpInjected, &mail
		text := out.whole("text", []byte(c.Text))
		out.Events = append(out.Events, MailQueued{Mail: mail, Kind: MailMessage, Text: &text})
	}
	out.Events = append(out.Events, e)
	return out, nil
}

func busy() error {
	return &domain.Error{
		Code: domain.CodeWorkflowBusy, Message: "a run of this thread's workflow is under way, and messages are refused until it has ended",
		Fix: "send it again when the answer is there, or begin another thread",
	}
}

func applyFollowUp(s State, r Recorded) State {
	switch e := r.Event.(type) {
	case FollowedUp:
		if e.How == FollowUpInjected || e.How == FollowUpQueued {
			s.FollowUps = append(slices.Clip(s.FollowUps), FollowUp{Conversation: e.Conversation, MessageID: e.MessageID, Author: e.Author, Mail: clone(e.Mail), At: r.Time})
		}
	case FollowUpsSettled:
		s.FollowUps = slices.DeleteFunc(slices.Clone(s.FollowUps), func(f FollowUp) bool { return slices.Contains(e.Messages, f.MessageID) })
	default: // Apply sends no other event here
	}
	return s
}

// takenByMail drops the message that the agent has taken out of its mailbox.
func (s State) takenByMail(mail uuid.UUID) []FollowUp {
	return slices.DeleteFunc(slices.Clone(s.FollowUps), func(f FollowUp) bool { return f.Mail != nil && *f.Mail == mail })
}
