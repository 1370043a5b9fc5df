package value

import "fmt"

// Fetch reads blobs, all of one call in one round trip. It MUST return every
// address asked for or an error, and need not check the bytes.
type Fetch func(addresses []Address) (map[Address][]byte, error)

// Assemble gives back the bytes that m describes. It calls fetch once for each
// level of nodes and once for all pieces, and checks each blob against its
// address and its size.
func Assemble(m Manifest, fetch Fetch) ([]byte, error) {
	return AssembleChecked(m, fetch.checked())
}

// AssembleChecked is Assemble for a fetch that checks each blob against its address
// itself.
func AssembleChecked(m Manifest, fetch Fetch) ([]byte, error) {
	if m.Key != "" {
		return nil, fmt.Errorf("assemble: this build cannot decrypt, key %q", m.Key)
	}
	pieces, err := m.pieces(fetch)
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

// pieces replaces each node of m by what it lists, a level at a time. Levels never
// rise, so the nodes of the highest come first.
func (m Manifest) pieces(fetch Fetch) ([]Entry, error) {
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

// fetchAll reads the blobs of entries in one call.
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
		if _, ok := blobs[a]; !ok {
			return nil, fmt.Errorf("assemble: blob %s is not there", a)
		}
	}
	return blobs, nil
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
