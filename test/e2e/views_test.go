package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// workflowView is what the test reads of a workflow.
type workflowView struct {
	ID     int64     `json:"id"`
	UUID   uuid.UUID `json:"uuid"`
	Status string    `json:"status"`
	Goal   string    `json:"goal"`
	Reason string    `json:"reason"`
}

// event is what the test reads of an event of the timeline.
type event struct {
	Position string            `json:"position"`
	Index    int               `json:"index"`
	Type     string            `json:"type"`
	Time     time.Time         `json:"time"`
	Data     json.RawMessage   `json:"data"`
	Text     map[string]string `json:"text"`
}

// timeline is a workflow's history.
type timeline []event

func (l timeline) count(name string) int {
	n := 0
	for _, e := range l {
		if e.Type == "workflow."+name {
			n++
		}
	}
	return n
}

func (l timeline) types() string {
	var names []string
	for _, e := range l {
		names = append(names, strings.TrimPrefix(e.Type, "workflow."))
	}
	return strings.Join(names, " ")
}

// decode reads one JSON document.
func decode[T any](tb testing.TB, text string) T {
	tb.Helper()
	var out T
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		tb.Fatalf("%v in %s", err, text)
	}
	return out
}

// decodeLines reads one JSON document a line.
func decodeLines[T any](tb testing.TB, text string) []T {
	tb.Helper()
	var out []T
	for l := range strings.Lines(text) {
		out = append(out, decode[T](tb, l))
	}
	return out
}

func (d *dev) timeline(id string) timeline {
	d.tb.Helper()
	return decodeLines[event](d.tb, d.must("workflow", "timeline", id, "--json"))
}

// of lists the workflows with a goal.
func (d *dev) of(goal string) []workflowView {
	d.tb.Helper()
	var out []workflowView
	for _, w := range decode[[]workflowView](d.tb, d.must("workflow", "list", "--per-page", "100", "--json")) {
		if w.Goal == goal {
			out = append(out, w)
		}
	}
	return out
}

// only is the one workflow with a goal.
func (d *dev) only(goal string) workflowView {
	d.tb.Helper()
	found := d.of(goal)
	if len(found) != 1 {
		d.tb.Fatalf("%d workflows have the goal %q, want 1", len(found), goal)
	}
	return found[0]
}
