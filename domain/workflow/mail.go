package workflow

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// MaxMail is how many items the mailbox of a workflow keeps, those that the agent has
// taken among them; the oldest of these make room.
const MaxMail = 100

// MailKind says what a person asks of the agent.
type MailKind string

// The kinds there are.
const (
	MailPause        MailKind = "pause"
	MailResume       MailKind = "resume"
	MailStop         MailKind = "stop"
	MailMessage      MailKind = "message"
	MailResponse     MailKind = "response"
	MailRequireInput MailKind = "require_input"
)

// MailKinds lists them.
func MailKinds() []MailKind {
	return []MailKind{MailPause, MailResume, MailStop, MailMessage, MailResponse, MailRequireInput}
}

// MailStatus says whether the agent has taken an item.
type MailStatus string

// The states of an item.
const (
	MailIsQueued    MailStatus = "queued"
	MailIsDelivered MailStatus = "delivered"
)

// Mail is an item of the mailbox: what a person left for the agent, which asks for it
// between its steps.
type Mail struct {
	ID uuid.UUID `json:"id"`
	// Number names the item to clients. The fold sets it: it comes from the position.
	Number      int64        `json:"number,omitempty"`
	Kind        MailKind     `json:"kind"`
	Text        *value.Value `json:"text,omitempty"`
	Correlation *uuid.UUID   `json:"correlation_id,omitempty"`
	Author      string       `json:"author,omitempty"`
	At          time.Time    `json:"at"`
	Status      MailStatus   `json:"status"`
}

// QueueMail leaves an item for the agent.
type QueueMail struct {
	noFacts

	Kind        MailKind   `json:"kind"`
	Message     string     `json:"message,omitempty"`
	Correlation *uuid.UUID `json:"correlation_id,omitempty"`
}

// CommandType names the command.
func (*QueueMail) CommandType() string { return "workflow.queue_mail" }

// Decide takes it while the workflow lives and the box is not full.
func (c *QueueMail) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if err := s.mayManage(env); err != nil {
		return Outcome{}, err
	}
	switch {
	case s.Status.Terminal():
		return Outcome{}, &domain.Error{Code: domain.CodeWorkflowEnded, Message: "the workflow has ended", Fix: "retry it, or start another one"}
	case !slices.Contains(MailKinds(), c.Kind):
		return Outcome{}, domain.InvalidField("event_type", fmt.Sprintf("event_type %.40q is not one", c.Kind), "send pause, resume, stop, message, response or require_input")
	case c.Message == "" && (c.Kind == MailMessage || c.Kind == MailResponse):
		return Outcome{}, domain.InvalidField("message", "a "+string(c.Kind)+" says something", "send its text as message")
	case len(s.queued()) >= MaxMail:
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: fmt.Sprintf("%d events wait for the agent", MaxMail), Fix: "wait until it has taken some"}
	}
	if err := domain.CheckSize("message", len(c.Message), MaxGoal); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	e := MailQueued{Mail: env.CommandID, Kind: c.Kind, Correlation: c.Correlation}
	if c.Message != "" {
		text := out.whole("text", []byte(c.Message))
		e.Text = &text
	}
	out.Events = []Event{e}
	return out, nil
}

// MarkMail says that the agent has taken an item, or puts it back.
type MarkMail struct {
	noFacts

	Mail   uuid.UUID  `json:"mail"`
	Status MailStatus `json:"status"`
}

// CommandType names the command.
func (*MarkMail) CommandType() string { return "workflow.mark_mail" }

// Decide marks it once. An agent that is told twice marks twice.
func (c *MarkMail) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if err := s.mayManage(env); err != nil {
		return Outcome{}, err
	}
	if c.Status != MailIsQueued && c.Status != MailIsDelivered {
		return Outcome{}, domain.InvalidField("event_status", fmt.Sprintf("event_status %.40q is not one", c.Status), "send queued or delivered")
	}
	i := slices.IndexFunc(s.Mail, func(m Mail) bool { return m.ID == c.Mail })
	switch {
	case i < 0:
		return Outcome{}, &domain.Error{Code: domain.CodeNotFound, Field: "event_id", Message: "there is no such event, or it was delivered long ago", Fix: "list the events that are queued"}
	case s.Mail[i].Status == c.Status:
		return alreadySo()
	}
	return events(MailMarked{Mail: c.Mail, Status: c.Status})
}

// queued are the items that wait.
func (s State) queued() []Mail {
	return slices.DeleteFunc(slices.Clone(s.Mail), func(m Mail) bool { return m.Status != MailIsQueued })
}

// numberMail gives the item that an event left its number.
func (s State) numberMail(id uuid.UUID, number int64) State {
	s.Mail = slices.Clone(s.Mail)
	for i := range s.Mail {
		if s.Mail[i].ID == id {
			s.Mail[i].Number = number
		}
	}
	return s
}

func applyMail(s State, r Recorded) (State, error) {
	s.Mail = slices.Clone(s.Mail)
	switch e := r.Event.(type) {
	case MailQueued:
		if i := slices.IndexFunc(s.Mail, func(m Mail) bool { return m.Status == MailIsDelivered }); i >= 0 && len(s.Mail) >= MaxMail {
			s.Mail = slices.Delete(s.Mail, i, i+1)
		}
		s.Mail = append(s.Mail, Mail{
			ID: e.Mail, Kind: e.Kind, Text: clone(e.Text), Correlation: clone(e.Correlation), Author: r.Principal.User, At: r.Time, Status: MailIsQueued,
		})
	case MailMarked:
		i := slices.IndexFunc(s.Mail, func(m Mail) bool { return m.ID == e.Mail })
		if i < 0 {
			return s, fmt.Errorf("%s of an item that is not there", e.EventType())
		}
		s.Mail[i].Status = e.Status
		if e.Status == MailIsDelivered {
			s.FollowUps = s.takenByMail(e.Mail)
		}
	default: // Apply sends no other event here
	}
	return s, nil
}
