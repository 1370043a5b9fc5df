package answer

import (
	"bytes"
	"encoding/json"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections/queries/plain"
	"github.com/duolog/duolog/projections/queries/stored"
)

// noTask is the task of answers that are for all of them.
const noTask = "00000000-0000-0000-0000-000000000000"

// interrupted says whether a task waits for a person, and with what question.
func (n newest) interrupted(said Said) Said {
	answered := map[string]int64{}
	for _, w := range n.writes {
		if w.Channel == resume {
			answered[w.Task] = max(answered[w.Task], w.Number)
		}
	}
	for _, w := range n.writes {
		if w.Channel != workflow.InterruptChannel || w.Number < max(answered[w.Task], answered[noTask]) {
			continue
		}
		said.Waits, said.OldQuestion = true, false
		if asked := question(w); asked != "" && n.channel != chatLog {
			said.Question = asked
		}
	}
	return said
}

// question is what an interrupt asks: its text, or that of the member which says so,
// or all of it.
func question(w stored.Write) string {
	raw := plain.JSON(w.Type, w.Bytes)
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		raw = list[0]
	}
	var object made
	if json.Unmarshal(raw, &object) == nil {
		if len(object.Kwargs) > 0 {
			_ = json.Unmarshal(object.Kwargs, &object)
		}
		if len(object.Value) > 0 {
			raw = object.Value
		}
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return said(text)
	}
	var asks struct{ Question, Message, Text json.RawMessage }
	_ = json.Unmarshal(raw, &asks) // what is no object has none of them
	for _, member := range []json.RawMessage{asks.Question, asks.Message, asks.Text} {
		if json.Unmarshal(member, &text) == nil && said(text) != "" {
			return said(text)
		}
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return ""
	}
	return clip(compact.String())
}
