package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// holdings is all that a workflow's tables hold of values: what a removal is worked out
// on.
type holdings struct {
	checkpoints []held
	writes      []heldWrite
	manifests   map[value.Address]value.Manifest
	// others are the values of deliveries; those of the state are not among them.
	others []value.Value
	// pins are what forks stand on.
	pins []pinRow
	// fetch reads those of the stream's blobs that are there.
	fetch value.Fetch
}

// held is a version of a checkpoint as far as its bytes go.
type held struct {
	key      workflow.CheckpointKey
	nsHash   string
	header   value.Value
	metadata value.Value
	channels map[string]value.Address
}

// heldWrite is a version of a pending write as far as its bytes go. The namespace of one whose
// checkpoint is not there is known by its hash alone.
type heldWrite struct {
	nsHash string
	ts     [16]byte
	value  value.Value
}

// holdings reads the rows of a stream as the batch has left them so far.
func (b *builder) holdings(ctx context.Context, key string, r *rows) (*holdings, error) {
	h := &holdings{manifests: map[value.Address]value.Manifest{}, fetch: b.fetchThere(ctx, key)}
	checkpoints, written, deliveries := map[versionAt]checkpointRow{}, map[writeAt]writeRow{}, map[[16]byte][]byte{}
	q := &pgx.Batch{}
	queueHeldCheckpoints(q, key, checkpoints)
	queueHeldWrites(q, key, written)
	queueHeldDeliveries(q, key, deliveries)
	queueHeldPins(q, key, &h.pins)
	manifests := map[manifestKey]value.Manifest{}
	q.Queue(`SELECT stream, id, manifest FROM manifests WHERE stream = $1`, key).Query(scanManifests(manifests))
	if err := b.db.SendBatch(ctx, q).Close(); err != nil {
		b.broken = fmt.Errorf("read what %s holds: %w", key, err)
		return nil, b.broken
	}
	r.overlay(key, checkpoints, written, deliveries)
	for _, pin := range r.pins {
		if pin.stream == key {
			h.pins = append(h.pins, pin)
		}
	}
	for k, m := range manifests {
		h.manifests[k.id] = m
	}
	if err := r.overlayManifests(key, h.manifests); err != nil {
		return nil, err
	}
	return h, errors.Join(h.addCheckpoints(checkpoints), h.addWrites(written), h.addDeliveries(deliveries))
}

// fetchThere reads those of a stream's blobs that are there, also of the batch.
func (b *builder) fetchThere(ctx context.Context, key string) value.Fetch {
	return func(addresses []value.Address) (map[value.Address][]byte, error) {
		out := make(map[value.Address][]byte, len(addresses))
		var stored []value.Address
		for _, a := range addresses {
			if bytes, here := b.carried[manifestKey{key, a}]; here {
				out[a] = bytes
			} else {
				stored = append(stored, a)
			}
		}
		found, err := readBlobs(ctx, b.db, b.set.codec, key, stored)
		if err != nil {
			b.broken = err
			return nil, err
		}
		maps.Copy(out, found)
		return out, nil
	}
}

// checkpointAt is the key of a checkpoint within its stream, versionAt and writeAt those
// of rows.
type (
	checkpointAt struct {
		nsHash string
		ts     [16]byte
	}
	versionAt struct {
		checkpointAt
		number int64
	}
	writeAt struct {
		versionAt
		task string
		idx  int32
	}
)

func (c *checkpointRow) at() checkpointAt { return checkpointAt{string(c.nsHash), c.threadTS} }

func (w *writeRow) at() writeAt {
	return writeAt{versionAt{checkpointAt{string(w.nsHash), w.threadTS}, w.number}, string(w.task), w.idx}
}

func queueHeldCheckpoints(q *pgx.Batch, key string, into map[versionAt]checkpointRow) {
	q.Queue(`SELECT ns_hash, ns, thread_ts, number, header, metadata, channels, ids FROM checkpoints WHERE stream = $1`, key).Query(func(found pgx.Rows) error {
		for found.Next() {
			var c checkpointRow
			if err := found.Scan(&c.nsHash, &c.ns, &c.threadTS, &c.number, &c.header, &c.metadata, &c.channels, &c.ids); err != nil {
				return fmt.Errorf("read a checkpoint: %w", err)
			}
			into[versionAt{c.at(), c.number}] = c
		}
		return found.Err()
	})
}

