package value

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/duolog/duolog/domain/strictjson"
)

const (
	// MaxSize is how long a value may be.
	MaxSize = 1 << 30
	// fanout is how many entries a node lists, 1 << fanoutBits.
	fanout     = 1 << fanoutBits
	fanoutBits = 6
	// maxLevel is that of a node over MaxSize one-byte pieces.
	maxLevel = 5
)

// Entry is one element of a value: bytes that stand inline, a blob, or a node.
// Entries are not changed once made; they may share bytes.
type Entry struct {
	// Inline are the bytes themselves; nil where they are stored apart.
	Inline []byte
	// Address is the blob of the piece or node; zero where Inline is not nil.
	Address Address
	// Size is how many bytes of the value the entry stands for.
	Size int64
	// Level is 0 for a piece, n+1 for a node that lists entries of level n.
	Level int
}

func (e Entry) equal(o Entry) bool {
	return e.Address == o.Address && e.Size == o.Size && e.Level == o.Level && bytes.Equal(e.Inline, o.Inline)
}

// check refuses an entry that Build cannot have made.
func (e Entry) check() error {
	switch {
	case e.Inline != nil:
		if n := len(e.Inline); n == 0 || n > InlineValue {
			return fmt.Errorf("%d bytes inline, not 1 to %d", n, InlineValue)
		}
		if e.Size != int64(len(e.Inline)) || e.Level != 0 || !e.Address.IsZero() {
			return errors.New("bytes inline and a blob at once")
		}
	case e.Address.IsZero():
		return errors.New("neither bytes nor an address")
	case e.Level < 0 || e.Level > maxLevel:
		return fmt.Errorf("level %d is not 0 to %d", e.Level, maxLevel)
	case e.Size < 1<<(fanoutBits*e.Level) || e.Size > MaxSize || e.Level == 0 && e.Size > MaxPiece:
		return fmt.Errorf("blob %s: a size of %d is not one of level %d", e.Address, e.Size, e.Level)
	}
	return nil
}

// appendJSON appends the canonical form of e.
func (e Entry) appendJSON(b []byte) []byte {
	switch {
	case e.Inline == nil:
		b = appendAddress(append(b, `{"b":`...), e.Address)
		b = append(b, `,"n":`...)
		b = strconv.AppendInt(b, e.Size, 10)
		if e.Level > 0 {
			b = append(b, `,"l":`...)
			b = strconv.AppendInt(b, int64(e.Level), 10)
		}
	case isText(e.Inline):
		b = append(b, `{"i":`...)
		b = appendString(b, e.Inline)
	default:
		b = append(b, `{"x":"`...)
		b = base64.StdEncoding.AppendEncode(b, e.Inline)
		b = append(b, '"')
	}
	return append(b, '}')
}

// MarshalJSON writes {"i":text}, {"x":base64}, {"b":address,"n":size} or, for a
// node, {"b":address,"n":size,"l":level}.
func (e Entry) MarshalJSON() ([]byte, error) { return e.appendJSON(nil), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (e *Entry) UnmarshalJSON(b []byte) error {
	var w wireEntry
	return e.take(&w, strictjson.Unmarshal(b, &w))
}

// UnmarshalJSONFrom is UnmarshalJSON where the entry is part of something.
func (e *Entry) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	var w wireEntry
	return e.take(&w, strictjson.UnmarshalDecode(d, &w))
}

func (e *Entry) take(w *wireEntry, err error) error {
	if err != nil {
		return fmt.Errorf("entry: %w", err)
	}
	read, err := w.entry()
	if err != nil {
		return fmt.Errorf("entry: %w", err)
	}
	*e = read
	return nil
}

type wireEntry struct {
	I *string `json:"i"`
	X []byte  `json:"x"`
	B Address `json:"b"`
	N int64   `json:"n"`
	L int     `json:"l"`
}

func (w wireEntry) entry() (Entry, error) {
	e := Entry{Inline: w.X, Address: w.B, Size: w.N, Level: w.L}
	if w.I != nil {
		e.Inline = append([]byte{}, *w.I...)
	}
	if e.Inline != nil {
		if w.I != nil && w.X != nil || w.N != 0 {
			return Entry{}, errors.New("more than one of i, x and b")
		}
		e.Size = int64(len(e.Inline))
	}
	return e, e.check()
}

func appendEntries(b []byte, entries []Entry) []byte {
	b = append(b, '[')
	for i, e := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.appendJSON(b)
	}
	return append(b, ']')
}

// decodeNode reads the entries of node e and checks that they are what e says.
func decodeNode(e Entry, b []byte) ([]Entry, error) {
	var wire []wireEntry
	if err := strictjson.Unmarshal(b, &wire); err != nil {
		return nil, fmt.Errorf("node %s: %w", e.Address, err)
	}
	if len(wire) != fanout {
		return nil, fmt.Errorf("node %s has %d entries, not %d", e.Address, len(wire), fanout)
	}
	out, size := make([]Entry, fanout), int64(0)
	for i, w := range wire {
		var err error
		if out[i], err = w.entry(); err != nil {
			return nil, fmt.Errorf("node %s: entry %d: %w", e.Address, i, err)
		}
		if out[i].Level != e.Level-1 {
			return nil, fmt.Errorf("node %s of level %d: entry %d has level %d", e.Address, e.Level, i, out[i].Level)
		}
		size += out[i].Size
	}
	if size != e.Size {
		return nil, fmt.Errorf("node %s: entries of %d bytes, not %d", e.Address, size, e.Size)
	}
	return out, nil
}
