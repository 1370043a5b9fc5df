package journal

import (
	"fmt"
	"strconv"
)

// TypeName is the full name of an event or command version: workflow.created.v1.
func TypeName(name string, v int) string { return name + ".v" + strconv.Itoa(v) }

// appender writes its own JSON: what encoding/json makes of it without escaping
// for HTML, but sooner. Events that come with every step have it.
type appender interface{ AppendJSON(b []byte) []byte }

// NewEvent encodes the data of one event.
func NewEvent(name string, v int, data any) (Event, error) {
	if a, ok := data.(appender); ok {
		return Event{Type: name, V: v, Data: a.AppendJSON(nil)}, nil
	}
	raw, err := encodeJSON(data)
	if err != nil {
		return Event{}, fmt.Errorf("encode %s: %w", TypeName(name, v), err)
	}
	return Event{Type: name, V: v, Data: raw}, nil
}
