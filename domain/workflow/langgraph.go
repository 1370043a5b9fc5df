package workflow

import (
	"encoding/json"
	"maps"
	"slices"
)

// Channels of LangGraph's own that a task may write to.
const (
	// SendsChannel is where a task says which tasks come next.
	SendsChannel = "__pregel_tasks"
	// InterruptChannel is where a task says that it waits for a person.
	InterruptChannel = "__interrupt__"
)

// SendsWithParent says whether a checkpoint with this header is of a format in which the
// tasks that come next are writes of its parent. Later ones have them in a channel.
func SendsWithParent(header []byte) bool {
	const inChannel = 4
	var h struct {
		V *float64 `json:"v"`
	}
	return json.Unmarshal(header, &h) == nil && h.V != nil && *h.V < inChannel
}

// DeltaChannels are the channels, by name, whose value the metadata of a checkpoint says
// to be in the writes of the steps before. An agent's metadata may be anything.
func DeltaChannels(metadata []byte) []string {
	var m struct {
		Deltas map[string]json.RawMessage `json:"counters_since_delta_snapshot"`
	}
	if json.Unmarshal(metadata, &m) != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.Deltas))
}
