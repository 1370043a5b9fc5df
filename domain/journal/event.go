package journal

import "fmt"

// TypeName is the full name of an event or command version: workflow.created.v1.
func TypeName(name string, v int) string { return fmt.Sprintf("%s.v%d", name, v) }

// NewEvent encodes the data of one event.
func NewEvent(name string, v int, data any) (Event, error) {
	raw, err := encodeJSON(data)
	if err != nil {
		return Event{}, fmt.Errorf("encode %s: %w", TypeName(name, v), err)
	}
	return Event{Type: name, V: v, Data: raw}, nil
}
