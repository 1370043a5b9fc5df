package cut

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
)

// Item is a value of a stream.
type Item struct {
	Stream   string
	Manifest value.Manifest
}

// ItemOf is a value that stands alone, as events carry it.
func ItemOf(stream string, v value.Value) (Item, error) {
	m, err := v.Resolve(nil, nil)
	if err != nil {
		return Item{}, fmt.Errorf("value of %s: %w", stream, err)
	}
	return Item{Stream: stream, Manifest: m}, nil
}

// blobKey addresses a blob within its stream.
type blobKey struct {
	stream  projections.ShortKey
	address value.Address
}

// errPending says that a value needs blobs that are not read yet.
var errPending = errors.New("blobs are not read yet")

// errRemoved says that bytes are not there.
var errRemoved = errors.New("it is not there")

// assembly is values on their way to bytes.
type assembly struct {
	items []Item
	out   [][][]byte
	// of puts the values of a stream together; texts are the streams as refusals name them.
	of      map[string]*value.Assembler
	texts   map[projections.ShortKey]string
	blobs   map[blobKey][]byte
	missing map[blobKey]bool
	// gone are the items whose bytes were removed, removed the blobs; nil where that is
	// an error.
	gone    []bool
	removed map[blobKey]bool
	// cache may have bytes before they are read.
	cache *Cache
}

// Assemble gives the bytes of each item, in order. It reads the blobs of one
// level of all items in one query.
func (t *Tx) Assemble(ctx context.Context, items []Item) ([][]byte, error) {
	parts, err := t.AssembleParts(ctx, items)
	return joined(parts), err
}

// AssembleParts is Assemble for bytes in parts: where items of a stream have some in
// common, these are the same memory, which nobody may change.
func (t *Tx) AssembleParts(ctx context.Context, items []Item) ([][][]byte, error) {
	a := t.assembly(items)
	return a.out, a.run(ctx, t)
}

// AssembleLeft is Assemble for values that nothing keeps any more, such as those of
// past events: gone says which of them were removed.
func (t *Tx) AssembleLeft(ctx context.Context, items []Item) (out [][]byte, gone []bool, err error) {
	a := t.assembly(items)
	a.gone, a.removed = make([]bool, len(items)), map[blobKey]bool{}
	err = a.run(ctx, t)
	return joined(a.out), a.gone, err
}

func (t *Tx) assembly(items []Item) *assembly {
	return &assembly{
		items: items, out: make([][][]byte, len(items)), of: map[string]*value.Assembler{},
		texts: map[projections.ShortKey]string{}, blobs: map[blobKey][]byte{}, cache: t.cache,
	}
}

func joined(all [][][]byte) [][]byte {
	out := make([][]byte, len(all))
	for i, parts := range all {
		if parts != nil {
			out[i] = bytes.Join(parts, nil)
		}
	}
	return out
}

func (a *assembly) run(ctx context.Context, t *Tx) error {
	for {
		if err := a.advance(); err != nil || len(a.missing) == 0 {
			return err
		}
		if err := a.read(ctx, t); err != nil {
			return err
		}
	}
}

// advance assembles what it can and notes what the rest needs next. A try that
// lacks blobs ends at the first level that is not there, so trying again costs
// no more than the nodes above it.
func (a *assembly) advance() error {
	a.missing = map[blobKey]bool{}
	for i, item := range a.items {
		if a.out[i] != nil || a.gone != nil && a.gone[i] {
			continue
		}
		parts, err := a.assembler(item.Stream).Parts(item.Manifest)
		switch {
		case errors.Is(err, errPending):
		case errors.Is(err, errRemoved):
			a.gone[i] = true
		case err != nil:
			return fmt.Errorf("value of %s: %w", item.Stream, err)
		default:
			a.out[i] = parts
		}
	}
	return nil
}

func (a *assembly) assembler(stream string) *value.Assembler {
	of, there := a.of[stream]
	if !there {
		key := a.key(stream)
		of = value.NewAssembler(func(want []value.Address) (map[value.Address][]byte, error) { return a.fetch(key, want) })
		a.of[stream] = of
	}
	return of
}

