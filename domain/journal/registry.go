package journal

import (
	"encoding/json"
	"fmt"
)

// EventRow is the registry entry of one event version of a kind of stream,
// whose events are E.
type EventRow[E any] struct {
	Type string
	V    int
	// Decode reads the data of that version.
	Decode func(json.RawMessage) (E, error)
}

// CommandRow is the registry entry of one command version.
type CommandRow[C any] struct {
	Type string
	V    int
	// New makes an empty command to decode into.
	New func() C
}

// Decoder reads events by type and version.
type Decoder[E any] map[string]EventRow[E]

// NewDecoder indexes a registry.
func NewDecoder[E any](rows []EventRow[E]) Decoder[E] {
	d := Decoder[E]{}
	for _, row := range rows {
		d[TypeName(row.Type, row.V)] = row
	}
	return d
}

// Decode reads one event. An event of a newer build is an error: the caller
// stops the stream and says so, it never skips.
func (d Decoder[E]) Decode(e Event) (E, error) {
	var none E
	row, ok := d[TypeName(e.Type, e.V)]
	if !ok {
		return none, fmt.Errorf("event %s is unknown to this build", TypeName(e.Type, e.V))
	}
	out, err := row.Decode(e.Data)
	if err != nil {
		return none, fmt.Errorf("decode %s: %w", TypeName(e.Type, e.V), err)
	}
	return out, nil
}
