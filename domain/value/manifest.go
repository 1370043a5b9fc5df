package value

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/duolog/duolog/domain/strictjson"
)

// Manifest is the resolved description of a value: Head, what Entries stand for
// and Tail, in order, are its bytes. Equal type and bytes have equal manifests.
// A manifest is not changed once made.
type Manifest struct {
	// Type is the name of the encoding, as the client gave it; valid UTF-8.
	Type string
	// Key is the id of the key that blobs are encrypted with; empty for none.
	Key  string
	Head []byte
	// Entries have levels that never rise, at most 63 of each.
	Entries []Entry
	Tail    []byte
	// Size is how many bytes the value has.
	Size int64
}

type wireManifest struct {
	Type    string  `json:"type"`
	Key     string  `json:"key"`
	Head    []byte  `json:"head"`
	Entries []Entry `json:"entries"`
	Tail    string  `json:"tail"`
	Size    int64   `json:"size"`
}

// ID is the identity of the value within its stream: the address of the
// manifest's canonical JSON.
func (m Manifest) ID() Address {
	return AddressOf(m.appendJSON(make([]byte, 0, 128+m.Weight())))
}

// Weight is about how many bytes of memory m takes.
func (m Manifest) Weight() int { return len(m.Type) + len(m.Head) + weight(m.Entries) + len(m.Tail) }

func weight(entries []Entry) int {
	const each = 96
	n := each * len(entries)
	for _, e := range entries {
		n += len(e.Inline)
	}
	return n
}

// Refs are the addresses that the manifest itself names, in order. What a node
// lists is not among them.
func (m Manifest) Refs() []Address { return named(m.Entries) }

func named(entries []Entry) []Address {
	var out []Address
	for _, e := range entries {
		if e.Inline == nil {
			out = append(out, e.Address)
		}
	}
	return out
}

// MarshalJSON writes the canonical form.
func (m Manifest) MarshalJSON() ([]byte, error) { return m.appendJSON(nil), nil }

func (m Manifest) appendJSON(b []byte) []byte {
	b = append(b, `{"type":`...)
	b = appendString(b, []byte(m.Type))
	if m.Key != "" {
		b = append(b, `,"key":`...)
		b = appendString(b, []byte(m.Key))
	}
	if len(m.Head) > 0 {
		b = append(b, `,"head":"`...)
		b = base64.StdEncoding.AppendEncode(b, m.Head)
		b = append(b, '"')
	}
	b = append(b, `,"entries":`...)
	b = appendEntries(b, m.Entries)
	if len(m.Tail) > 0 {
		b = append(b, `,"tail":`...)
		b = appendString(b, m.Tail)
	}
	b = append(b, `,"size":`...)
	b = strconv.AppendInt(b, m.Size, 10)
	return append(b, '}')
}

// UnmarshalJSON reads what MarshalJSON writes and refuses what Build cannot
// have made.
func (m *Manifest) UnmarshalJSON(b []byte) error {
	var w wireManifest
	if err := strictjson.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	read := Manifest{
		Type: w.Type, Key: w.Key, Head: some(w.Head),
		Entries: some(w.Entries), Tail: some([]byte(w.Tail)), Size: w.Size,
	}
	if err := read.check(); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	*m = read
	return nil
}

func (m Manifest) check() error {
	if len(m.Head) > InlineLimit || len(m.Tail) > InlineLimit {
		return fmt.Errorf("a head of %d or a tail of %d bytes is over %d", len(m.Head), len(m.Tail), InlineLimit)
	}
	if !isText(m.Tail) {
		return errors.New("the tail is not text")
	}
	size := int64(len(m.Head) + len(m.Tail))
	level, run := maxLevel, 0
	for i, e := range m.Entries {
		if err := e.check(); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if e.Level > level {
			return fmt.Errorf("entry %d has level %d after level %d", i, e.Level, level)
		}
		if e.Level < level {
			level, run = e.Level, 0
		}
		if run++; run == fanout {
			return fmt.Errorf("entry %d is number %d of level %d, which should be a node", i, fanout, level)
		}
		size += e.Size
	}
	if size != m.Size || size > MaxSize {
		return fmt.Errorf("entries of %d bytes for a value of %d", size, m.Size)
	}
	return nil
}
