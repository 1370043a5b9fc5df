package checkpoints

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// rows is one page.
type rows struct {
	rows []Checkpoint
	more bool
}

// pending is a checkpoint whose values are not put together yet.
type pending struct {
	Checkpoint
	nsHash           string
	header, metadata value.Value
	channels         map[string]value.Address
}

// channelsMember is the member of a checkpoint whose values stand apart.
const channelsMember = "channel_values"

// read runs one query for checkpoints and puts all of its rows together. A row
// beyond perPage only says that there are more.
func (q *Queries) read(ctx context.Context, stream domain.StreamID, where string, args []any, perPage int) (out rows, err error) {
	err = q.db.Read(ctx, func(tx *cut.Tx) error {
		page, err := load(ctx, tx, stream, where, args, q.db.Partitions)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return exists(ctx, tx, stream)
		}
		if len(page) > perPage {
			page, out.more = page[:perPage], true
		}
		if out.rows, err = assemble(ctx, tx, stream.String(), page); err != nil {
			return err
		}
		return loadWrites(ctx, tx, stream.String(), page, out.rows)
	})
	return out, err
}

// exists tells an unknown workflow from one without checkpoints.
func exists(ctx context.Context, tx *cut.Tx, stream domain.StreamID) error {
	var one int
	err := tx.QueryRow(ctx, `SELECT 1 FROM workflows WHERE stream = $1`, stream.String()).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow", Fix: "check the id; duolog workflow list shows yours"}
	}
	return err
}

// load reads the rows. A checkpoint's number names its commit, which says when.
func load(ctx context.Context, tx *cut.Tx, stream domain.StreamID, where string, args []any, partitions int32) ([]pending, error) {
	sql := fmt.Sprintf(`SELECT c.ns_hash, c.ns, c.thread_ts, c.parent_ts, c.number, c.header, c.metadata, c.channels, c.ids, c.current_thread, m.time,
		c.parent_ts IS NOT NULL AND NOT EXISTS (SELECT FROM checkpoints p WHERE p.stream = c.stream AND p.ns_hash = c.ns_hash AND p.thread_ts = c.parent_ts)
		FROM (SELECT c.* FROM checkpoints c WHERE c.stream = $1 AND %[3]s) c
		JOIN commits m ON m.partition = (c.number / %[1]d) %% %[2]d AND m."offset" = (c.number / %[1]d) / %[2]d
		ORDER BY c.thread_ts DESC, c.ns_hash`, domain.MaxItems, partitions, where)
	found, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	return pgx.CollectRows(found, scan)
}

func scan(row pgx.CollectableRow) (pending, error) {
	var p pending
	var nsHash, ns, header, metadata, channels, ids []byte
	var thread int32
	if err := row.Scan(&nsHash, &ns, &p.ThreadTS, &p.ParentTS, &p.Number, &header, &metadata, &channels, &ids, &thread, &p.CreatedAt, &p.ParentMissing); err != nil {
		return p, fmt.Errorf("read a checkpoint: %w", err)
	}
	p.nsHash, p.NS, p.Thread, p.CreatedAt = string(nsHash), string(ns), int(thread), p.CreatedAt.UTC()
	at := "checkpoint " + p.ThreadTS.String()
	var err error
	if p.channels, err = projections.UnpackChannels(channels, ids); err != nil {
		return p, fmt.Errorf("%s: %w", at, err)
	}
	return p, errors.Join(
		cut.DecodeJSON(at+": header", header, &p.header),
		cut.DecodeJSON(at+": metadata", metadata, &p.metadata),
	)
}

// assemble puts the checkpoints of a page together. A value that several of
// them share is assembled once.
func assemble(ctx context.Context, tx *cut.Tx, stream string, page []pending) ([]Checkpoint, error) {
	manifests, err := loadManifests(ctx, tx, stream, channelIDs(page))
	if err != nil {
		return nil, err
	}
	if err := bounded(page, manifests); err != nil {
		return nil, err
	}
	var items []cut.Item
	at := map[value.Address]int{}
	for id, m := range manifests {
		at[id] = len(items)
		items = append(items, cut.Item{Stream: stream, Manifest: m})
	}
	first := len(items)
	for _, p := range page {
		header, err1 := cut.ItemOf(stream, p.header)
		metadata, err2 := cut.ItemOf(stream, p.metadata)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		items = append(items, header, metadata)
	}
	values, err := tx.Assemble(ctx, items)
	if err != nil {
		return nil, err
	}
	out := make([]Checkpoint, len(page))
	for i, p := range page {
		out[i] = p.Checkpoint
		out[i].Metadata = values[first+2*i+1]
		out[i].Checkpoint, err = value.JoinTemplate(values[first+2*i], channelsMember, func(name string) ([]byte, error) {
			n, ok := at[p.channels[name]]
			if !ok {
				return nil, errors.New("the channel has no value")
			}
			return values[n], nil
		})
		if err != nil {
			return nil, fmt.Errorf("checkpoint %s: %w", p.ThreadTS, err)
		}
	}
	return out, nil
}

