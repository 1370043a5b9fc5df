package value

import (
	"bytes"
	"fmt"
)

// Fetch reads blobs, all of one call in one round trip. It MUST return every
// address asked for or an error, and need not check the bytes.
type Fetch func(addresses []Address) (map[Address][]byte, error)

// Assemble gives back the bytes that m describes. It calls fetch once for each
// level of nodes and once for all pieces, and checks each blob against its
// address and its size.
func Assemble(m Manifest, fetch Fetch) ([]byte, error) {
	parts, err := NewAssembler(fetch.checked()).Parts(m)
	return bytes.Join(parts, nil), err
}

// Assembler puts values of one stream together. What it has read for one it does not
// read again for another: what they have in common is the same memory. It is for one
// goroutine.
type Assembler struct {
	fetch Fetch
	blobs map[Address][]byte
	nodes map[nodeKey][]Entry
	texts map[string][]byte
}

// nodeKey is a node and what is said of it.
type nodeKey struct {
	address Address
	size    int64
	level   int
}

// NewAssembler makes an Assembler for a fetch that checks each blob against its address
// itself.
func NewAssembler(fetch Fetch) *Assembler {
	return &Assembler{fetch: fetch, blobs: map[Address][]byte{}, nodes: map[nodeKey][]Entry{}, texts: map[string][]byte{}}
}

// Parts are the bytes that m describes, one after another; none of them is empty, and
// nobody may change them. After an error of fetch it may be called again: it goes on
// where it ended.
func (a *Assembler) Parts(m Manifest) ([][]byte, error) {
	if m.Key != "" {
		return nil, fmt.Errorf("assemble: this build cannot decrypt, key %q", m.Key)
	}
	pieces, err := a.pieces(m)
	if err != nil {
		return nil, err
	}
	if err := a.read(pieces); err != nil {
		return nil, err
	}
	out := appendPart(make([][]byte, 0, len(pieces)+2), m.Head)
	for _, e := range pieces {
		b := a.bytes(e)
		if int64(len(b)) != e.Size {
			return nil, fmt.Errorf("assemble: blob %s has %d bytes, not %d", e.Address, len(b), e.Size)
		}
		out = appendPart(out, b)
	}
	return appendPart(out, m.Tail), nil
}

func appendPart(parts [][]byte, b []byte) [][]byte {
	if len(b) == 0 {
		return parts
	}
	return append(parts, b)
}

// bytes are those of a piece that was read.
func (a *Assembler) bytes(e Entry) []byte {
	if e.Inline == nil {
		return a.blobs[e.Address]
	}
	b, there := a.texts[string(e.Inline)]
	if !there {
		b = e.Inline
		a.texts[string(b)] = b
	}
	return b
}

// pieces replaces each node of m by what it lists, a level at a time. Levels never
// rise, so the nodes of the highest come first.
func (a *Assembler) pieces(m Manifest) ([]Entry, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("assemble: %w", err)
	}
	entries := m.Entries
	for len(entries) > 0 && entries[0].Level > 0 {
		n := 1
		for n < len(entries) && entries[n].Level == entries[0].Level {
			n++
		}
		if err := a.read(entries[:n]); err != nil {
			return nil, err
		}
		next := make([]Entry, 0, n*fanout+len(entries)-n)
		for _, e := range entries[:n] {
			below, err := a.node(e)
			if err != nil {
				return nil, fmt.Errorf("assemble: %w", err)
			}
			next = append(next, below...)
		}
		entries = append(next, entries[n:]...)
	}
	return entries, nil
}

// node is what a node lists that was read.
func (a *Assembler) node(e Entry) ([]Entry, error) {
	key := nodeKey{e.Address, e.Size, e.Level}
	if below, there := a.nodes[key]; there {
		return below, nil
	}
	below, err := decodeNode(e, a.blobs[e.Address])
	if err == nil {
		a.nodes[key] = below
	}
	return below, err
}

// read reads the blobs of entries that are not there yet, in one call.
func (a *Assembler) read(entries []Entry) error {
	var want []Address
	var seen map[Address]bool
	for _, e := range entries {
		if _, there := a.blobs[e.Address]; e.Inline != nil || there || seen[e.Address] {
			continue
		}
		if seen == nil {
			seen = make(map[Address]bool, len(entries))
		}
		seen[e.Address] = true
		want = append(want, e.Address)
	}
	if len(want) == 0 {
		return nil
	}
	blobs, err := a.fetch(want)
	if err != nil {
		return fmt.Errorf("assemble: fetch %d blobs: %w", len(want), err)
	}
	for _, address := range want {
		b, there := blobs[address]
		if !there {
			return fmt.Errorf("assemble: blob %s is not there", address)
		}
		a.blobs[address] = b
	}
	return nil
}

// checked reads blobs and checks each against its address.
func (f Fetch) checked() Fetch {
	return func(addresses []Address) (map[Address][]byte, error) {
		blobs, err := f(addresses)
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			if b, there := blobs[a]; there && AddressOf(b) != a {
				return nil, fmt.Errorf("blob %s has other bytes", a)
			}
		}
		return blobs, nil
	}
}

// Reach adds to on every blob that m stands on. What on has already is not looked
// into again, so that many manifests of one history cost no more than what is in
// them. Only nodes are fetched, a level at a time; fetch may leave out those that are
// not there: nothing stands on them.
func Reach(m Manifest, on map[Address]bool, fetch Fetch) error {
	entries := m.Entries
	for len(entries) > 0 {
		var nodes []Entry
		var want []Address
		for _, e := range entries {
			if e.Inline != nil || on[e.Address] {
				continue
			}
			on[e.Address] = true
			if e.Level > 0 {
				nodes, want = append(nodes, e), append(want, e.Address)
			}
		}
		if len(nodes) == 0 {
			return nil
		}
		blobs, err := fetch(want)
		if err != nil {
			return fmt.Errorf("reach: fetch %d nodes: %w", len(want), err)
		}
		entries = nil
		for _, e := range nodes {
			b, there := blobs[e.Address]
			if !there {
				continue
			}
			below, err := decodeNode(e, b)
			if err != nil {
				return fmt.Errorf("reach: %w", err)
			}
			entries = append(entries, below...)
		}
	}
	return nil
}
