package api

import (
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/threads"
)

// threadHistory answers POST /v1/threads/history: what channels are made of whose
// state is kept as its changes.
func (s *Server) threadHistory(c *call) (answer, error) {
	f, of, err := s.checkpointAsked(c)
	if err != nil {
		return answer{}, err
	}
	channels := channelsIn(f)
	w, read, err := s.threadsShown(c, f)
	if err != nil {
		return answer{}, err
	}
	found, err := read.History(c.Context(), of.stream, of.ns, of.id, channels)
	if err != nil {
		return answer{}, err
	}
	var o, byName object
	for _, channel := range found {
		byName.raw(channel.Name, w.history(channel))
	}
	o.raw("channels", byName.end())
	return w.answer(o.end()), nil
}

func (w *writer) history(c threads.Channel) []byte {
	items := make([][]byte, len(c.Writes))
	for i, past := range c.Writes {
		var o object
		o.text("checkpoint_id", past.Checkpoint.String())
		o.text("task_id", past.Task)
		o.int("idx", int64(past.Idx))
		o.text("channel", past.Channel)
		o.raw("value", w.written(past.Write))
		items[i] = o.end()
	}
	var o object
	o.raw("writes", list(items))
	if c.Seed != nil {
		o.raw("seed", w.value(*c.Seed))
	}
	return o.end()
}

// maxHistoryChannels is how many channels one request may ask about.
const maxHistoryChannels = 256

// channelsIn is the list of the channels that are asked about, each once.
func channelsIn(f *document.Fields) []string {
	const member = "channels"
	raw := f.Array(member)
	if f.Err != nil {
		return nil
	}
	if raw == nil {
		f.Refuse(member, member+" is missing", "send a list of names", nil)
		return nil
	}
	var out []string
	seen := map[string]bool{}
	for i, element := range document.Elements(raw) {
		at := fmt.Sprintf("%s[%d]", member, i)
		name, err := document.DecodeText(element)
		if err != nil {
			f.Refuse(at, at+" "+err.Error(), "send the name of a channel", err)
			return nil
		}
		if f.Err = domain.CheckSize(at, len(name), workflow.MaxChannel); f.Err != nil {
			return nil
		}
		if !seen[name] {
			seen[name], out = true, append(out, name)
		}
	}
	if len(out) > maxHistoryChannels {
		f.Err = tooLarge(member, fmt.Sprintf("%d channels in one request; the limit is %d", len(out), maxHistoryChannels), "ask in several requests")
	}
	return out
}
