package api

import (
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections/queries/forks"
)

// previewFork answers GET workflows/:id/fork_preview: what happened after a
// checkpoint, and so would again.
func (s *Server) previewFork(c *call) (answer, error) {
	stream, err := s.shownStream(c)
	if err != nil {
		return answer{}, err
	}
	name, err := c.query("checkpoint")
	if err != nil {
		return answer{}, err
	}
	ns, err := namespaceOf(c)
	if err != nil {
		return answer{}, err
	}
	ref, err := forks.ParseRef(name, ns)
	if err != nil {
		return answer{}, err
	}
	p, err := s.cfg.Forks.Preview(c.Context(), stream, ref)
	if err != nil {
		return answer{}, err
	}
	return ok(previewOf(p)), nil
}

// shownStream is the workflow that the path names, once reads show what was answered.
func (s *Server) shownStream(c *call) (domain.StreamID, error) {
	stream, err := s.stream(c)
	if err != nil {
		return stream, err
	}
	return stream, s.gate(c.Context())
}

func previewOf(p forks.Preview) []byte {
	var checkpoint, count, o object
	checkpoint.int("id", p.Number)
	checkpoint.text("thread_ts", p.ThreadTS.String())
	checkpoint.text("checkpoint_ns", p.NS)
	total := 0
	for _, kind := range []forks.Kind{forks.KindCheckpoint, forks.KindRun, forks.KindMessage, forks.KindToolCall, forks.KindDelivery, forks.KindNotification} {
		count.int(string(kind), int64(p.Count[kind]))
		total += p.Count[kind]
	}
	items := make([][]byte, len(p.Items))
	for i, item := range p.Items {
		items[i] = previewItem(item)
	}
	unreadable := make([][]byte, len(p.Unreadable))
	for i, name := range p.Unreadable {
		unreadable[i] = domain.AppendText(nil, name)
	}
	o.raw("checkpoint", checkpoint.end())
	o.raw("count", count.end())
	o.int("effects", int64(p.Effects))
	o.raw("items", list(items))
	o.bool("truncated", total > len(p.Items))
	o.raw("unreadable", list(unreadable))
	return o.end()
}

func previewItem(i forks.Item) []byte {
	var o object
	o.text("kind", string(i.Kind))
	o.bool("effect", i.Effect)
	o.textOrNull("name", i.Name)
	o.textOrNull("detail", i.Detail)
	o.rawOrNull("arguments", i.Arguments)
	if i.At.IsZero() {
		o.raw("time", []byte("null"))
		o.raw("position", []byte("null"))
		return o.end()
	}
	o.time("time", i.At)
	o.text("position", i.Position.String())
	return o.end()
}
