package projections

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// foldForked stores what a fork begins with. Nothing of another stream is read:
// the event has all of it but the bytes.
func (f *folder) foldForked(s *stream, d *decoded, e workflow.Forked, number int64) (add func(*rows), err error) {
	stored, err := s.facts.AddForked(e, d.fetch)
	if err != nil {
		return nil, err
	}
	last := len(stored) - 1
	for i := range stored {
		stored[i].Checkpoint.Number = number
		if i < last { // an event has one number: those before it take the last ones of the commit
			stored[i].Checkpoint.Number = d.position.ItemNumber(f.partitions, domain.MaxItems-1-i)
		}
		s.facts.Add(stored[i])
	}
	return func(r *rows) {
		r.lineages = append(r.lineages, lineageRow{s.short, lineage(s.id.Tenant, e.Lineage)})
		for i, st := range stored {
			f.addCheckpoint(r, s, st, 0, nil, d.position.Offset, nil) // no run of this workflow wrote it
			c := e.Checkpoints[i]
			f.addWrites(r, s.short, workflow.WritesRecorded{ThreadTS: c.ThreadTS, NS: c.NS, Writes: c.Writes}, st.Checkpoint.Number)
		}
	}, nil
}

// lineage are the streams of workflows of a tenant.
func lineage(tenant domain.Tenant, ids []uuid.UUID) ShortKeys {
	return keyCol(ids, func(id *uuid.UUID) ShortKey {
		return ShortKeyOf(domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: *id}.String())
	})
}

type lineageRow struct {
	stream    ShortKey
	ancestors ShortKeys
}

// insertLineages writes one statement for each: arrays of arrays are not ragged,
// and a fork is rare.
func (r *rows) insertLineages() []statement {
	out := make([]statement, len(r.lineages))
	for i, l := range r.lineages {
		out[i] = statement{`INSERT INTO lineages (stream, ancestors) VALUES ($1, $2)
			ON CONFLICT (stream) DO UPDATE SET ancestors = EXCLUDED.ancestors`, []any{l.stream, l.ancestors}}
	}
	return out
}

// InheritedBlobs reads bytes that a stream does not have itself, from the streams
// that it comes from: keys are pairs of stream and address. It gives the stream that
// asked.
const InheritedBlobs = `SELECT k.stream, k.address, b.codec, b.data
	FROM unnest($1::uuid[], $2::bytea[]) AS k(stream, address) JOIN lineages l ON l.stream = k.stream
	CROSS JOIN LATERAL (SELECT codec, data FROM blobs WHERE stream = ANY(l.ancestors) AND address = k.address LIMIT 1) b`

// readBlobsOf reads those of the blobs that a stream has, or those that it comes from.
func readBlobsOf(ctx context.Context, q querier, codec *Codec, key ShortKey, addresses []value.Address) (map[value.Address][]byte, error) {
	out, err := readBlobs(ctx, q, codec, key, addresses)
	if err != nil {
		return nil, err
	}
	var streams ShortKeys
	var missing [][]byte
	for _, a := range addresses {
		if _, there := out[a]; !there {
			streams, missing = append(streams, key), append(missing, a[:])
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	rows, err := q.Query(ctx, `SELECT address, codec, data FROM (`+InheritedBlobs+`) b`, streams, missing)
	if err != nil {
		return nil, fmt.Errorf("read %d inherited blobs: %w", len(missing), err)
	}
	return out, scanBlobs(rows, codec, out)
}
