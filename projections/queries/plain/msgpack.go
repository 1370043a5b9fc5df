package plain

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/duolog/duolog/domain"
)

// decoder turns MessagePack into JSON. It reads forward and keeps nothing.
type decoder struct {
	raw   []byte
	at    int
	depth int
	// most bounds the JSON, in bytes.
	most int
}

// whole is the JSON of one value that is all there is.
func (d *decoder) whole() ([]byte, error) {
	out, err := d.value(nil)
	if err == nil && d.at != len(d.raw) {
		err = errRest
	}
	return out, err
}

// next is n bytes.
func (d *decoder) next(n uint64) ([]byte, error) {
	if n > uint64(len(d.raw)-d.at) { //nolint:gosec // at is never behind the end
		return nil, errShort
	}
	from := d.at
	d.at += int(n) //nolint:gosec // not more than there is
	return d.raw[from:d.at:d.at], nil
}

// number is a big-endian one of width bytes.
func (d *decoder) number(width int) (uint64, error) {
	b, err := d.next(uint64(width)) //nolint:gosec // 1 to 8
	var wide [8]byte
	copy(wide[8-len(b):], b)
	return binary.BigEndian.Uint64(wide[:]), err
}

// value appends the JSON of the next value.
func (d *decoder) value(out []byte) ([]byte, error) {
	if len(out) > d.most {
		return out, errLong
	}
	first, err := d.next(1)
	if err != nil {
		return out, err
	}
	switch c := first[0]; {
	case c < 0x80:
		return strconv.AppendUint(out, uint64(c), 10), nil
	case c < 0x90:
		return d.object(out, uint64(c&0x0f))
	case c < 0xa0:
		return d.list(out, uint64(c&0x0f))
	case c < 0xc0:
		return d.text(out, uint64(c&0x1f))
	case c >= 0xe0:
		return strconv.AppendInt(out, int64(int8(c)), 10), nil //nolint:gosec // that is what it means
	default:
		return d.typed(out, c)
	}
}

// typed appends the JSON of a value that begins with a byte from 0xc0 to 0xdf.
func (d *decoder) typed(out []byte, c byte) ([]byte, error) {
	switch {
	case c == 0xc0:
		return append(out, "null"...), nil
	case c == 0xc1:
		return out, errByte
	case c <= 0xc3:
		return strconv.AppendBool(out, c == 0xc3), nil
	case c <= 0xc6:
		return d.sized(out, 1<<(c-0xc4), d.bytes)
	case c <= 0xc9:
		return d.sized(out, 1<<(c-0xc7), d.extension)
	case c <= 0xcb:
		return d.float(out, 4<<(c-0xca))
	case c <= 0xcf:
		n, err := d.number(1 << (c - 0xcc))
		return unsigned(out, n), err
	case c <= 0xd3:
		return d.signed(out, 1<<(c-0xd0))
	case c <= 0xd8:
		return d.extension(out, 1<<(c-0xd4))
	case c <= 0xdb:
		return d.sized(out, 1<<(c-0xd9), d.text)
	case c <= 0xdd:
		return d.sized(out, 2<<(c-0xdc), d.list)
	}
	return d.sized(out, 2<<(c-0xde), d.object)
}

// sized appends what says its length in width bytes.
func (d *decoder) sized(out []byte, width int, read func([]byte, uint64) ([]byte, error)) ([]byte, error) {
	n, err := d.number(width)
	if err != nil {
		return out, err
	}
	return read(out, n)
}

// exact is the largest integer up to which every reader of JSON reads all.
const exact = 1<<53 - 1

func unsigned(out []byte, n uint64) []byte {
	if n <= exact {
		return strconv.AppendUint(out, n, 10)
	}
	out = strconv.AppendUint(append(out, `{"int":"`...), n, 10)
	return append(out, `"}`...)
}

func (d *decoder) signed(out []byte, width int) ([]byte, error) {
	wide, err := d.number(width)
	shift := 64 - 8*width
	n := int64(wide<<shift) >> shift //nolint:gosec // it carries the sign on
	if n >= -exact && n <= exact {
		return strconv.AppendInt(out, n, 10), err
	}
	out = strconv.AppendInt(append(out, `{"int":"`...), n, 10)
	return append(out, `"}`...), err
}

func (d *decoder) float(out []byte, width int) ([]byte, error) {
	bits, err := d.number(width)
	if err != nil {
		return out, err
	}
	f := math.Float64frombits(bits)
	if width == 4 {
		f = float64(math.Float32frombits(uint32(bits))) //nolint:gosec // four bytes were read
	}
	switch {
	case math.IsNaN(f):
		return append(out, `{"float":"nan"}`...), nil
	case math.IsInf(f, 1):
		return append(out, `{"float":"inf"}`...), nil
	case math.IsInf(f, -1):
		return append(out, `{"float":"-inf"}`...), nil
	}
	from := len(out)
	if out = strconv.AppendFloat(out, f, 'g', -1, 8*width); !bytes.ContainsAny(out[from:], ".e") {
		out = append(out, ".0"...)
	}
	return out, nil
}

func (d *decoder) text(out []byte, n uint64) ([]byte, error) {
	b, err := d.next(n)
	if err != nil {
		return out, err
	}
	if !utf8.Valid(b) {
		return opaque(out, "str", b), nil
	}
	return domain.AppendText(out, string(b)), nil
}

func (d *decoder) bytes(out []byte, n uint64) ([]byte, error) {
	b, err := d.next(n)
	if err != nil {
		return out, err
	}
	return opaque(out, "bytes", b), nil
}

// inside reads what nests one deeper.
func (d *decoder) inside(read func() error) error {
	if d.depth++; d.depth > MaxDepth {
		return errDeep
	}
	err := read()
	d.depth--
	return err
}

func (d *decoder) list(out []byte, n uint64) ([]byte, error) {
	out = append(out, '[')
	err := d.inside(func() (err error) {
		for i := uint64(0); i < n && err == nil; i++ {
			if i > 0 {
				out = append(out, ',')
			}
			out, err = d.value(out)
		}
		return err
	})
	return append(out, ']'), err
}

// entry is where the key and the value of a map stand in what was written: the value
// follows a byte after the key.
type entry struct{ key, value, end int }

// object appends a map: a JSON object where its keys are texts, each once, and the
// list of its keys and values otherwise.
func (d *decoder) object(out []byte, n uint64) ([]byte, error) {
	var entries []entry
	plain, names, from := true, map[string]bool{}, len(out)
	out = append(out, '{')
	err := d.inside(func() (err error) {
		for i := range n {
			if i > 0 {
				out = append(out, ',')
			}
			e := entry{key: len(out)}
			if out, err = d.value(out); err != nil {
				return err
			}
			name := string(out[e.key:])
			plain = plain && name[0] == '"' && !names[name]
			names[name] = true
			e.value = len(out) + 1
			if out, err = d.value(append(out, ':')); err != nil {
				return err
			}
			e.end = len(out)
			entries = append(entries, e)
		}
		return nil
	})
	if err != nil || plain {
		return append(out, '}'), err
	}
	return pairs(out, from, entries), nil
}

// pairs makes the list of what was written from an offset on.
func pairs(out []byte, from int, entries []entry) []byte {
	written := bytes.Clone(out[from:])
	out = append(out[:from], `{"map":[`...)
	for i, e := range entries {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, '['), written[e.key-from:e.value-1-from]...)
		out = append(append(out, ','), written[e.value-from:e.end-from]...)
		out = append(out, ']')
	}
	return append(out, `]}`...)
}
