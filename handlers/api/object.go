package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// object writes one JSON object by hand: encoding/json takes the space out of
// raw JSON and escapes what is in it, and a checkpoint must come back as it was
// sent.
type object struct{ b []byte }

func (o *object) name(name string) {
	if len(o.b) == 0 {
		o.b = append(o.b, '{')
	} else {
		o.b = append(o.b, ',')
	}
	o.b = append(domain.AppendText(o.b, name), ':')
}

// raw adds a member whose value is JSON already.
func (o *object) raw(name string, value []byte) {
	o.name(name)
	o.b = append(o.b, value...)
}

// rawOrNull is raw with null for nothing.
func (o *object) rawOrNull(name string, value []byte) {
	if len(value) == 0 {
		value = []byte("null")
	}
	o.raw(name, value)
}

func (o *object) text(name, value string) {
	o.name(name)
	o.b = domain.AppendText(o.b, value)
}

// textOrNull is text with null for an empty one.
func (o *object) textOrNull(name, value string) {
	if value == "" {
		o.raw(name, []byte("null"))
		return
	}
	o.text(name, value)
}

func (o *object) int(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

func (o *object) bool(name string, value bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, value)
}

func (o *object) time(name string, value time.Time) {
	o.text(name, value.UTC().Format(time.RFC3339Nano))
}

func (o *object) uuidOrNull(name string, id *uuid.UUID) {
	if id == nil || *id == uuid.Nil {
		o.raw(name, []byte("null"))
		return
	}
	o.text(name, id.String())
}

// value adds what encoding/json makes of value.
func (o *object) value(name string, value any) { o.raw(name, encode(value)) }

func (o *object) end() []byte {
	if len(o.b) == 0 {
		return []byte("{}")
	}
	return append(o.b, '}')
}

// list writes a JSON array of what is JSON already.
func list(items [][]byte) []byte {
	size := 2
	for _, item := range items {
		size += len(item) + 1
	}
	out := append(make([]byte, 0, size), '[')
	out = append(out, bytes.Join(items, []byte(","))...)
	return append(out, ']')
}

// encode writes JSON without escaping <, > and &. It is for our own types,
// which cannot fail.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
