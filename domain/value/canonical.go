package value

import (
	"encoding/hex"

	"github.com/duolog/duolog/domain/strictjson"
)

// AddressAt reads an address.
func AddressAt(c *strictjson.Cursor) (a Address) {
	s := c.Text()
	if len(s) != hex.EncodedLen(len(a)) || a.UnmarshalText([]byte(s)) != nil {
		c.Fail()
	}
	return a
}

// At reads a value in the form that AppendJSON writes.
func At(c *strictjson.Cursor) (v Value) {
	c.Skip(`{"type":`)
	v.Type = c.Text()
	if c.Is(`,"key":`) {
		v.Key = c.Text()
	}
	if c.Is(`,"base":`) {
		v.Base = AddressAt(c)
	}
	if c.Is(`,"keep":`) {
		v.Keep = int(c.Int())
	}
	if c.Is(`,"add":`) {
		c.List(func() { v.Add = append(v.Add, entryAt(c)) })
	}
	if c.Is(`,"tail":`) {
		v.Tail = c.Text()
	}
	if c.Is(`,"manifest":`) {
		v.Manifest = AddressAt(c)
	}
	c.Skip(`,"size":`)
	v.Size = c.Int()
	c.Skip("}")
	return v
}

func entryAt(c *strictjson.Cursor) (e Entry) {
	switch {
	case c.Is(`{"i":`):
		e.Inline = []byte(c.Text())
		e.Size = int64(len(e.Inline))
	default:
		c.Skip(`{"b":`)
		e.Address = AddressAt(c)
		c.Skip(`,"n":`)
		e.Size = c.Int()
		if c.Is(`,"l":`) {
			e.Level = int(c.Int())
		}
	}
	c.Skip("}")
	if !c.Failed() && e.check() != nil {
		c.Fail()
	}
	return e
}