// key is what the tables call a stream.
func (a *assembly) key(stream string) projections.ShortKey {
	key := projections.ShortKeyOf(stream)
	a.texts[key] = stream
	return key
}

func (a *assembly) fetch(stream projections.ShortKey, want []value.Address) (map[value.Address][]byte, error) {
	out := make(map[value.Address][]byte, len(want))
	pending := false
	a.cache.fill(stream, want, a.blobs)
	for _, address := range want {
		key := blobKey{stream, address}
		if a.removed[key] {
			return nil, errRemoved
		}
		b, ok := a.blobs[key]
		if !ok {
			a.missing[key], pending = true, true
		}
		out[address] = b
	}
	if pending {
		return nil, errPending
	}
	return out, nil
}

// read fetches what is missing in one query, and what a fork has not itself in
// another. Bytes that are not there are an error where the cut promises them.
func (a *assembly) read(ctx context.Context, t *Tx) error {
	for _, sql := range []string{ownBlobs, projections.InheritedBlobs} {
		if err := a.readFrom(ctx, t, sql); err != nil || len(a.missing) == 0 {
			return err
		}
	}
	if a.removed != nil {
		maps.Copy(a.removed, a.missing)
		return nil
	}
	for key := range a.missing {
		return fmt.Errorf("blob %s of %s: %w", key.address, a.texts[key.stream], errRemoved)
	}
	return nil
}

// ownBlobs reads bytes of the streams themselves.
const ownBlobs = `SELECT b.stream, b.address, b.codec, b.data
	FROM unnest($1::uuid[], $2::bytea[]) AS k(stream, address) JOIN blobs b USING (stream, address)`

func (a *assembly) readFrom(ctx context.Context, t *Tx, sql string) error {
	streams := make(projections.ShortKeys, 0, len(a.missing))
	addresses := make([][]byte, 0, len(a.missing))
	for key := range a.missing {
		streams, addresses = append(streams, key.stream), append(addresses, key.address[:])
	}
	found, err := t.Query(ctx, sql, streams, addresses)
	if err != nil {
		return fmt.Errorf("read %d blobs: %w", len(streams), err)
	}
	defer found.Close()
	for found.Next() {
		if err := a.scan(found, t); err != nil {
			return err
		}
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("read %d blobs: %w", len(streams), err)
	}
	return nil
}

func (a *assembly) scan(found pgx.Rows, t *Tx) error {
	var key blobKey
	var address, data []byte
	var codec int16
	if err := found.Scan(&key.stream, &address, &codec, &data); err != nil {
		return fmt.Errorf("read a blob: %w", err)
	}
	copy(key.address[:], address)
	b, err := t.codec.UnpackBlob(codec, data)
	if err != nil {
		return fmt.Errorf("blob %s of %s: %w", key.address, a.texts[key.stream], err)
	}
	if value.AddressOf(b) != key.address {
		return fmt.Errorf("blob %s of %s has other bytes", key.address, a.texts[key.stream])
	}
	a.blobs[key] = b
	a.cache.put(key, b)
	delete(a.missing, key)
	return nil
}

// Blobs reads bytes of a stream, or of those that it comes from. What is nowhere is
// not in the answer.
func (t *Tx) Blobs(ctx context.Context, stream string, addresses []value.Address) (map[value.Address][]byte, error) {
	a := &assembly{texts: map[projections.ShortKey]string{}, blobs: map[blobKey][]byte{}, missing: map[blobKey]bool{}}
	key := a.key(stream)
	for _, address := range addresses {
		a.missing[blobKey{key, address}] = true
	}
	for _, sql := range []string{ownBlobs, projections.InheritedBlobs} {
		if len(a.missing) == 0 {
			break
		}
		if err := a.readFrom(ctx, t, sql); err != nil {
			return nil, err
		}
	}
	out := make(map[value.Address][]byte, len(a.blobs))
	for key, b := range a.blobs {
		out[key.address] = b
	}
	return out, nil
}
