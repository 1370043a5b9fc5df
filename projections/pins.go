package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// pinRow is a version of a checkpoint that a fork stands on: its bytes stay whatever
// is removed.
type pinRow struct {
	stream string
	number int64
	fork   uuid.UUID
	// header and metadata are values as JSON, ids those of the channels' values, and
	// writes a list of values.
	header, metadata, ids, writes []byte
}

// keep makes what the fork stands on stay: of the channels' values the manifests, too.
func (p *pinRow) keep(manifests map[value.Address]bool, stays *footing) error {
	for ids := p.ids; len(ids) > 0; ids = ids[len(value.Address{}):] {
		manifests[value.Address(ids[:len(value.Address{})])] = true
	}
	var values []value.Value
	if err := json.Unmarshal(p.writes, &values); err != nil {
		return fmt.Errorf("read a pin: %w", err)
	}
	for _, raw := range [][]byte{p.header, p.metadata} {
		var v value.Value
		if err := json.Unmarshal(raw, &v); err != nil {
			return fmt.Errorf("read a pin: %w", err)
		}
		values = append(values, v)
	}
	stays.values = append(stays.values, values...)
	return nil
}

// pinned reads what a checkpoint stands on as the batch has left it so far. One that is
// not there any more has nothing to keep: no command pins it.
func (b *builder) pinned(ctx context.Context, key string, e workflow.Pinned, r *rows) (pinRow, error) {
	p := pinRow{stream: key, fork: e.Fork, header: []byte(noValue), metadata: []byte(noValue), ids: []byte{}}
	hash, at := NSHash(e.NS), int64(-1)
	take := func(c checkpointRow) {
		if c.number > at {
			at, p.header, p.metadata, p.ids = c.number, c.header, c.metadata, c.ids
		}
	}
	written := map[writeAt]writeRow{}
	q := &pgx.Batch{}
	q.Queue(`SELECT number, header, metadata, ids FROM checkpoints WHERE stream = $1 AND ns_hash = $2 AND thread_ts = $3 ORDER BY number DESC LIMIT 1`, key, hash, e.ThreadTS).
		Query(func(found pgx.Rows) error {
			for found.Next() {
				var c checkpointRow
				if err := found.Scan(&c.number, &c.header, &c.metadata, &c.ids); err != nil {
					return fmt.Errorf("read a checkpoint: %w", err)
				}
				take(c)
			}
			return found.Err()
		})
	q.Queue(`SELECT ns_hash, thread_ts, task, idx, value, number FROM writes WHERE stream = $1 AND ns_hash = $2 AND thread_ts = $3 ORDER BY number`, key, hash, e.ThreadTS).
		Query(func(found pgx.Rows) error {
			for found.Next() {
				var w writeRow
				if err := found.Scan(&w.nsHash, &w.threadTS, &w.task, &w.idx, &w.value, &w.number); err != nil {
					return fmt.Errorf("read a write: %w", err)
				}
				written[w.at()] = w
			}
			return found.Err()
		})
	if err := b.db.SendBatch(ctx, q).Close(); err != nil {
		b.broken = fmt.Errorf("read what is pinned in %s: %w", key, err)
		return p, b.broken
	}
	place := checkpointAt{string(hash), e.ThreadTS}
	for _, c := range r.checkpoints.rows {
		if c.stream == key && c.at() == place {
			take(c)
		}
	}
	for _, w := range r.writes.rows {
		if w.stream == key && w.at().checkpointAt == place {
			written[w.at()] = w
		}
	}
	p.writes = listOfWrites(written)
	return p, nil
}

// noValue is the JSON of a value that is empty.
const noValue = `{"type":"","size":0}`

// listOfWrites is a list of the values, in an order of its own.
func listOfWrites(written map[writeAt]writeRow) []byte {
	values := make([]json.RawMessage, 0, len(written))
	keys := slices.SortedFunc(maps.Keys(written), func(a, b writeAt) int {
		return cmp.Or(cmp.Compare(a.task, b.task), cmp.Compare(a.idx, b.idx), cmp.Compare(a.number, b.number))
	})
	for _, at := range keys {
		values = append(values, written[at].value)
	}
	return mustJSON(values)
}

func queueHeldPins(q *pgx.Batch, key string, into *[]pinRow) {
	q.Queue(`SELECT header, metadata, ids, writes FROM pins WHERE stream = $1`, key).Query(func(found pgx.Rows) error {
		for found.Next() {
			p := pinRow{stream: key}
			if err := found.Scan(&p.header, &p.metadata, &p.ids, &p.writes); err != nil {
				return fmt.Errorf("read a pin: %w", err)
			}
			*into = append(*into, p)
		}
		return found.Err()
	})
}

func (r *rows) insertPins() statement {
	if len(r.pins) == 0 {
		return statement{}
	}
	rows := r.pins
	return statement{`INSERT INTO pins (stream, number, fork, header, metadata, ids, writes)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::uuid[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])`, []any{
		col(rows, func(r *pinRow) string { return r.stream }),
		col(rows, func(r *pinRow) int64 { return r.number }),
		uuidCol(rows, func(r *pinRow) *uuid.UUID { return &r.fork }),
		col(rows, func(r *pinRow) []byte { return r.header }),
		col(rows, func(r *pinRow) []byte { return r.metadata }),
		col(rows, func(r *pinRow) []byte { return r.ids }),
		col(rows, func(r *pinRow) []byte { return r.writes }),
	}}
}
