package projections

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// removed is all that goes when a thread is deleted.
func (d *decoded) removed(s *stream, state workflow.State) (removal, error) {
	h, err := d.holdings()
	if err != nil {
		return removal{}, err
	}
	return h.remove(s.short, state, func(checkpointAt) bool { return true })
}

// pruned is what goes when a thread is pruned: checkpoints that there are, and the
// writes of those.
func (d *decoded) pruned(s *stream, state workflow.State, e workflow.ThreadPruned) (removal, error) {
	isGone, err := e.Gone(d.fetch)
	if err != nil {
		return removal{}, err
	}
	h, err := d.holdings()
	if err != nil {
		return removal{}, err
	}
	gone := map[checkpointAt]bool{}
	for _, c := range h.checkpoints {
		if isGone(c.key) {
			gone[checkpointAt{c.nsHash, c.key.TS}] = true
		}
	}
	out, err := h.remove(s.short, state, func(at checkpointAt) bool { return gone[at] })
	if err != nil {
		return out, err
	}
	return out, s.facts.Apply(e, d.fetch)
}

// runOf is run_id of a checkpoint's metadata where that is text; nil otherwise. The
// metadata of nearly every step stands in the event. Its bytes may be nowhere, where a
// workflow is imported whose checkpoint was removed before: it will be removed here.
func (d *decoded) runOf(metadata value.Value) ([]byte, error) {
	m, err := metadata.Resolve(nil, d.fetch)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	raw, err := value.Assemble(m, workflow.Fetch(d.fetch).All)
	if errors.Is(err, errRemoved) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	if !bytes.Contains(raw, []byte(`run_id`)) {
		return nil, nil
	}
	var fields struct {
		RunID json.RawMessage `json:"run_id"`
	}
	var run string
	if json.Unmarshal(raw, &fields) == nil && json.Unmarshal(fields.RunID, &run) == nil {
		return []byte(run), nil
	}
	return nil, nil // the metadata of an agent may be anything
}
