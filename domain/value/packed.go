package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A packed manifest is what stores keep of one: a third of its JSON, which stays what
// its id is made of. The first byte tells them apart.
//
//	packed   mark  type  key  head  tail  entries*
//	entry    level*2, size, address  or  1, inline
//
// Texts and inline bytes have their length in front; numbers are varints.
const (
	packedMark  = 1
	packedApart = 0
	packedHere  = 1
)

// AppendPacked appends the packed form of m.
func (m Manifest) AppendPacked(b []byte) []byte {
	b = slices.Grow(b, 64+len(m.Head)+len(m.Tail)+(len(Address{})+6)*len(m.Entries))
	b = append(b, packedMark)
	for _, part := range [][]byte{[]byte(m.Type), []byte(m.Key), m.Head, m.Tail} {
		b = appendPart(b, part)
	}
	for _, e := range m.Entries {
		if e.Inline != nil {
			b = appendPart(append(b, packedHere), e.Inline)
			continue
		}
		b = binary.AppendUvarint(b, uint64(e.Level)<<1|packedApart) //nolint:gosec // not negative
		b = binary.AppendUvarint(b, uint64(e.Size))                 //nolint:gosec // not negative
		b = append(b, e.Address[:]...)
	}
	return b
}

func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// ReadManifest reads a manifest as stores keep it, packed or as JSON, and refuses what
// Build cannot have made. It keeps nothing of b.
func ReadManifest(b []byte) (m Manifest, err error) {
	if len(b) == 0 || b[0] != packedMark {
		return m, m.UnmarshalJSON(b)
	}
	if m, err = unpack(slices.Clone(b[1:])); err == nil {
		err = m.check()
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}

var errPacked = errors.New("it ends too early")

func unpack(b []byte) (m Manifest, err error) {
	var parts [4][]byte
	for i := range parts {
		if parts[i], b, err = cutPart(b); err != nil {
			return m, err
		}
	}
	m = Manifest{Type: string(parts[0]), Key: string(parts[1]), Head: some(parts[2]), Tail: some(parts[3])}
	m.Entries = make([]Entry, 0, len(b)/(len(Address{})+2)+1)
	for len(b) > 0 {
		var e Entry
		if e, b, err = cutEntry(b); err != nil {
			return m, err
		}
		m.Entries = append(m.Entries, e)
		m.Size += e.Size
	}
	m.Entries = some(m.Entries)
	m.Size += int64(len(m.Head) + len(m.Tail))
	return m, nil
}

func cutEntry(b []byte) (e Entry, rest []byte, err error) {
	kind, n := binary.Uvarint(b)
	if n <= 0 {
		return e, nil, errPacked
	}
	b = b[n:]
	if kind&1 == packedHere {
		e.Inline, rest, err = cutPart(b)
		e.Size = int64(len(e.Inline))
		return e, rest, err
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || len(b)-n < len(e.Address) || size > MaxSize || kind>>1 > maxLevel {
		return e, nil, errPacked
	}
	e.Size, e.Level = int64(size), int(kind>>1)
	copy(e.Address[:], b[n:])
	return e, b[n+len(e.Address):], nil
}

// cutPart is the bytes whose length stands in front, without room to grow into what
// follows.
func cutPart(b []byte) (part, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) { //nolint:gosec // n is not above the length
		return nil, nil, errPacked
	}
	end := n + int(size) //nolint:gosec // no longer than b
	return b[n:end:end], b[end:], nil
}