func channelIDs(page []pending) []value.Address {
	var out []value.Address
	seen := map[value.Address]bool{}
	for _, p := range page {
		for _, id := range p.channels {
			if !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

// bounded refuses a page that would not fit an answer, before its bytes are
// read.
func bounded(page []pending, manifests map[value.Address]value.Manifest) error {
	size := int64(0)
	for i, p := range page {
		size += p.header.Size + p.metadata.Size
		for _, id := range p.channels {
			size += manifests[id].Size
		}
		if size > MaxPageBytes && len(page) > 1 {
			return &domain.Error{
				Code: domain.CodeTooLarge, Field: "per_page",
				Message: fmt.Sprintf("the first %d checkpoints of this page have %d bytes; a page holds %d", i+1, size, MaxPageBytes),
				Fix:     fmt.Sprintf("ask for fewer, such as per_page=%d", max(i, 1)),
			}
		}
	}
	return nil
}

// loadManifests reads the manifests of channel values in one query.
func loadManifests(ctx context.Context, tx *cut.Tx, stream string, ids []value.Address) (map[value.Address]value.Manifest, error) {
	out := make(map[value.Address]value.Manifest, len(ids))
	keys := make([][]byte, len(ids))
	for i := range ids {
		keys[i] = ids[i][:]
	}
	found, err := tx.Query(ctx, `SELECT m.id, m.manifest FROM unnest($2::bytea[]) AS k(id) JOIN manifests m ON m.stream = $1 AND m.id = k.id`, stream, keys)
	if err != nil {
		return nil, fmt.Errorf("read %d manifests: %w", len(ids), err)
	}
	defer found.Close()
	for found.Next() {
		var id value.Address
		var key, raw []byte
		var m value.Manifest
		if err := found.Scan(&key, &raw); err != nil {
			return nil, fmt.Errorf("read a manifest: %w", err)
		}
		copy(id[:], key)
		if err := cut.DecodeJSON("manifest "+id.String(), raw, &m); err != nil {
			return nil, err
		}
		out[id] = m
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read %d manifests: %w", len(ids), err)
	}
	for _, id := range ids {
		if _, ok := out[id]; !ok {
			return nil, fmt.Errorf("manifest %s of %s is not there", id, stream)
		}
	}
	return out, nil
}

// loadWrites adds the pending writes of the page.
func loadWrites(ctx context.Context, tx *cut.Tx, stream string, page []pending, into []Checkpoint) error {
	type key struct {
		nsHash string
		ts     uuid.UUID
	}
	at := map[key]int{}
	hashes, ids := make([][]byte, len(page)), make([]uuid.UUID, len(page))
	for i, p := range page {
		at[key{p.nsHash, p.ThreadTS}], hashes[i], ids[i] = i, []byte(p.nsHash), p.ThreadTS
	}
	found, err := tx.Query(ctx, `SELECT w.ns_hash, w.thread_ts, w.number, w.task, w.idx, w.task_path, w.channel, w.value
		FROM unnest($2::bytea[], $3::uuid[]) AS k(ns_hash, thread_ts) JOIN writes w ON w.stream = $1 AND w.ns_hash = k.ns_hash AND w.thread_ts = k.thread_ts
		ORDER BY w.task, w.idx`, stream, hashes, ids)
	if err != nil {
		return fmt.Errorf("read writes: %w", err)
	}
	defer found.Close()
	var items []cut.Item
	var set []*Write
	owners := make([][]*Write, len(into))
	for found.Next() {
		var nsHash, task, path, channel, raw []byte
		var ts uuid.UUID
		var idx int32
		var v value.Value
		w := &Write{}
		if err := found.Scan(&nsHash, &ts, &w.Number, &task, &idx, &path, &channel, &raw); err != nil {
			return fmt.Errorf("read a write: %w", err)
		}
		if err := cut.DecodeJSON("a write", raw, &v); err != nil {
			return err
		}
		item, err := cut.ItemOf(stream, v)
		if err != nil {
			return err
		}
		w.Task, w.Idx, w.TaskPath, w.Channel, w.Type = string(task), int(idx), string(path), string(channel), v.Type
		items, set = append(items, item), append(set, w)
		i := at[key{string(nsHash), ts}]
		owners[i] = append(owners[i], w)
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("read writes: %w", err)
	}
	values, err := tx.Assemble(ctx, items)
	if err != nil {
		return err
	}
	for i, b := range values {
		set[i].Data = b
	}
	for i, list := range owners {
		for _, w := range list {
			into[i].Writes = append(into[i].Writes, *w)
		}
	}
	return nil
}
