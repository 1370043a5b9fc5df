package value

import "fmt"

// Fetch reads blobs, all of one call in one round trip. It MUST return every
// address asked for or an error, and need not check the bytes.
type Fetch func(addresses []Address) (map[Address][]byte, error)

// Assemble gives back the bytes that m describes. It calls fetch once for each
// level of nodes and once for all pieces, and checks each blob against its
// address and its size.
func Assemble(m Manifest, fetch Fetch) ([]byte, error) {
	if m.Key != "" {
		return nil, fmt.Errorf("assemble: this build cannot decrypt, key %q", m.Key)
	}
	pieces, err := m.pieces(fetch, func(Address) {})
	if err != nil {
		return nil, err
	}
	blobs, err := fetchAll(pieces, fetch)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, m.Size), m.Head...)
	for _, e := range pieces {
		b := e.Inline
		if b == nil {
			b = blobs[e.Address]
		}
		if int64(len(b)) != e.Size {
			return nil, fmt.Errorf("assemble: blob %s has %d bytes, not %d", e.Address, len(b), e.Size)
		}
		out = append(out, b...)
	}
	return append(out, m.Tail...), nil
}

// Addresses are all blobs that m stands on, nodes first, each once. Only nodes
// are fetched.
func Addresses(m Manifest, fetch Fetch) ([]Address, error) {
	seen := make(map[Address]bool)
	var out []Address
	once := func(a Address) {
		if !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	pieces, err := m.pieces(fetch, once)
	if err != nil {
		return nil, err
	}
	for _, a := range named(pieces) {
		once(a)
	}
	return out, nil
}

// pieces replaces each node of m by what it lists, a level at a time, and tells
// node of each. Levels never rise, so the nodes of the highest come first.
func (m Manifest) pieces(fetch Fetch, node func(Address)) ([]Entry, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("assemble: %w", err)
	}
	entries := m.Entries
	for len(entries) > 0 && entries[0].Level > 0 {
		n := 1
		for n < len(entries) && entries[n].Level == entries[0].Level {
			n++
		}
		blobs, err := fetchAll(entries[:n], fetch)
		if err != nil {
			return nil, err
		}
		next := make([]Entry, 0, n*fanout+len(entries)-n)
		for _, e := range entries[:n] {
			node(e.Address)
			below, err := decodeNode(e, blobs[e.Address])
			if err != nil {
				return nil, fmt.Errorf("assemble: %w", err)
			}
			next = append(next, below...)
		}
		entries = append(next, entries[n:]...)
	}
	return entries, nil
}

// fetchAll reads the blobs of entries in one call and checks each.
func fetchAll(entries []Entry, fetch Fetch) (map[Address][]byte, error) {
	seen := make(map[Address]bool, len(entries))
	var want []Address
	for _, a := range named(entries) {
		if !seen[a] {
			seen[a] = true
			want = append(want, a)
		}
	}
	if len(want) == 0 {
		return nil, nil
	}
	blobs, err := fetch(want)
	if err != nil {
		return nil, fmt.Errorf("assemble: fetch %d blobs: %w", len(want), err)
	}
	for _, a := range want {
		b, ok := blobs[a]
		if !ok {
			return nil, fmt.Errorf("assemble: blob %s is not there", a)
		}
		if AddressOf(b) != a {
			return nil, fmt.Errorf("assemble: blob %s has other bytes", a)
		}
	}
	return blobs, nil
}
