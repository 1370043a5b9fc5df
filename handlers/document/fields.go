package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/google/uuid"
)

// Fields reads the members of a document and keeps the refusals, so that an
// endpoint reads all it wants and asks once.
type Fields struct {
	// Doc is what is read, Err the first refusal.
	Doc Object
	Err error
}

// Refuse keeps a refusal, unless there is one.
func (f *Fields) Refuse(field, message, fix string, err error) {
	if f.Err == nil {
		f.Err = InvalidField(field, message, fix, err)
	}
}

// Has says whether the member is there and not null.
func (f *Fields) Has(name string) bool {
	raw, ok := f.Doc[name]
	return ok && string(raw) != "null"
}

// Text is a string. What may stand in it is for the command to say.
func (f *Fields) Text(name string) string {
	if !f.Has(name) {
		return ""
	}
	s, err := DecodeText(f.Doc[name])
	if err != nil {
		f.Refuse(name, name+" "+err.Error(), "send a string", err)
	}
	return s
}

// DecodeText reads a JSON string. Half of a surrogate pair has no bytes of its
// own and would come back as something else.
func DecodeText(raw []byte) (string, error) {
	if raw[0] != '"' {
		return "", errors.New("must be a string")
	}
	if !paired(raw) {
		return "", errors.New("has half of a surrogate pair")
	}
	s, err := text(raw)
	if err != nil {
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

// Flag is a boolean.
func (f *Fields) Flag(name string, fallback bool) bool {
	if !f.Has(name) {
		return fallback
	}
	var b bool
	if err := json.Unmarshal(f.Doc[name], &b); err != nil {
		f.Refuse(name, name+" must be true or false", "send a boolean", err)
	}
	return b
}

// Integer is a number that fits the columns it goes to.
func (f *Fields) Integer(name string, least int) int {
	if !f.Has(name) {
		return 0
	}
	n, err := strconv.ParseInt(string(f.Doc[name]), 10, 32)
	if err != nil || int(n) < least {
		f.Refuse(name, fmt.Sprintf("%s must be an integer from %d to %d", name, least, math.MaxInt32), "send such a number", err)
	}
	return int(n)
}

// Integers is a short list of numbers.
func (f *Fields) Integers(name string, fallback []int) []int {
	if !f.Has(name) {
		return fallback
	}
	list := []int{}
	if err := json.Unmarshal(f.Doc[name], &list); err != nil {
		f.Refuse(name, name+" must be a list of integers", "send a list such as [1,2]", err)
	}
	if len(list) > 64 {
		f.Refuse(name, fmt.Sprintf("%s has %d entries; the limit is 64", name, len(list)), "send each once", nil)
	}
	return list
}

// kind is raw JSON that begins with open; nil where the member is not there, or is
// refused.
func (f *Fields) kind(name string, open byte, article string) json.RawMessage {
	if !f.Has(name) {
		return nil
	}
	if f.Doc[name][0] != open {
		f.Refuse(name, name+" must be "+article, "send "+article, nil)
		return nil
	}
	return f.Doc[name]
}

// Object is the bytes of an object.
func (f *Fields) Object(name string) json.RawMessage { return f.kind(name, '{', "an object") }

// Array is the bytes of a list.
func (f *Fields) Array(name string) json.RawMessage { return f.kind(name, '[', "a list") }

// ThreadTS is the id of a checkpoint.
func (f *Fields) ThreadTS(name string) uuid.UUID {
	id, err := ParseThreadTS(name, f.Text(name))
	if err != nil && f.Err == nil {
		f.Err = err
	}
	return id
}

// Parent is the id of another checkpoint, or nil.
func (f *Fields) Parent(name string) *uuid.UUID {
	s := f.Text(name)
	if s == "" {
		return nil
	}
	id, err := ParseUUID(s)
	if err != nil {
		f.Refuse(name, fmt.Sprintf("%s must be a UUID, got %.64q", name, s), "send the parent checkpoint's id, or none", err)
	}
	return &id
}

// CheckpointID is the id of a checkpoint in the one form that it has.
func (f *Fields) CheckpointID(name string) uuid.UUID {
	text := f.Text(name)
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		f.Refuse(name, fmt.Sprintf("%s must be a UUID in its usual form, in lower case, got %.64q", name, text), "send the id that the checkpoint has", err)
	}
	return id
}
