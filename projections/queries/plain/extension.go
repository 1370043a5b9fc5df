package plain

import (
	"cmp"
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/duolog/duolog/domain"
)

// The extensions of LangGraph's Python serialiser. What they hold is MessagePack
// again: module, class, and what the object was made of.
const (
	extSingle   = 0
	extArgs     = 1
	extKwargs   = 2
	extMethod   = 3
	extPydantic = 4
	extModel    = 5
	extNumpy    = 6
	extSnapshot = 7
)

// snapshotClass is what an extension stands for that names no class.
const snapshotClass = "langgraph.checkpoint.serde.types._DeltaSnapshot"

// extension appends an extension of n bytes; its code comes first.
func (d *decoder) extension(out []byte, n uint64) ([]byte, error) {
	code, err := d.next(1)
	if err != nil {
		return out, err
	}
	raw, err := d.next(n)
	if err != nil {
		return out, err
	}
	from := len(out)
	// What goes wrong inside is shown as its bytes, unless the bounds of the whole say
	// that no more may be shown.
	inner := decoder{raw: raw, depth: d.depth, most: d.most}
	err = inner.inside(func() (err error) {
		out, err = inner.extended(out, code[0])
		if err == nil && inner.at != len(raw) {
			err = errRest
		}
		return err
	})
	if err == nil || errors.Is(err, errDeep) || errors.Is(err, errLong) {
		return out, err
	}
	return opaque(out[:from], "ext "+strconv.Itoa(int(int8(code[0]))), raw), nil //nolint:gosec // that is what it means
}

// extended appends what an extension holds.
func (d *decoder) extended(out []byte, code byte) ([]byte, error) {
	switch code {
	case extSingle:
		return d.made(out, "value", 3)
	case extArgs:
		return d.made(out, "args", 3)
	case extKwargs, extPydantic:
		return d.made(out, "kwargs", 3)
	case extModel:
		return d.made(out, "kwargs", 4)
	case extMethod:
		return d.made(out, "value", 4)
	case extNumpy:
		return d.numpy(out)
	case extSnapshot:
		out = domain.AppendText(append(out, `{"class":`...), snapshotClass)
		out, err := d.value(append(out, `,"value":`...))
		return append(out, '}'), err
	}
	return out, errShape
}

// made appends an object: its class, what it was made of under a name, and, where
// there are four parts, by which method. That is the same for all objects of
// Pydantic, and left out there.
func (d *decoder) made(out []byte, name string, parts byte) ([]byte, error) {
	if err := d.expect(0x90 | parts); err != nil {
		return out, err
	}
	module, err1 := d.word()
	class, err2 := d.word()
	if err := cmp.Or(err1, err2); err != nil {
		return out, err
	}
	out = domain.AppendText(append(out, `{"class":`...), module+"."+class)
	out = domain.AppendText(append(out, ','), name)
	out, err := d.value(append(out, ':'))
	if err != nil {
		return out, err
	}
	if parts == 4 {
		method, err := d.word()
		if err != nil {
			return out, err
		}
		if name == "value" {
			out = domain.AppendText(append(out, `,"method":`...), method)
		}
	}
	return append(out, '}'), nil
}

// numpy appends an array: its bytes stay bytes.
func (d *decoder) numpy(out []byte) ([]byte, error) {
	if err := d.expect(0x94); err != nil {
		return out, err
	}
	dtype, err := d.word()
	if err != nil {
		return out, err
	}
	out = domain.AppendText(append(out, `{"class":"numpy.ndarray","dtype":`...), dtype)
	if out, err = d.value(append(out, `,"shape":`...)); err != nil {
		return out, err
	}
	order, err := d.word()
	if err != nil {
		return out, err
	}
	out = domain.AppendText(append(out, `,"order":`...), order)
	raw, err := d.blob()
	out = base64.StdEncoding.AppendEncode(append(out, `,"base64":"`...), raw)
	return append(out, `"}`...), err
}

func (d *decoder) expect(c byte) error {
	b, err := d.next(1)
	if err == nil && b[0] != c {
		err = errShape
	}
	return err
}

// word is a text, as names of modules and classes are.
func (d *decoder) word() (string, error) {
	first, err := d.next(1)
	if err != nil {
		return "", err
	}
	var n uint64
	switch c := first[0]; {
	case c >= 0xa0 && c < 0xc0:
		n = uint64(c & 0x1f)
	case c >= 0xd9 && c <= 0xdb:
		if n, err = d.number(1 << (c - 0xd9)); err != nil {
			return "", err
		}
	default:
		return "", errShape
	}
	b, err := d.next(n)
	return string(b), err
}

// blob is bytes.
func (d *decoder) blob() ([]byte, error) {
	first, err := d.next(1)
	if err != nil {
		return nil, err
	}
	if first[0] < 0xc4 || first[0] > 0xc6 {
		return nil, errShape
	}
	n, err := d.number(1 << (first[0] - 0xc4))
	if err != nil {
		return nil, err
	}
	return d.next(n)
}
