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
	// partOf is what a manifest is packed over, by its id; parts are all that are there.
	partOf map[value.Address]value.Address
	parts  map[value.Address]bool
	// others are the values of deliveries; those of the state are not among them.
	others []value.Value
	// pins are what forks stand on.
	pins  []pinRow
	codec *Codec
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
	checkpointAt

	value value.Value
}

// holdings reads the rows of a stream as the batch has left them so far.
func (b *builder) holdings(ctx context.Context, s *stream, r *rows) (*holdings, error) {
	h := &holdings{
		manifests: map[value.Address]value.Manifest{}, partOf: map[value.Address]value.Address{}, parts: map[value.Address]bool{},
		codec: b.set.codec, fetch: b.fetchThere(ctx, s),
	}
	checkpoints, written, deliveries := map[versionAt]checkpointRow{}, map[checkpointAt][]WriteRow{}, map[[16]byte][]byte{}
	q := &pgx.Batch{}
	queueHeldCheckpoints(q, s.short, checkpoints)
	queueHeldWrites(q, s.short, written)
	queueHeldDeliveries(q, s.key, deliveries)
	queueHeldPins(q, s.key, &h.pins)
	h.queueManifests(q, s.short)
	if err := b.db.SendBatch(ctx, q).Close(); err != nil {
		b.broken = fmt.Errorf("read what %s holds: %w", s.key, err)
		return nil, b.broken
	}
	r.overlay(s, checkpoints, deliveries)
	r.overWrites(s.short, written)
	for _, pin := range r.pins {
		if pin.stream == s.key {
			h.pins = append(h.pins, pin)
		}
	}
	r.overlayManifests(s.short, h)
	return h, errors.Join(h.addCheckpoints(checkpoints), h.addWrites(written), h.addDeliveries(deliveries))
}

// fetchThere reads those of a stream's blobs that are there, also of the batch.
func (b *builder) fetchThere(ctx context.Context, s *stream) value.Fetch {
	return func(addresses []value.Address) (map[value.Address][]byte, error) {
		out := make(map[value.Address][]byte, len(addresses))
		var stored []value.Address
		for _, a := range addresses {
			if bytes, here := b.carried[manifestKey{s.short, a}]; here {
				out[a] = bytes
			} else {
				stored = append(stored, a)
			}
		}
		found, err := readBlobs(ctx, b.db, b.set.codec, s.short, stored)
		if err != nil {
			b.broken = err
			return nil, err
		}
		maps.Copy(out, found)
		return out, nil
	}
}

// checkpointAt is the key of a checkpoint within its stream, versionAt that of a row.
type (
	checkpointAt struct {
		nsHash string
		ts     [16]byte
	}
	versionAt struct {
		checkpointAt
		number int64
	}
)

func (c *checkpointRow) at() checkpointAt { return checkpointAt{string(c.nsHash), c.threadTS} }

func queueHeldCheckpoints(q *pgx.Batch, key ShortKey, into map[versionAt]checkpointRow) {
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

func queueHeldWrites(q *pgx.Batch, key ShortKey, into map[checkpointAt][]WriteRow) {
	q.Queue(`SELECT w.ns_hash, w.thread_ts, `+WriteColumns+` FROM writes w WHERE w.stream = $1`, key).
		Query(func(found pgx.Rows) error { return scanWriteRows(found, into) })
}

func (h *holdings) queueManifests(q *pgx.Batch, key ShortKey) {
	q.Queue(`SELECT m.id, m.part, `+ManifestColumns+` FROM manifests m WHERE m.stream = $1`, key).Query(func(found pgx.Rows) error {
		for found.Next() {
			var id, over, raw, part []byte
			if err := found.Scan(&id, &over, &raw, &part); err != nil {
				return fmt.Errorf("read a manifest: %w", err)
			}
			if err := h.addManifest(value.Address(id), over, raw, part); err != nil {
				return err
			}
		}
		return found.Err()
	})
	q.Queue(`SELECT address FROM manifest_parts WHERE stream = $1`, key).Query(func(found pgx.Rows) error {
		for found.Next() {
			var address []byte
			if err := found.Scan(&address); err != nil {
				return fmt.Errorf("read a part's address: %w", err)
			}
			h.parts[value.Address(address)] = true
		}
		return found.Err()
	})
}

func (h *holdings) addManifest(id value.Address, over, raw, part []byte) error {
	m, err := value.ReadManifest(raw, part)
	if err != nil {
		return fmt.Errorf("read manifest %s: %w", id, err)
	}
	h.manifests[id] = m
	if over != nil {
		h.partOf[id] = value.Address(over)
	}
	return nil
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
func (r *rows) overlay(s *stream, checkpoints map[versionAt]checkpointRow, deliveries map[[16]byte][]byte) {
	for _, gone := range r.removed {
		if gone.stream != s.short {
			continue
		}
		removed := gone.removes()
		for at := range checkpoints {
			if removed[at.checkpointAt] {
				delete(checkpoints, at)
			}
		}
	}
	for _, c := range r.checkpoints.rows {
		if c.stream == s.short {
			checkpoints[versionAt{c.at(), c.number}] = c
		}
	}
	for _, d := range r.deliveries.rows {
		if d.stream == s.key {
			deliveries[d.id] = d.body
		}
	}
}

// overlayManifests is overlay for manifests and parts. Of a manifest that is there
// already it is that row which stays.
func (r *rows) overlayManifests(key ShortKey, h *holdings) {
	for _, gone := range r.removed {
		if gone.stream != key {
			continue
		}
		for _, id := range gone.manifests {
			delete(h.manifests, id)
			delete(h.partOf, id)
		}
		for _, a := range gone.parts {
			delete(h.parts, a)
		}
	}
	for _, row := range r.parts {
		if row.stream == key {
			h.parts[value.Address(row.address)] = true
		}
	}
	for _, row := range r.manifests {
		id := value.Address(row.id)
		if _, there := h.manifests[id]; there || row.stream != key {
			continue
		}
		h.manifests[id] = row.whole
		if row.part != nil {
			h.partOf[id] = value.Address(row.part)
		}
	}
}

func (h *holdings) addCheckpoints(rows map[versionAt]checkpointRow) error {
	for at, row := range rows {
		c := held{key: workflow.CheckpointKey{NS: string(row.ns), TS: row.threadTS}, nsHash: at.nsHash}
		var errs [2]error
		c.header, errs[0] = h.codec.ReadValue(row.header)
		c.metadata, errs[1] = h.codec.ReadValue(row.metadata)
		err := errors.Join(errs[:]...)
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

func (h *holdings) addWrites(written map[checkpointAt][]WriteRow) error {
	for at, rows := range written {
		values, err := h.codec.valuesOf(rows)
		if err != nil {
			return err
		}
		for _, v := range values {
			h.writes = append(h.writes, heldWrite{at, v})
		}
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