func queueHeldWrites(q *pgx.Batch, key string, into map[writeAt]writeRow) {
	q.Queue(`SELECT ns_hash, thread_ts, number, task, idx, value FROM writes WHERE stream = $1`, key).Query(func(found pgx.Rows) error {
		for found.Next() {
			var w writeRow
			if err := found.Scan(&w.nsHash, &w.threadTS, &w.number, &w.task, &w.idx, &w.value); err != nil {
				return fmt.Errorf("read a write: %w", err)
			}
			into[w.at()] = w
		}
		return found.Err()
	})
}

func queueHeldDeliveries(q *pgx.Batch, key string, into map[[16]byte][]byte) {
	q.Queue(`SELECT id, body FROM deliveries WHERE stream = $1`, key).Query(func(found pgx.Rows) error {
		for found.Next() {
			var id [16]byte
			var body []byte
			if err := found.Scan(&id, &body); err != nil {
				return fmt.Errorf("read a delivery: %w", err)
			}
			into[id] = body
		}
		return found.Err()
	})
}

// overlay adds what the batch has written so far, and takes away what it has removed.
func (r *rows) overlay(key string, checkpoints map[versionAt]checkpointRow, written map[writeAt]writeRow, deliveries map[[16]byte][]byte) {
	for _, gone := range r.removed {
		if gone.stream != key {
			continue
		}
		removed := gone.removes()
		for at := range checkpoints {
			if removed[at.checkpointAt] {
				delete(checkpoints, at)
			}
		}
		for at := range written {
			if gone.writes[at.checkpointAt] {
				delete(written, at)
			}
		}
	}
	for _, c := range r.checkpoints.rows {
		if c.stream == key {
			checkpoints[versionAt{c.at(), c.number}] = c
		}
	}
	for _, w := range r.writes.rows {
		if w.stream == key {
			written[w.at()] = w
		}
	}
	for _, d := range r.deliveries.rows {
		if d.stream == key {
			deliveries[d.id] = d.body
		}
	}
}

func (r *rows) overlayManifests(key string, into map[value.Address]value.Manifest) error {
	for _, row := range r.manifests {
		if row.stream != key {
			continue
		}
		m, err := value.ReadManifest(row.manifest)
		if err != nil {
			return fmt.Errorf("read a manifest of the batch: %w", err)
		}
		into[value.Address(row.id)] = m
	}
	return nil
}

func (h *holdings) addCheckpoints(rows map[versionAt]checkpointRow) error {
	for at, row := range rows {
		c := held{key: workflow.CheckpointKey{NS: string(row.ns), TS: row.threadTS}, nsHash: at.nsHash}
		err := errors.Join(json.Unmarshal(row.header, &c.header), json.Unmarshal(row.metadata, &c.metadata))
		if err != nil {
			return fmt.Errorf("read checkpoint %s: %w", row.threadTS, err)
		}
		if c.channels, err = UnpackChannels(row.channels, row.ids); err != nil {
			return err
		}
		h.checkpoints = append(h.checkpoints, c)
	}
	return nil
}

func (h *holdings) addWrites(rows map[writeAt]writeRow) error {
	for at, row := range rows {
		w := heldWrite{nsHash: at.nsHash, ts: at.ts}
		if err := json.Unmarshal(row.value, &w.value); err != nil {
			return fmt.Errorf("read a write of %s: %w", row.threadTS, err)
		}
		h.writes = append(h.writes, w)
	}
	return nil
}

func (h *holdings) addDeliveries(bodies map[[16]byte][]byte) error {
	for _, body := range bodies {
		var d workflow.Delivery
		if err := json.Unmarshal(body, &d); err != nil {
			return fmt.Errorf("read a delivery: %w", err)
		}
		h.others = append(h.others, d.Message)
	}
	return nil
}
