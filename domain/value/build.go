package value

import (
	"bytes"
	"slices"
)

// Blob is bytes to store under their address.
type Blob struct {
	Address Address
	Bytes   []byte
}

func newBlob(b []byte) Blob { return Blob{Address: AddressOf(b), Bytes: b} }

// Build describes raw, and gives every piece and node that does not stand
// inline, in order: a node after all that it lists. Blobs alias raw; the
// manifest does not, so it may be kept.
func Build(typ string, raw []byte) (Manifest, []Blob) { return BuildOver(typ, raw, nil) }

// BuildOver is Build for a value that is much like an earlier one, before being what
// Build gave for that: bytes that are the same, in the same place among them, keep their
// address. To compare them costs a tenth of hashing them.
func BuildOver(typ string, raw []byte, before []Blob) (Manifest, []Blob) {
	pieces := cut(typ, raw, len(before))
	limit := InlineLimit
	if len(raw) <= InlineValue {
		limit = InlineValue
	}
	t := tree{before: before}
	t.blobs = make([]Blob, 0, len(pieces.Body)+len(pieces.Body)/(fanout-1))
	for _, piece := range pieces.Body {
		t.add(piece, limit)
	}
	m := Manifest{
		Type: typ, Head: bytes.Clone(pieces.Head),
		Entries: slices.Clone(t.entries), Tail: bytes.Clone(pieces.Tail), Size: int64(len(raw)),
	}
	for i := range m.Entries {
		m.Entries[i].Inline = bytes.Clone(m.Entries[i].Inline)
	}
	return m, t.blobs
}

// tree is a value while it is built.
type tree struct {
	entries []Entry
	blobs   []Blob
	// before are those of an earlier value.
	before []Blob
	// node is room to write one in.
	node []byte
}

func (t *tree) add(piece []byte, limit int) {
	e := Entry{Size: int64(len(piece))}
	if len(piece) <= limit {
		e.Inline = piece
	} else {
		e.Address = t.store(piece)
	}
	t.entries = append(t.entries, e)
	t.fold()
}

// fold makes a node of the last entries of one level when they are 64, and of
// nodes likewise, as a counter carries. No entry of the level is left, so
// levels never rise along the list.
func (t *tree) fold() {
	for {
		first := len(t.entries) - fanout
		if first < 0 || t.entries[first].Level != t.entries[len(t.entries)-1].Level {
			return
		}
		full := t.entries[first:]
		node := Entry{Address: t.storeNode(full), Level: full[0].Level + 1}
		for _, e := range full {
			node.Size += e.Size
		}
		t.entries = append(t.entries[:first], node)
	}
}

func (t *tree) store(b []byte) Address {
	blob := Blob{Bytes: b}
	if i := len(t.blobs); i < len(t.before) && bytes.Equal(t.before[i].Bytes, b) {
		blob.Address = t.before[i].Address
	} else {
		blob = newBlob(b)
	}
	t.blobs = append(t.blobs, blob)
	return blob.Address
}

// storeNode is store for a node: the canonical JSON of its entries. One that is as before
// is the same memory.
func (t *tree) storeNode(entries []Entry) Address {
	t.node = appendEntries(t.node[:0], entries)
	if i := len(t.blobs); i < len(t.before) && bytes.Equal(t.before[i].Bytes, t.node) {
		t.blobs = append(t.blobs, t.before[i])
		return t.before[i].Address
	}
	return t.store(bytes.Clone(t.node))
}
