package workflow

import (
	"cmp"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// ReceiveMessage hands a later message of the conversation to the workflow.
type ReceiveMessage struct {
	noFacts

	Conversation uuid.UUID `json:"conversation"`
	MessageID    string    `json:"message_id"`
	Author       string    `json:"author"`
	Text         string    `json:"text"`
	// Policy says what becomes of it while a run is under way; empty injects it.
	Policy FollowUpPolicy `json:"follow_up,omitempty"`
}

// CommandType names the command.
func (*ReceiveMessage) CommandType() string { return "workflow.receive_message" }

// Decide takes the message while the workflow lives. A workflow that waits for
// a person goes on with it: the run is requested in the same commit, so two
// messages never start two runs. While one is under way the policy says what
// becomes of it. Each message is acknowledged in the commit that takes it.
func (c *ReceiveMessage) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	if s.Status.Terminal() {
		return Outcome{}, &domain.Error{Code: domain.CodeWorkflowEnded, Message: "the workflow has ended", Fix: "start a new one with this message"}
	}
	if err := cmp.Or(
		domain.CheckText("message_id", c.MessageID, MaxID),
		domain.CheckText("author", c.Author, MaxID),
		domain.CheckSize("text", len(c.Text), MaxGoal),
		c.Policy.check(),
	); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	text := out.whole("text", []byte(c.Text))
	out.Events = []Event{MessageReceived{Conversation: c.Conversation, MessageID: c.MessageID, Author: c.Author, Text: text}}
	if s.ActiveRun() != nil || !s.Status.AwaitsHuman() && s.Status != StatusPaused {
		return c.followUp(out, s, env)
	}
	run := requestRun(s, s.Created.Engine, RunResume, "message", env)
	run.Input = &text
	out.Events = append(out.Events, run, FollowedUp{Conversation: c.Conversation, MessageID: c.MessageID, Author: c.Author, How: FollowUpResumed})
	return out, nil
}
