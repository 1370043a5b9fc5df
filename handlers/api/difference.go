package api

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/difference"
)

// getDifference answers GET workflows/:id/diff: what changed from one moment to another.
func (s *Server) getDifference(c *call) (answer, error) {
	stream, err := s.stream(c)
	if err != nil {
		return answer{}, err
	}
	from, err := s.atIn(c, "from")
	if err != nil {
		return answer{}, err
	}
	if !from.Set() {
		return answer{}, domain.InvalidField("from", "from is missing", "send a position, a time, or the thread_ts of a checkpoint")
	}
	to, err := s.atIn(c, "to")
	if err != nil {
		return answer{}, err
	}
	ns, err := namespaceOf(c)
	if err != nil {
		return answer{}, err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	d, err := s.cfg.Differences.Find(c.Context(), stream, ns, from, to)
	if err != nil {
		return answer{}, err
	}
	var o object
	o.raw("from", s.sideRow(d.From))
	o.raw("to", s.sideRow(d.To))
	o.raw("channels", rowsOf(d.Channels, channelChange))
	return ok(o.end()), nil
}

func (s *Server) sideRow(side difference.Side) []byte {
	var o object
	o.text("position", side.Position.Token(s.cfg.Log))
	o.time("time", side.Time)
	o.int("events", int64(side.State.Events))
	o.text("status", string(side.State.Status))
	if side.Checkpoint == nil {
		o.raw("checkpoint", []byte("null"))
	} else {
		o.raw("checkpoint", summaryRow(checkpoints.SummaryOf(*side.Checkpoint)))
	}
	return o.end()
}

func channelChange(c difference.Change) []byte {
	var o object
	o.text("channel", c.Name)
	return changed(&o, c)
}

// itemChange is an item of a list, by its index, or of an object, by its key.
func itemChange(c difference.Change) []byte {
	var o object
	if c.Index != nil {
		o.int("index", int64(*c.Index))
	} else {
		o.text("key", c.Name)
	}
	return changed(&o, c)
}

func changed(o *object, c difference.Change) []byte {
	o.text("change", string(c.Kind))
	if c.From != nil {
		o.raw("from", c.From)
	}
	if c.To != nil {
		o.raw("to", c.To)
	}
	if c.Items != nil {
		o.raw("items", rowsOf(c.Items, itemChange))
	}
	return o.end()
}
