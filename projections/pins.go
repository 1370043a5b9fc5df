package projections

import (
	"context"
	"encoding/json"
	"fmt"

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
	// header and metadata are values as in checkpoints, ids those of the channels' values,
	// and writes a list of values.
	header, metadata, ids, writes []byte
}

// keep makes what the fork stands on stay: of the channels' values the manifests, too.
func (p *pinRow) keep(codec *Codec, manifests map[value.Address]bool, stays *footing) error {
	for ids := p.ids; len(ids) > 0; ids = ids[len(value.Address{}):] {
		manifests[value.Address(ids[:len(value.Address{})])] = true
	}
	var values []value.Value
	if err := json.Unmarshal(p.writes, &values); err != nil {
		return fmt.Errorf("read a pin: %w", err)
	}
	for _, raw := range [][]byte{p.header, p.metadata} {
		v, err := codec.ReadValue(raw)
		if err != nil {
			return fmt.Errorf("read a pin: %w", err)
		}
		values = append(values, v)
	}
	stays.values = append(stays.values, values...)
	return nil
}

// pinned reads what a checkpoint stands on as the batch has left it so far. One that is
// not there any more has nothing to keep: no command pins it.
func (b *builder) pinned(ctx context.Context, s *stream, e workflow.Pinned, r *rows) (pinRow, error) {
	p := pinRow{stream: s.key, fork: e.Fork, header: []byte(noValue), metadata: []byte(noValue), ids: []byte{}}
	hash, at := NSHash(e.NS), int64(-1)
	take := func(c checkpointRow) {
		if c.number > at {
			at, p.header, p.metadata, p.ids = c.number, c.header, c.metadata, c.ids
		}
	}
	written := map[checkpointAt][]WriteRow{}
	q := &pgx.Batch{}
	q.Queue(`SELECT number, header, metadata, ids FROM checkpoints WHERE stream = $1 AND ns_hash = $2 AND thread_ts = $3 ORDER BY number DESC LIMIT 1`, s.short, hash, e.ThreadTS).
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
	q.Queue(`SELECT w.ns_hash, w.thread_ts, `+WriteColumns+` FROM writes w WHERE w.stream = $1 AND w.ns_hash = $2 AND w.thread_ts = $3`, s.short, hash, e.ThreadTS).
		Query(func(found pgx.Rows) error { return scanWriteRows(found, written) })
	if err := b.db.SendBatch(ctx, q).Close(); err != nil {
		b.broken = fmt.Errorf("read what is pinned in %s: %w", s.key, err)
		return p, b.broken
	}
	place := checkpointAt{string(hash), e.ThreadTS}
	for _, c := range r.checkpoints.rows {
		if c.stream == s.short && c.at() == place {
			take(c)
		}
	}
	for _, w := range r.writes {
		if w.stream == s.short && w.at() == place {
			written[place] = append(written[place], w.row())
		}
	}
	values, err := b.set.codec.valuesOf(written[place])
	p.writes = mustJSON(append([]value.Value{}, values...))
	return p, err
}

// noValue is the JSON of a value that is empty.
const noValue = `{"type":"","size":0}`

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
