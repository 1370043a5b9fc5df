package projections

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// removal is what one event takes out of the rows of a stream.
type removal struct {
	stream      ShortKey
	checkpoints []checkpointAt
	// writes are the checkpoints whose pending writes go.
	writes    map[checkpointAt]bool
	manifests []value.Address
	parts     []value.Address
	blobs     []value.Address
}

// removes are the checkpoints that go.
func (g removal) removes() map[checkpointAt]bool {
	out := make(map[checkpointAt]bool, len(g.checkpoints))
	for _, at := range g.checkpoints {
		out[at] = true
	}
	return out
}

// remove works out what goes with the checkpoints and writes that gone names: the
// values and the bytes on which nothing stands that stays.
func (h *holdings) remove(key ShortKey, state workflow.State, gone func(checkpointAt) bool) (removal, error) {
	out := removal{stream: key, writes: map[checkpointAt]bool{}}
	stays, goes := footing{on: map[value.Address]bool{}}, footing{on: map[value.Address]bool{}}
	kept, removed := map[value.Address]bool{}, map[checkpointAt]bool{}
	for _, pin := range h.pins {
		if err := pin.keep(h.codec, kept, &stays); err != nil {
			return out, err
		}
	}
	for _, c := range h.checkpoints {
		at := checkpointAt{c.nsHash, c.key.TS}
		if gone(at) {
			removed[at] = true
			goes.values = append(goes.values, c.header, c.metadata)
			continue
		}
		stays.values = append(stays.values, c.header, c.metadata)
		for _, id := range c.channels {
			kept[id] = true
		}
	}
	for _, w := range h.writes {
		if gone(w.checkpointAt) {
			out.writes[w.checkpointAt] = true
			goes.values = append(goes.values, w.value)
		} else {
			stays.values = append(stays.values, w.value)
		}
	}
	stays.values = slices.Concat(stays.values, state.Values(), h.others)
	parts := maps.Clone(h.parts)
	for id, m := range h.manifests {
		if kept[id] {
			stays.manifests = append(stays.manifests, m)
			delete(parts, h.partOf[id])
			continue
		}
		out.manifests = append(out.manifests, id)
		goes.manifests = append(goes.manifests, m)
	}
	if err := errors.Join(stays.reach(h.fetch), goes.reach(h.fetch)); err != nil {
		return out, err
	}
	out.checkpoints, out.parts = slices.Collect(maps.Keys(removed)), slices.Collect(maps.Keys(parts))
	for a := range goes.on {
		if !stays.on[a] {
			out.blobs = append(out.blobs, a)
		}
	}
	return out, nil
}

// footing is the bytes that values stand on.
type footing struct {
	values    []value.Value
	manifests []value.Manifest
	on        map[value.Address]bool
}

// reach collects the bytes. Those that are not there, as where an earlier removal is
// folded anew, are nothing to stand on.
func (f *footing) reach(fetch value.Fetch) error {
	var spilled []value.Address
	for _, v := range f.values {
		if !v.Manifest.IsZero() {
			spilled = append(spilled, v.Manifest)
		}
	}
	there, err := fetch(spilled)
	if err != nil {
		return err
	}
	for _, v := range f.values {
		if !v.Manifest.IsZero() {
			f.on[v.Manifest] = true
		}
		m, err := v.Resolve(nil, func(a value.Address) ([]byte, error) {
			if b, ok := there[a]; ok {
				return b, nil
			}
			return nil, errRemoved
		})
		if errors.Is(err, errRemoved) {
			continue
		}
		if err != nil {
			return fmt.Errorf("what a value stands on: %w", err)
		}
		f.manifests = append(f.manifests, m)
	}
	for _, m := range f.manifests {
		if err := value.Reach(m, f.on, fetch); err != nil {
			return err
		}
	}
	return nil
}

// remove takes rows that the batch has not written yet out of it, and notes those that
// are to be deleted.
func (r *rows) remove(gone removal) {
	checkpoints := gone.removes()
	manifests, parts, blobs := setOf(gone.manifests), setOf(gone.parts), setOf(gone.blobs)
	r.checkpoints.drop(func(c *checkpointRow) bool { return c.stream == gone.stream && checkpoints[c.at()] })
	r.writes = slices.DeleteFunc(r.writes, func(w writeRow) bool { return w.stream == gone.stream && gone.writes[w.at()] })
	r.manifests = slices.DeleteFunc(r.manifests, func(m manifestRow) bool { return m.stream == gone.stream && manifests[value.Address(m.id)] })
	r.parts = slices.DeleteFunc(r.parts, func(p partRow) bool { return p.stream == gone.stream && parts[value.Address(p.address)] })
	r.blobs = slices.DeleteFunc(r.blobs, func(b blobRow) bool { return b.stream == gone.stream && blobs[value.Address(b.address)] })
	r.removed = append(r.removed, gone)
}

func setOf(list []value.Address) map[value.Address]bool {
	out := make(map[value.Address]bool, len(list))
	for _, a := range list {
		out[a] = true
	}
	return out
}

// drop takes rows out.
func (k *keyed[K, R]) drop(gone func(*R) bool) {
	left := keyed[K, R]{}
	keys := make([]K, len(k.rows))
	for key, i := range k.at {
		keys[i] = key
	}
	for i := range k.rows {
		if !gone(&k.rows[i]) {
			left.put(keys[i], k.rows[i])
		}
	}
	*k = left
}

// deletions are the statements of what is removed. They come before the inserts: what
// comes anew afterwards stays.
func (r *rows) deletions() []statement {
	var out []statement
	for _, gone := range r.removed {
		out = append(out,
			deleteAt(`DELETE FROM checkpoints`, gone.stream, gone.checkpoints),
			deleteAt(`DELETE FROM writes`, gone.stream, slices.Collect(maps.Keys(gone.writes))),
			deleteAddresses(`DELETE FROM manifests`, `id`, gone.stream, gone.manifests),
			deleteAddresses(`DELETE FROM manifest_parts`, `address`, gone.stream, gone.parts),
			deleteAddresses(`DELETE FROM blobs`, `address`, gone.stream, gone.blobs),
		)
	}
	return slices.DeleteFunc(out, func(s statement) bool { return s.sql == "" })
}

func deleteAt(what string, stream ShortKey, at []checkpointAt) statement {
	if len(at) == 0 {
		return statement{}
	}
	return statement{what + ` t USING unnest($2::bytea[], $3::uuid[]) AS k(ns_hash, thread_ts)
		WHERE t.stream = $1 AND t.ns_hash = k.ns_hash AND t.thread_ts = k.thread_ts`, []any{
		stream, col(at, func(a *checkpointAt) []byte { return []byte(a.nsHash) }),
		uuidCol(at, func(a *checkpointAt) *uuid.UUID { return (*uuid.UUID)(&a.ts) }),
	}}
}

func deleteAddresses(what, column string, stream ShortKey, addresses []value.Address) statement {
	if len(addresses) == 0 {
		return statement{}
	}
	return statement{what + ` WHERE stream = $1 AND ` + column + ` = ANY($2::bytea[])`, []any{
		stream, col(addresses, func(a *value.Address) []byte { return a[:] }),
	}}
}
