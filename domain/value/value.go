package value

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"github.com/duolog/duolog/domain"
)

// Value is what an event says about a value: its manifest as the difference to
// that of an earlier value of the same stream, in full, or, where even that is
// too much for the commit, by address.
type Value struct {
	Type string `json:"type"`
	Key  string `json:"key,omitempty"`
	// Base is the ID of the manifest whose first Keep entries come first; zero
	// where the value stands alone.
	Base Address `json:"base,omitzero"`
	Keep int     `json:"keep,omitempty"`
	Head []byte  `json:"head,omitempty"`
	// Add are the entries after those kept.
	Add  []Entry `json:"add,omitempty"`
	Tail string  `json:"tail,omitempty"`
	// Manifest is the ID and the address of a manifest that is a blob itself.
	// Base, Keep, Head, Add and Tail are then empty.
	Manifest Address `json:"manifest,omitzero"`
	Size     int64   `json:"size"`
}

// Diff writes next as its difference to base. Base may be nil, and is left out
// where nothing of it is kept.
func Diff(next Manifest, base *Manifest) Value {
	v := Value{Type: next.Type, Key: next.Key, Head: next.Head, Tail: string(next.Tail), Size: next.Size}
	if base != nil && base.Type == next.Type && base.Key == next.Key {
		v.Keep = commonPrefix(next.Entries, base.Entries)
	}
	if v.Keep > 0 {
		v.Base = base.ID()
	}
	v.Add = next.Entries[v.Keep:]
	return v
}

func commonPrefix(a, b []Entry) int {
	n := 0
	for n < len(a) && n < len(b) && a[n].equal(b[n]) {
		n++
	}
	return n
}

// Spill writes m by address, for a commit that has no room for its entries. The
// manifest is then a blob among the new ones that the commit needs.
func Spill(m Manifest) (Value, Blob) {
	blob := newBlob(m.appendJSON(nil))
	return Value{Type: m.Type, Key: m.Key, Manifest: blob.Address, Size: m.Size}, blob
}

// BaseID is the ID of the manifest that Resolve needs, if it needs one.
func (v Value) BaseID() (Address, bool) { return v.Base, !v.Base.IsZero() }

// Named are the addresses that v brings: they must be stored with the commit or
// before it. What nodes list, and what v keeps, are not among them.
func (v Value) Named() []Address {
	if !v.Manifest.IsZero() {
		return []Address{v.Manifest}
	}
	return named(v.Add)
}

// EncodedSize is how many bytes v takes in the JSON of a commit.
func (v Value) EncodedSize() int { return len(v.AppendJSON(nil)) }

// EncodedMost is at least what v takes in the JSON of a commit, and costs nothing
// to know: an inline byte is at most six, an address 64 and its frame.
func (v Value) EncodedMost() int {
	const frame, each, escaped = 320, 128, 6
	n := frame + escaped*(len(v.Type)+len(v.Key)+len(v.Tail)) + 2*len(v.Head) + each*len(v.Add)
	for _, e := range v.Add {
		n += escaped * len(e.Inline)
	}
	return n
}

// Weight is about how many bytes of memory v takes.
func (v Value) Weight() int { return len(v.Type) + len(v.Head) + weight(v.Add) + len(v.Tail) }

// AppendJSON appends what encoding/json makes of v, without escaping for HTML.
func (v Value) AppendJSON(b []byte) []byte {
	b = domain.AppendText(append(b, `{"type":`...), v.Type)
	if v.Key != "" {
		b = domain.AppendText(append(b, `,"key":`...), v.Key)
	}
	if !v.Base.IsZero() {
		b = appendAddress(append(b, `,"base":`...), v.Base)
	}
	if v.Keep != 0 {
		b = strconv.AppendInt(append(b, `,"keep":`...), int64(v.Keep), 10)
	}
	if len(v.Head) > 0 {
		b = base64.StdEncoding.AppendEncode(append(b, `,"head":"`...), v.Head)
		b = append(b, '"')
	}
	if len(v.Add) > 0 {
		b = appendEntries(append(b, `,"add":`...), v.Add)
	}
	if v.Tail != "" {
		b = domain.AppendText(append(b, `,"tail":`...), v.Tail)
	}
	if !v.Manifest.IsZero() {
		b = appendAddress(append(b, `,"manifest":`...), v.Manifest)
	}
	b = strconv.AppendInt(append(b, `,"size":`...), v.Size, 10)
	return append(b, '}')
}

func appendAddress(b []byte, a Address) []byte {
	b = hex.AppendEncode(append(b, '"'), a[:])
	return append(b, '"')
}

