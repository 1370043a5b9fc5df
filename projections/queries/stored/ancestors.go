package stored

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Lineage is a namespace of a stream in which parents are followed, among the rows
// whose number is below Before.
type Lineage struct {
	Stream string
	NS     string
	Before int64
}

// Ancestor is a checkpoint on the way from another to its root.
type Ancestor struct {
	ThreadTS uuid.UUID
	ParentTS *uuid.UUID
	// Values are the ids of the channels' values.
	Values map[string]value.Address
}

// Ancestors are at most so many checkpoints from one on, each followed by its parent.
// The list ends before a parent that is not there.
func Ancestors(ctx context.Context, tx *cut.Tx, l Lineage, from uuid.UUID, most int) ([]Ancestor, error) {
	step := func(id string) string { return projections.CheckpointAt("$2", "$3", id, "$1") }
	found, err := tx.Query(ctx, `WITH RECURSIVE walk AS (
			SELECT c.thread_ts, c.parent_ts, c.channels, c.ids, 1 AS depth FROM (`+step("$4")+`) c
			UNION ALL
			SELECT c.thread_ts, c.parent_ts, c.channels, c.ids, w.depth + 1 FROM walk w CROSS JOIN LATERAL (`+step("w.parent_ts")+`) c WHERE w.depth < $5
		) SELECT thread_ts, parent_ts, channels, ids FROM walk ORDER BY depth`, l.Before, projections.ShortKeyOf(l.Stream), projections.NSHash(l.NS), from, most)
	if err != nil {
		return nil, fmt.Errorf("follow the parents of %s: %w", from, err)
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (a Ancestor, err error) {
		var channels, ids []byte
		if err := row.Scan(&a.ThreadTS, &a.ParentTS, &channels, &ids); err != nil {
			return a, fmt.Errorf("read a checkpoint: %w", err)
		}
		a.Values, err = projections.UnpackChannels(channels, ids)
		return a, err
	})
}

// Parts are values and writes that are read without their checkpoints.
type Parts struct {
	Values map[value.Address]Value
	// Writes are in the order of task and idx, by the checkpoint they are of.
	Writes map[uuid.UUID][]Write
}

// ReadParts reads values by their ids, and the writes of checkpoints to channels. It
// reads no bytes where they are more than most: size says how many there are.
func ReadParts(ctx context.Context, tx *cut.Tx, l Lineage, values []value.Address, of []uuid.UUID, channels []string, most int64) (p Parts, size int64, err error) {
	p = Parts{Values: map[value.Address]Value{}, Writes: map[uuid.UUID][]Write{}}
	b := &pgx.Batch{}
	b.Queue(`SELECT m.id, `+projections.ManifestColumns+` FROM unnest($2::bytea[]) AS k(id) JOIN manifests m ON m.stream = $1 AND m.id = k.id`, projections.ShortKeyOf(l.Stream), bytesOf(values)).Query(p.scanValues)
	b.Queue(`SELECT k.thread_ts, `+projections.WriteColumns+`
		FROM (SELECT $2::uuid AS stream, $3::bytea AS ns_hash, thread_ts FROM unnest($4::uuid[]) AS u(thread_ts)) k CROSS JOIN LATERAL (`+projections.WritesOf("k", "$1")+`) w`, l.Before, projections.ShortKeyOf(l.Stream), projections.NSHash(l.NS), of).
		Query(func(found pgx.Rows) error { return p.scanWrites(tx, found, channels) })
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return p, 0, fmt.Errorf("read values and writes of %s: %w", l.Stream, err)
	}
	r := reading{at: map[valueKey]int{}}
	for id, v := range p.Values {
		size += v.manifest.Size
		r.items = append(r.items, cut.Item{Stream: l.Stream, Manifest: v.manifest})
		r.set = append(r.set, func(parts [][]byte) { v.Parts = parts; p.Values[id] = v })
	}
	for _, list := range p.Writes {
		for i := range list {
			w := &list[i]
			size += w.value.Size
			if err := r.add(l.Stream, w.value, func(raw []byte) { w.Bytes = raw }); err != nil {
				return p, size, err
			}
		}
	}
	if size > most {
		return p, size, nil
	}
	return p, size, r.assemble(ctx, tx)
}

func (p Parts) scanValues(found pgx.Rows) error {
	for found.Next() {
		var id, raw, part []byte
		var v Value
		err := found.Scan(&id, &raw, &part)
		if err != nil {
			return fmt.Errorf("read a manifest: %w", err)
		}
		copy(v.id[:], id)
		if v.manifest, err = value.ReadManifest(raw, part); err != nil {
			return fmt.Errorf("read manifest %s: %w", v.id, err)
		}
		v.Type = v.manifest.Type
		p.Values[v.id] = v
	}
	return found.Err()
}

func (p Parts) scanWrites(tx *cut.Tx, found pgx.Rows, channels []string) error {
	read := map[uuid.UUID][]projections.WriteRow{}
	for found.Next() {
		var of uuid.UUID
		var w projections.WriteRow
		if err := found.Scan(append([]any{&of}, w.Columns()...)...); err != nil {
			return fmt.Errorf("read writes: %w", err)
		}
		read[of] = append(read[of], w)
	}
	for of, rows := range read {
		writes, err := latest(tx, rows)
		if err != nil {
			return err
		}
		p.Writes[of] = slices.DeleteFunc(writes, func(w Write) bool { return !slices.Contains(channels, w.Channel) })
	}
	return found.Err()
}

func bytesOf(ids []value.Address) [][]byte {
	out := make([][]byte, len(ids))
	for i := range ids {
		out[i] = ids[i][:]
	}
	return out
}
