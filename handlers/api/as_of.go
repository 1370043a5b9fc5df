package api

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections/queries/asof"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/cut"
)

// at is as of when the request reads; now where it does not say.
func (s *Server) at(c *call) (cut.At, error) { return s.atIn(c, "at") }

func (s *Server) atIn(c *call, field string) (cut.At, error) {
	text, err := c.query(field)
	if err != nil {
		return cut.At{}, err
	}
	return cut.ParseAt(field, text, s.cfg.Log)
}

// Bounds of how much of each kind a page has.
const (
	defaultPerMoment = 20
	maxPerMoment     = 100
)

// getMoment answers GET workflows/:id/as_of: the whole workflow as it stood, from one
// cut.
func (s *Server) getMoment(c *call) (answer, error) {
	stream, err := s.stream(c)
	if err != nil {
		return answer{}, err
	}
	at, err := s.at(c)
	if err != nil {
		return answer{}, err
	}
	most, err := c.queryInt("limit", defaultPerMoment, 1, maxPerMoment)
	if err != nil {
		return answer{}, err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	p, err := s.cfg.AsOf.Find(c.Context(), stream, at, most)
	if err != nil {
		return answer{}, err
	}
	return ok(s.momentBody(p)), nil
}

func (s *Server) momentBody(p asof.Page) []byte {
	var place, o object
	place.text("position", p.Position.Token(s.cfg.Log))
	place.time("time", p.Time)
	place.bool("now", p.Now)
	place.textOrNull("previous", s.tokenOf(p.Previous))
	place.textOrNull("next", s.tokenOf(p.Next))
	place.int("events", int64(p.Workflow.State.Events))
	o.raw("at", place.end())
	o.raw("workflow", s.entity(p.Workflow))
	o.raw("checkpoints", rowsOf(p.Checkpoints, summaryRow))
	o.raw("events", rowsOf(p.Events, eventRow))
	o.raw("messages", rowsOf(p.Messages, eventRow))
	deliveries := make([][]byte, len(p.Deliveries))
	for i, d := range p.Deliveries {
		deliveries[i] = deliveryOf(d).end()
	}
	o.raw("deliveries", list(deliveries))
	o.raw("mailbox", rowsOf(p.Mailbox, mailEntity))
	return o.end()
}

func (s *Server) tokenOf(p *domain.Position) string {
	if p == nil {
		return ""
	}
	return p.Token(s.cfg.Log)
}

func rowsOf[T any](rows []T, of func(T) []byte) []byte {
	items := make([][]byte, len(rows))
	for i, row := range rows {
		items[i] = of(row)
	}
	return list(items)
}

// summaryRow is a checkpoint without its values.
func summaryRow(row checkpoints.Summary) []byte {
	var o object
	o.int("id", row.Number)
	o.text("thread_ts", row.ThreadTS.String())
	o.uuidOrNull("parent_ts", row.ParentTS)
	o.text("checkpoint_ns", row.NS)
	o.int("current_thread", int64(row.Thread))
	o.bool("parent_missing", row.ParentMissing)
	o.time("created_at", row.CreatedAt)
	o.value("channels", row.Channels)
	return o.end()
}
