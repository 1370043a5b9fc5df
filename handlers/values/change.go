package values

import (
	"bytes"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/document"
)

// Change is a value said by what is new of it: pieces of an earlier value of the same
// channel, its base, and bytes of its own.
type Change struct {
	Type string
	// Sum is that of the whole value.
	Sum  Sum
	Base Base
	// Size is how many bytes the whole value has.
	Size  int
	parts []part
}

// Base names the value that a change is to.
type Base struct {
	Checkpoint uuid.UUID
	Sum        Sum
}

// part is bytes of its own, or, where own is nil, of the base.
type part struct {
	from, size int
	own        []byte
}

// maxParts bounds the parts of one change.
const maxParts = 4096

// IsChange says whether what stands in the head is a change, not a value.
func IsChange(doc document.Object) bool {
	_, ok := doc["parts"]
	return ok
}

// Change reads a change that stands in the head. Field is how refusals name it.
func (b Body) Change(field string, doc document.Object) (Change, error) {
	f := &document.Fields{Doc: doc}
	c := Change{Type: f.Text("type"), Sum: sumIn(f)}
	base := f.Object("base")
	parts := document.Elements(f.Array("parts"))
	if f.Err == nil && base == nil {
		f.Refuse("base", "base is missing", "say what the change is to, or send the whole value", nil)
	}
	if f.Err == nil && c.Type == "" {
		f.Refuse("type", "a value has a type", "send the type that your serialiser gave the bytes", nil)
	}
	if f.Err == nil && len(parts) > maxParts {
		f.Refuse("parts", fmt.Sprintf("parts has %d elements; the limit is %d", len(parts), maxParts), "send the whole value", nil)
	}
	if f.Err != nil {
		return c, document.Inside(field, f.Err)
	}
	doc, err := document.Members(base)
	if err != nil {
		return c, document.InField(field+".base", err)
	}
	of := &document.Fields{Doc: doc}
	c.Base = Base{Checkpoint: of.CheckpointID("checkpoint_id"), Sum: sumIn(of)}
	if of.Err != nil {
		return c, document.Inside(field+".base", of.Err)
	}
	for i, raw := range parts {
		if err := c.add(b, fmt.Sprintf("%s.parts[%d]", field, i), raw); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *Change) add(b Body, field string, raw []byte) error {
	doc, err := document.Members(raw)
	if err != nil {
		return document.InField(field, err)
	}
	f := &document.Fields{Doc: doc}
	var p part
	if f.Has("copy") {
		at := f.Integers("copy", nil)
		if f.Err == nil && (len(at) != 2 || at[0] < 0 || at[1] < 0) {
			f.Refuse("copy", "copy must be two counts of bytes", "send where the piece begins in the base, and how long it is", nil)
		}
		if f.Err != nil {
			return document.Inside(field, f.Err)
		}
		p = part{from: at[0], size: at[1]}
	} else {
		if p.own, err = b.Span(field, f); err != nil {
			return err
		}
		p.size = len(p.own)
	}
	if c.Size > maxWhole-p.size {
		return &domain.Error{Code: domain.CodeTooLarge, Field: field, Message: fmt.Sprintf("the whole value passes %d bytes", maxWhole), Fix: "send less"}
	}
	c.Size += p.size
	c.parts = append(c.parts, p)
	return nil
}

// maxWhole bounds what a change comes to, in bytes.
const maxWhole = 32 << 20

// Apply gives the whole value. It says false where the base is another, or the result.
func (c Change) Apply(base Known) (Known, bool) {
	parts := make([][]byte, len(c.parts))
	for i, p := range c.parts {
		switch {
		case p.own != nil:
			parts[i] = p.own
		case p.from > len(base.Raw) || p.size > len(base.Raw)-p.from:
			return Known{}, false
		default:
			parts[i] = base.Raw[p.from : p.from+p.size]
		}
	}
	// It is not cut yet: what comes over it is cut over what it is over itself.
	k := Known{Raw: bytes.Join(parts, nil), Pieces: base.Pieces}
	return k, c.Sum.IsOf(&k, base)
}