// Resolve gives the manifest that v stands for. Base is the manifest of BaseID;
// fetch reads the one blob of a spilled manifest; each may be nil where v needs
// none. It refuses whatever Diff or Spill cannot have made.
func (v Value) Resolve(base *Manifest, fetch func(Address) ([]byte, error)) (Manifest, error) {
	if id, based := v.BaseID(); based && base != nil && base.ID() != id {
		return Manifest{}, fmt.Errorf("value: base %s was given as %s", id, base.ID())
	}
	return v.ResolveOver(base, fetch)
}

// ResolveOver is Resolve for a base that was found under its ID.
func (v Value) ResolveOver(base *Manifest, fetch func(Address) ([]byte, error)) (Manifest, error) {
	if !v.Manifest.IsZero() {
		return v.unspill(fetch)
	}
	kept, err := v.kept(base)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{
		Type: v.Type, Key: v.Key, Head: some(v.Head),
		Entries: slices.Concat(kept, v.Add), Tail: some([]byte(v.Tail)), Size: v.Size,
	}
	if err := m.check(); err != nil {
		return Manifest{}, fmt.Errorf("value: %w", err)
	}
	return m, nil
}

func (v Value) kept(base *Manifest) ([]Entry, error) {
	id, based := v.BaseID()
	switch {
	case !based && v.Keep == 0:
		return nil, nil
	case !based || v.Keep <= 0:
		return nil, fmt.Errorf("value: keep %d does not go with base %s", v.Keep, id)
	case base == nil:
		return nil, fmt.Errorf("value: base %s is not there", id)
	case base.Type != v.Type || base.Key != v.Key:
		return nil, fmt.Errorf("value: base %s has type %q and key %q, not %q and %q", id, base.Type, base.Key, v.Type, v.Key)
	case v.Keep > len(base.Entries):
		return nil, fmt.Errorf("value: keep %d of the %d entries of base %s", v.Keep, len(base.Entries), id)
	}
	return base.Entries[:v.Keep], nil
}

func (v Value) unspill(fetch func(Address) ([]byte, error)) (Manifest, error) {
	if v.Keep != 0 || !v.Base.IsZero() || len(v.Head)+len(v.Add)+len(v.Tail) > 0 {
		return Manifest{}, fmt.Errorf("value: manifest %s does not go with entries", v.Manifest)
	}
	if fetch == nil {
		return Manifest{}, fmt.Errorf("value: manifest %s: no way to read it", v.Manifest)
	}
	b, err := fetch(v.Manifest)
	if err != nil {
		return Manifest{}, fmt.Errorf("value: manifest %s: %w", v.Manifest, err)
	}
	var m Manifest
	if err := m.UnmarshalJSON(b); err != nil {
		return Manifest{}, fmt.Errorf("value: manifest %s: %w", v.Manifest, err)
	}
	if m.ID() != v.Manifest {
		return Manifest{}, fmt.Errorf("value: manifest %s has other bytes", v.Manifest)
	}
	if m.Type != v.Type || m.Key != v.Key || m.Size != v.Size {
		return Manifest{}, fmt.Errorf("value: manifest %s has another type, key or size", v.Manifest)
	}
	return m, nil
}

// NewBlobs are those of built that a commit with v must bring: what its added
// entries reach, save what base names, which is stored already. Built is what
// Build gave for the manifest, v what Diff made of it and base, also where the
// commit then carries a spilled form. The order is that of built; nothing comes
// twice. A caller that knows of more stored blobs may leave those out as well.
func NewBlobs(built []Blob, v Value, base *Manifest) []Blob {
	stored := make(map[Address]bool)
	if base != nil {
		for _, a := range base.Refs() {
			stored[a] = true
		}
	}
	need := make(map[Address]Entry)
	add := func(entries []Entry) {
		for _, e := range entries {
			if e.Inline == nil && !stored[e.Address] {
				need[e.Address] = e
			}
		}
	}
	add(v.Add)
	// A node stands after all that it lists: backwards, it comes before. Few of many are
	// needed, so what is looked up in is what is needed.
	for _, b := range slices.Backward(built) {
		if e, needed := need[b.Address]; needed && e.Level > 0 {
			below, _ := decodeNode(e, b.Bytes) // Build made it: it cannot fail
			add(below)
		}
	}
	var out []Blob
	for _, b := range built {
		if _, needed := need[b.Address]; needed {
			out = append(out, b)
			delete(need, b.Address)
		}
	}
	return out
}
