package stored

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections/queries/cut"
)

// MaxPageBytes bounds the bytes of a page of more than one row.
const MaxPageBytes = 32 << 20

// Size is how many bytes the checkpoint has.
func (c *Checkpoint) Size() int64 {
	size := c.header.Size + c.metadata.Size
	for _, v := range c.Values {
		size += v.manifest.Size
	}
	for _, list := range [][]Write{c.Writes, c.Sends} {
		for _, w := range list {
			size += w.value.Size
		}
	}
	return size
}

// Has says whether a channel of the checkpoint has the same value.
func (c *Checkpoint) Has(v Value) bool {
	return slices.ContainsFunc(c.Values, func(o Value) bool { return o.Channel == v.Channel && o.id == v.id })
}

// Fit is how many of the first rows fit a page, and what they weigh with the one
// after them; at least one does.
func Fit(page []Checkpoint) (n int, size int64) {
	for i := range page {
		size += page[i].Size()
		if size > MaxPageBytes && i > 0 {
			return i, size
		}
	}
	return len(page), size
}

// reading collects what is to be put together, and where it goes.
type reading struct {
	items []cut.Item
	set   []func([][]byte)
	// at is where the value of a channel is among the items: several checkpoints
	// have it.
	at map[valueKey]int
}

// Read puts the bytes of a page together.
func Read(ctx context.Context, tx *cut.Tx, page []Checkpoint) error {
	r := reading{at: map[valueKey]int{}}
	for i := range page {
		if err := r.checkpoint(&page[i]); err != nil {
			return fmt.Errorf("checkpoint %s: %w", page[i].ThreadTS, err)
		}
	}
	return r.assemble(ctx, tx)
}

// ReadMetadata puts only the metadata together.
func ReadMetadata(ctx context.Context, tx *cut.Tx, page []Checkpoint) error {
	var r reading
	for i := range page {
		c := &page[i]
		if err := r.add(c.Stream, c.metadata, func(b []byte) { c.Metadata = b }); err != nil {
			return err
		}
	}
	return r.assemble(ctx, tx)
}

// ReadChannel reads the value of one channel, and says whether there is one.
func ReadChannel(ctx context.Context, tx *cut.Tx, c *Checkpoint, channel string) (raw []byte, there bool, err error) {
	i := slices.IndexFunc(c.Values, func(v Value) bool { return v.Channel == channel })
	if i < 0 {
		return nil, false, nil
	}
	id := c.Values[i].id
	parts, _, err := ReadParts(ctx, tx, Lineage{Stream: c.Stream}, []value.Address{id}, nil, nil, math.MaxInt64)
	if err != nil {
		return nil, false, err
	}
	v, there := parts.Values[id]
	if !there {
		return nil, false, fmt.Errorf("manifest %s of %s is not there", id, c.Stream)
	}
	return v.Bytes(), true, nil
}

func (r *reading) assemble(ctx context.Context, tx *cut.Tx) error {
	out, err := tx.AssembleParts(ctx, r.items)
	if err != nil {
		return err
	}
	for i, parts := range out {
		r.set[i](parts)
	}
	return nil
}

func (r *reading) checkpoint(c *Checkpoint) error {
	if err := r.add(c.Stream, c.header, func(b []byte) { c.Header = b }); err != nil {
		return err
	}
	if err := r.add(c.Stream, c.metadata, func(b []byte) { c.Metadata = b }); err != nil {
		return err
	}
	for i := range c.Values {
		r.channel(c, &c.Values[i])
	}
	for _, list := range [][]Write{c.Writes, c.Sends} {
		for i := range list {
			w := &list[i]
			if err := r.add(c.Stream, w.value, func(b []byte) { w.Bytes = b }); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *reading) add(stream string, v value.Value, set func([]byte)) error {
	item, err := cut.ItemOf(stream, v)
	r.items, r.set = append(r.items, item), append(r.set, func(parts [][]byte) { set(bytes.Join(parts, nil)) })
	return err
}

func (r *reading) channel(c *Checkpoint, v *Value) {
	k := valueKey{c.key, v.id}
	set := func(parts [][]byte) { v.Parts = parts }
	if i, ok := r.at[k]; ok {
		before := r.set[i]
		r.set[i] = func(parts [][]byte) { before(parts); set(parts) }
		return
	}
	r.at[k] = len(r.items)
	r.items, r.set = append(r.items, cut.Item{Stream: c.Stream, Manifest: v.manifest}), append(r.set, set)
}
