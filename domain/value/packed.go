package value

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A packed manifest is what stores keep of one: a third of its JSON, which stays what
// its id is made of. The first byte tells them apart. Of a list that grows all but the
// last entries are those of the value before it: they may stand apart, in a part that
// many manifests share.
//
//	packed   mark  type  key  head  tail  entries*
//	part     entries*
//	entry    level*2, size, address  or  1, inline
//
// Texts and inline bytes have their length in front; numbers are varints.
const (
	packedMark     = 1
	packedOverPart = 2
	packedApart    = 0
	packedHere     = 1
	// partEntries is what the number of entries of a part is a multiple of: each part
	// serves so many steps.
	partEntries = 8
)

// AppendPacked appends the packed form of m.
func (m Manifest) AppendPacked(b []byte) []byte { return m.appendPacked(b, packedMark, 0) }

// PackOver is the packed form of a manifest of which the first entries, as many as it
// keeps of an earlier one, stand in a part. There is none, and the form is the whole,
// where these are few.
func (m Manifest) PackOver(keep int) (packed []byte, part Blob) {
	n := min(keep, len(m.Entries)) / partEntries * partEntries
	if n == 0 {
		return m.AppendPacked(nil), part
	}
	return m.appendPacked(nil, packedOverPart, n), newBlob(appendPackedEntries(nil, m.Entries[:n]))
}

// appendPacked leaves out the first entries.
func (m Manifest) appendPacked(b []byte, mark byte, without int) []byte {
	b = slices.Grow(b, 64+len(m.Head)+len(m.Tail)+(len(Address{})+6)*(len(m.Entries)-without))
	b = append(b, mark)
	for _, field := range [][]byte{[]byte(m.Type), []byte(m.Key), m.Head, m.Tail} {
		b = appendField(b, field)
	}
	return appendPackedEntries(b, m.Entries[without:])
}

func appendPackedEntries(b []byte, entries []Entry) []byte {
	for _, e := range entries {
		if e.Inline != nil {
			b = appendField(append(b, packedHere), e.Inline)
			continue
		}
		b = binary.AppendUvarint(b, uint64(e.Level)<<1|packedApart) //nolint:gosec // not negative
		b = binary.AppendUvarint(b, uint64(e.Size))                 //nolint:gosec // not negative
		b = append(b, e.Address[:]...)
	}
	return b
}

func appendField(b, field []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

// ReadManifest reads a manifest as stores keep it, packed or as JSON, and refuses what
// Build cannot have made. Part is the one that it was packed over, empty where there is
// none. It keeps nothing of either.
func ReadManifest(b, part []byte) (m Manifest, err error) {
	switch {
	case len(b) > 0 && b[0] == packedMark && len(part) == 0, len(b) > 0 && b[0] == packedOverPart && len(part) > 0:
		if m, err = unpack(slices.Clone(b[1:]), slices.Clone(part)); err == nil {
			err = m.check()
		}
	case len(part) > 0:
		err = errors.New("it does not go with a part")
	case len(b) > 0 && b[0] == packedOverPart:
		err = errors.New("its part is not there")
	default:
		return m, m.UnmarshalJSON(b)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	return m, nil
}

var errPacked = errors.New("it ends too early")

func unpack(b, part []byte) (m Manifest, err error) {
	var fields [4][]byte
	for i := range fields {
		if fields[i], b, err = cutField(b); err != nil {
			return m, err
		}
	}
	m = Manifest{Type: string(fields[0]), Key: string(fields[1]), Head: some(fields[2]), Tail: some(fields[3])}
	m.Entries = make([]Entry, 0, (len(part)+len(b))/(len(Address{})+2)+1)
	for _, entries := range [][]byte{part, b} {
		for len(entries) > 0 {
			var e Entry
			if e, entries, err = cutEntry(entries); err != nil {
				return m, err
			}
			m.Entries = append(m.Entries, e)
			m.Size += e.Size
		}
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
		e.Inline, rest, err = cutField(b)
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

// cutField is the bytes whose length stands in front, without room to grow into what
// follows.
func cutField(b []byte) (field, rest []byte, err error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) { //nolint:gosec // n is not above the length
		return nil, nil, errPacked
	}
	end := n + int(size) //nolint:gosec // no longer than b
	return b[n:end:end], b[end:], nil
}
