package cut

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
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
	stream  string
	address value.Address
}

// errPending says that a value needs blobs that are not read yet.
var errPending = errors.New("blobs are not read yet")

// assembly is values on their way to bytes.
type assembly struct {
	items   []Item
	out     [][]byte
	blobs   map[blobKey][]byte
	missing map[blobKey]bool
}

// Assemble gives the bytes of each item, in order. It reads the blobs of one
// level of all items in one query.
func (t *Tx) Assemble(ctx context.Context, items []Item) ([][]byte, error) {
	a := &assembly{items: items, out: make([][]byte, len(items)), blobs: map[blobKey][]byte{}}
	for {
		if err := a.advance(); err != nil {
			return nil, err
		}
		if len(a.missing) == 0 {
			return a.out, nil
		}
		if err := a.read(ctx, t); err != nil {
			return nil, err
		}
	}
}

// advance assembles what it can and notes what the rest needs next. A try that
// lacks blobs ends at the first level that is not there, so trying again costs
// no more than the nodes above it.
func (a *assembly) advance() error {
	a.missing = map[blobKey]bool{}
	for i, item := range a.items {
		if a.out[i] != nil {
			continue
		}
		b, err := value.Assemble(item.Manifest, func(want []value.Address) (map[value.Address][]byte, error) {
			return a.fetch(item.Stream, want)
		})
		switch {
		case errors.Is(err, errPending):
		case err != nil:
			return fmt.Errorf("value of %s: %w", item.Stream, err)
		default:
			a.out[i] = b
		}
	}
	return nil
}

func (a *assembly) fetch(stream string, want []value.Address) (map[value.Address][]byte, error) {
	out := make(map[value.Address][]byte, len(want))
	pending := false
	for _, address := range want {
		key := blobKey{stream, address}
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

// read fetches what is missing in one query. Bytes that are not there are an
// error: the cut promises them.
func (a *assembly) read(ctx context.Context, t *Tx) error {
	streams := make([]string, 0, len(a.missing))
	addresses := make([][]byte, 0, len(a.missing))
	for key := range a.missing {
		streams, addresses = append(streams, key.stream), append(addresses, key.address[:])
	}
	found, err := t.Query(ctx, `SELECT b.stream, b.address, b.codec, b.data
		FROM unnest($1::text[], $2::bytea[]) AS k(stream, address) JOIN blobs b USING (stream, address)`, streams, addresses)
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
	for key := range a.missing {
		return fmt.Errorf("blob %s of %s is not there", key.address, key.stream)
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
		return fmt.Errorf("blob %s of %s: %w", key.address, key.stream, err)
	}
	a.blobs[key] = b
	delete(a.missing, key)
	return nil
}
