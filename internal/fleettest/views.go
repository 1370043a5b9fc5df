package fleettest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// WorkflowView is what the test reads of a workflow.
type WorkflowView struct {
	ID     int64     `json:"id"`
	UUID   uuid.UUID `json:"uuid"`
	Status string    `json:"status"`
	Goal   string    `json:"goal"`
	Reason string    `json:"reason"`
}

// Event is what the test reads of an event of the timeline.
type Event struct {
	Position string            `json:"position"`
	Index    int               `json:"index"`
	Type     string            `json:"type"`
	Time     time.Time         `json:"time"`
	Data     json.RawMessage   `json:"data"`
	Text     map[string]string `json:"text"`
}

// Timeline is a workflow's history.
type Timeline []Event

// Count counts the events of a type, without its prefix.
func (l Timeline) Count(name string) int {
	n := 0
	for _, e := range l {
		if e.Type == "workflow."+name {
			n++
		}
	}
	return n
}

// Types are the types of all events, for messages.
func (l Timeline) Types() string {
	var names []string
	for _, e := range l {
		names = append(names, strings.TrimPrefix(e.Type, "workflow."))
	}
	return strings.Join(names, " ")
}

// Decode reads one JSON document.
func Decode[T any](tb testing.TB, text string) T {
	tb.Helper()
	var out T
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		tb.Fatalf("%v in %s", err, text)
	}
	return out
}

// DecodeLines reads one JSON document a line.
func DecodeLines[T any](tb testing.TB, text string) []T {
	tb.Helper()
	var out []T
	for l := range strings.Lines(text) {
		out = append(out, Decode[T](tb, l))
	}
	return out
}
