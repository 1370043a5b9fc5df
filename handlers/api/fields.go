package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/google/uuid"
)

// fields reads the members of a document and keeps the refusals, so that an
// endpoint reads all it wants and asks once.
type fields struct {
	doc document
	err error
}

func (f *fields) refuse(field, message, fix string, err error) {
	if f.err == nil {
		f.err = invalidField(field, message, fix, err)
	}
}

// has says whether the member is there and not null.
func (f *fields) has(name string) bool {
	raw, ok := f.doc[name]
	return ok && string(raw) != "null"
}

// text is a string. What may stand in it is for the command to say.
func (f *fields) text(name string) string {
	if !f.has(name) {
		return ""
	}
	s, err := decodeText(f.doc[name])
	if err != nil {
		f.refuse(name, name+" "+err.Error(), "send a string", err)
	}
	return s
}

// decodeText reads a JSON string. Half of a surrogate pair has no bytes of its
// own and would come back as something else.
func decodeText(raw []byte) (string, error) {
	if raw[0] != '"' {
		return "", errors.New("must be a string")
	}
	if !paired(raw) {
		return "", errors.New("has half of a surrogate pair")
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", errors.New("must be a string")
	}
	return s, nil
}

// The first six bits of the two halves of a surrogate pair.
const (
	high = 0xD800 >> 10
	low  = 0xDC00 >> 10
)

// paired says whether each \u escape of a surrogate has its other half.
func paired(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		switch hex4(raw[i+1:]) >> 10 {
		case low:
			return false
		case high:
			rest := raw[i+5:]
			if !bytes.HasPrefix(rest, []byte(`\u`)) || hex4(rest[2:])>>10 != low {
				return false
			}
			i += 10
		default:
			i += 4
		}
	}
	return true
}

func hex4(raw []byte) uint64 {
	if len(raw) < 4 {
		return 0
	}
	n, err := strconv.ParseUint(string(raw[:4]), 16, 32)
	if err != nil {
		return 0
	}
	return n
}

func (f *fields) flag(name string, fallback bool) bool {
	if !f.has(name) {
		return fallback
	}
	var b bool
	if err := json.Unmarshal(f.doc[name], &b); err != nil {
		f.refuse(name, name+" must be true or false", "send a boolean", err)
	}
	return b
}

// integer is a number that fits the columns it goes to.
func (f *fields) integer(name string, least int) int {
	if !f.has(name) {
		return 0
	}
	var n int32
	if err := json.Unmarshal(f.doc[name], &n); err != nil || int(n) < least {
		f.refuse(name, fmt.Sprintf("%s must be an integer from %d to %d", name, least, math.MaxInt32), "send such a number", err)
	}
	return int(n)
}

func (f *fields) integers(name string, fallback []int) []int {
	if !f.has(name) {
		return fallback
	}
	list := []int{}
	if err := json.Unmarshal(f.doc[name], &list); err != nil {
		f.refuse(name, name+" must be a list of integers", "send a list such as [1,2]", err)
	}
	if len(list) > 64 {
		f.refuse(name, fmt.Sprintf("%s has %d entries; the limit is 64", name, len(list)), "send each once", nil)
	}
	return list
}

// kind is raw JSON that begins with open; nil where the member is not there.
func (f *fields) kind(name string, open byte, article string) json.RawMessage {
	if !f.has(name) {
		return nil
	}
	if f.doc[name][0] != open {
		f.refuse(name, name+" must be "+article, "send "+article, nil)
	}
	return f.doc[name]
}

func (f *fields) object(name string) json.RawMessage { return f.kind(name, '{', "an object") }
func (f *fields) array(name string) json.RawMessage  { return f.kind(name, '[', "a list") }

// threadTS is the id of a checkpoint.
func (f *fields) threadTS(name string) uuid.UUID {
	id, err := parseThreadTS(name, f.text(name))
	if err != nil && f.err == nil {
		f.err = err
	}
	return id
}

// parent is the id of another checkpoint, or nil.
func (f *fields) parent(name string) *uuid.UUID {
	s := f.text(name)
	if s == "" {
		return nil
	}
	id, err := parseUUID(s)
	if err != nil {
		f.refuse(name, fmt.Sprintf("%s must be a UUID, got %.64q", name, s), "send the parent checkpoint's id, or none", err)
	}
	return &id
}
