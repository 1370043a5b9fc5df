package api

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// queueEvent answers POST workflows/:id/events: something is left for the agent,
// which asks for it between its steps.
func (s *Server) queueEvent(c *call) (answer, error) {
	stream, body, doc, err := s.onWorkflow(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	command, err := mailOf(doc)
	if err != nil {
		return answer{}, err
	}
	r, err := s.agentRequest(c, stream, command, body)
	if err != nil {
		return answer{}, err
	}
	result, out, err := s.nowOrLater(c, r)
	if err != nil || out.status != 0 {
		return out, err
	}
	item, there, err := s.mail(c, stream, func(m workflows.MailItem) bool { return m.ID == r.CommandID })
	if !there { // the same request was sent before, and the agent took it long ago
		item = workflows.MailItem{Mail: workflow.Mail{Number: result.Item, Kind: command.Kind, Correlation: command.Correlation, Status: workflow.MailIsDelivered}, Text: command.Message}
	}
	return created(mailEntity(item)), err
}

func mailOf(doc document.Object) (*workflow.QueueMail, error) {
	f := &document.Fields{Doc: doc}
	command := &workflow.QueueMail{Kind: workflow.MailKind(f.Text("event_type")), Message: f.Text("message")}
	if text := f.Text("correlation_id"); text != "" {
		id, err := document.ParseUUID(text)
		if err != nil {
			f.Refuse("correlation_id", "correlation_id must be a UUID", "send one, or leave it out", err)
		}
		command.Correlation = &id
	}
	return command, f.Err
}

// listEvents answers GET workflows/:id/events: what waits for the agent, oldest first.
func (s *Server) listEvents(c *call) (answer, error) {
	stream, err := s.stream(c)
	if err != nil {
		return answer{}, err
	}
	at, err := s.at(c)
	if err != nil {
		return answer{}, err
	}
	box, err := s.mailbox(c, stream, at)
	if err != nil {
		return answer{}, err
	}
	rows := [][]byte{}
	for _, m := range box {
		if m.Status == workflow.MailIsQueued {
			rows = append(rows, mailEntity(m))
		}
	}
	return ok(list(rows)), nil
}

// markEvent answers PUT workflows/:id/events/:event_id: the agent has taken it.
func (s *Server) markEvent(c *call) (answer, error) {
	stream, body, doc, err := s.onWorkflow(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	number, err := strconv.ParseInt(c.PathValue("event_id"), 10, 64)
	if err != nil {
		return answer{}, document.InvalidField("event_id", fmt.Sprintf("event_id must be a number, got %.40q", c.PathValue("event_id")), "send the id that listing the events returned", err)
	}
	numbered := func(m workflows.MailItem) bool { return m.Number == number }
	item, there, err := s.mail(c, stream, numbered)
	if err != nil {
		return answer{}, err
	}
	if !there {
		return answer{}, notFound("event", "list those that are queued")
	}
	f := &document.Fields{Doc: doc}
	command := &workflow.MarkMail{Mail: item.ID, Status: workflow.MailStatus(f.Text("event_status"))}
	if f.Err != nil {
		return answer{}, f.Err
	}
	r, err := s.agentRequest(c, stream, command, body)
	if err != nil {
		return answer{}, err
	}
	if _, err := s.do(c, r); err != nil {
		return answer{}, err
	}
	if marked, there, err := s.mail(c, stream, numbered); there || err != nil {
		return ok(mailEntity(marked)), err
	}
	item.Status = command.Status
	return ok(mailEntity(item)), nil
}

func (s *Server) mailbox(c *call, stream domain.StreamID, at cut.At) ([]workflows.MailItem, error) {
	if err := s.gate(c.Context()); err != nil {
		return nil, err
	}
	return s.cfg.Workflows.At(at).Mailbox(c.Context(), stream)
}

func (s *Server) mail(c *call, stream domain.StreamID, wanted func(workflows.MailItem) bool) (item workflows.MailItem, there bool, err error) {
	box, err := s.mailbox(c, stream, cut.At{})
	if i := slices.IndexFunc(box, wanted); i >= 0 {
		return box[i], true, err
	}
	return item, false, err
}

func mailEntity(m workflows.MailItem) []byte {
	var o object
	o.int("id", m.Number)
	o.text("event_type", string(m.Kind))
	o.text("event_status", string(m.Status))
	o.text("message", m.Text)
	o.uuidOrNull("correlation_id", m.Correlation)
	o.textOrNull("author", m.Author)
	if m.At.IsZero() {
		o.rawOrNull("created_at", nil)
	} else {
		o.time("created_at", m.At)
	}
	return o.end()
}
