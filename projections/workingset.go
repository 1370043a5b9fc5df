package projections

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// stream is what the projector knows of one stream: its head, its state, and
// the facts its folds stand on.
type stream struct {
	id      domain.StreamID
	key     string
	short   ShortKey
	hash    journal.Hash
	offset  int64
	number  int64
	time    time.Time
	stopped bool
	// written is nil until this projector has written the workflow's rows.
	written *written
	// parts are of those that were written last.
	parts map[value.Address]bool

	workflow     workflow.State
	facts        *workflow.Facts
	conversation conversation.State
	messages     *conversation.Facts
	directory    directory.State
	entries      *directory.Facts
}

func newStream(id domain.StreamID) *stream {
	key := id.String()
	return &stream{id: id, key: key, short: ShortKeyOf(key), number: -1, facts: workflow.NewFacts(), messages: conversation.NewFacts(), entries: directory.NewFacts()}
}

// partsKept is how many parts a stream remembers: one for each list that grows.
const partsKept = 64

// partIsNew says whether a part may have to be written: Postgres may have it, too.
func (s *stream) partIsNew(a value.Address) bool {
	if s.parts[a] {
		return false
	}
	if s.parts == nil || len(s.parts) == partsKept {
		s.parts = map[value.Address]bool{}
	}
	s.parts[a] = true
	return true
}

// workingSet is what one partition's projector holds between batches. It is
// true as long as this projector's own swaps succeed: rows of the partition's
// streams have no other writer. Where rows are refused for what is in them, the
// streams of that batch are forgotten; after any other failure all of it is thrown
// away.
type workingSet struct {
	streams *lru.Cache[string, *stream]
	codec   *Codec
}

// streamsKept bounds the streams a partition remembers between batches.
const streamsKept = 256

func newWorkingSet(codec *Codec) (*workingSet, error) {
	cache, err := lru.New[string, *stream](streamsKept)
	if err != nil {
		return nil, fmt.Errorf("make the stream cache: %w", err)
	}
	return &workingSet{streams: cache, codec: codec}, nil
}

// forget takes back what records did to their streams, which was not written:
// they are loaded again. One that began with these records is not in Postgres, so
// there is nothing to load.
func (w *workingSet) forget(records []journal.Record, partitions int32) {
	if len(records) == 0 {
		return
	}
	first := records[0].Position.Number(partitions)
	for _, r := range records {
		s, ok := w.streams.Peek(string(r.Key))
		switch {
		case !ok:
		case s.number < 0 || s.number >= first:
			w.streams.Add(s.key, newStream(s.id))
		default:
			w.streams.Remove(s.key)
		}
	}
}

// trim drops what is not needed to fold the next step.
func (s *stream) trim() {
	s.facts, s.messages, s.entries = s.facts.Trim(), conversation.NewFacts(), directory.NewFacts()
}

// querier reads; a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// loadStreams reads the heads of streams.
func loadStreams(ctx context.Context, q querier, ids []domain.StreamID) ([]*stream, error) {
	byKey := make(map[string]*stream, len(ids))
	keys := make([]string, len(ids))
	out := make([]*stream, len(ids))
	for i, id := range ids {
		out[i] = newStream(id)
		keys[i] = out[i].key
		byKey[keys[i]] = out[i]
	}
	found, err := q.Query(ctx, `SELECT h.stream, h."offset", h.number, h.hash, h.time, h.state, s.stream IS NOT NULL
		FROM heads h LEFT JOIN stopped s USING (stream) WHERE h.stream = ANY($1)`, keys)
	if err != nil {
		return nil, fmt.Errorf("load %d heads: %w", len(ids), err)
	}
	defer found.Close()
	for found.Next() {
		var key string
		var head headRow
		var stopped bool
		if err := found.Scan(&key, &head.offset, &head.number, &head.hash, &head.time, &head.state, &stopped); err != nil {
			return nil, fmt.Errorf("read a head: %w", err)
		}
		s := byKey[key]
		s.offset, s.number, s.time, s.stopped = head.offset, head.number, head.time.UTC(), stopped
		copy(s.hash[:], head.hash)
		if err := s.readState(head.state); err != nil {
			return nil, err
		}
	}
	return out, found.Err()
}

func (s *stream) readState(state []byte) error {
	var into any
	switch s.id.Kind {
	case domain.KindWorkflow:
		into = &s.workflow
	case domain.KindConversation:
		into = &s.conversation
	case domain.KindNamespace, domain.KindUser:
		into = &s.directory
	default:
		return nil
	}
	if err := json.Unmarshal(state, into); err != nil {
		return fmt.Errorf("read the state of %s: %w", s.key, err)
	}
	return nil
}

func (s *stream) encodeState() ([]byte, error) {
	switch s.id.Kind {
	case domain.KindWorkflow:
		return json.Marshal(s.workflow)
	case domain.KindConversation:
		return json.Marshal(s.conversation)
	case domain.KindNamespace, domain.KindUser:
		return json.Marshal(s.directory)
	}
	return []byte("{}"), nil
}

// wanted is what the folds of a batch need from the tables.
type wanted struct {
	checkpoints []checkpointKey
	manifests   []manifestKey
	blobs       []manifestKey
	messages    []messageKey
	entries     []entryKey
}

// manifestKey addresses a manifest or a blob of a stream.
type manifestKey struct {
	stream ShortKey
	id     value.Address
}

// found is what was there of wanted.
type found struct {
	checkpoints map[checkpointKey]workflow.Checkpoint
	manifests   map[manifestKey]value.Manifest
	blobs       map[manifestKey]bool
	messages    map[messageKey]conversation.Message
	entries     map[entryKey]directory.Entry
}

// load reads what is wanted in one round trip. Look-ups of many keys are
// lateral with OFFSET 0 or LIMIT 1, which keeps Postgres at one index look-up per key: it
// guesses how many keys an unnest has, and would rather read a table whole.
func load(ctx context.Context, q querier, codec *Codec, w wanted) (found, error) {
	f := found{
		checkpoints: map[checkpointKey]workflow.Checkpoint{}, manifests: map[manifestKey]value.Manifest{},
		blobs: map[manifestKey]bool{}, messages: map[messageKey]conversation.Message{}, entries: map[entryKey]directory.Entry{},
	}
	b := &pgx.Batch{}
	if len(w.checkpoints) > 0 {
		queueCheckpoints(b, codec, w.checkpoints, f.checkpoints)
	}
	if len(w.manifests) > 0 {
		queueManifests(b, w.manifests, f.manifests)
	}
	if len(w.blobs) > 0 {
		queueBlobs(b, w.blobs, f.blobs)
	}
	if len(w.messages) > 0 {
		queueMessages(b, w.messages, f.messages)
	}
	if len(w.entries) > 0 {
		queueEntries(b, w.entries, func(stream string, e directory.Entry) { f.entries[entryKey{stream, e.Key}] = e })
	}
	if b.Len() == 0 {
		return f, nil
	}
	if err := q.SendBatch(ctx, b).Close(); err != nil {
		return f, fmt.Errorf("load facts: %w", err)
	}
	return f, nil
}

func queueCheckpoints(b *pgx.Batch, codec *Codec, keys []checkpointKey, into map[checkpointKey]workflow.Checkpoint) {
	b.Queue(`SELECT c.stream, c.ns, c.thread_ts, c.parent_ts, c.number, c.header, c.metadata, c.channels, c.ids, c.current_thread
		FROM unnest($1::uuid[], $2::bytea[], $3::uuid[]) AS k(stream, ns_hash, thread_ts)
		CROSS JOIN LATERAL (`+CheckpointOf("k", "$4")+`) c`,
		keyCol(keys, func(k *checkpointKey) ShortKey { return k.stream }),
		col(keys, func(k *checkpointKey) []byte { return NSHash(k.key.NS) }),
		col(keys, func(k *checkpointKey) uuid.UUID { return k.key.TS }), int64(AllNumbers),
	).Query(func(r pgx.Rows) error {
		for r.Next() {
			var stream ShortKey
			c, err := scanCheckpoint(r, codec, &stream)
			if err != nil {
				return err
			}
			into[checkpointKey{stream, c.Key}] = c
		}
		return r.Err()
	})
}

func scanCheckpoint(r pgx.Rows, codec *Codec, stream *ShortKey) (workflow.Checkpoint, error) {
	var c workflow.Checkpoint
	var ns, header, metadata, names, ids []byte
	var thread int32
	if err := r.Scan(stream, &ns, &c.Key.TS, &c.Parent, &c.Number, &header, &metadata, &names, &ids, &thread); err != nil {
		return c, fmt.Errorf("read a checkpoint: %w", err)
	}
	c.Key.NS, c.Thread = string(ns), int(thread)
	var err error
	if c.Header, err = codec.ReadValue(header); err == nil {
		c.Metadata, err = codec.ReadValue(metadata)
	}
	if err != nil {
		return c, fmt.Errorf("read checkpoint %s: %w", c.Key.TS, err)
	}
	c.Channels, err = UnpackChannels(names, ids)
	return c, err
}

// ManifestColumns are the manifest of a row m, and what it is packed over.
const ManifestColumns = `m.manifest, (SELECT p.entries FROM manifest_parts p WHERE p.stream = m.stream AND p.address = m.part)`

func queueManifests(b *pgx.Batch, keys []manifestKey, into map[manifestKey]value.Manifest) {
	b.Queue(`SELECT m.stream, m.id, `+ManifestColumns+` FROM unnest($1::uuid[], $2::bytea[]) AS k(stream, id)
		CROSS JOIN LATERAL (SELECT * FROM manifests WHERE stream = k.stream AND id = k.id OFFSET 0) m`,
		keyCol(keys, func(k *manifestKey) ShortKey { return k.stream }),
		col(keys, func(k *manifestKey) []byte { return k.id[:] }),
	).Query(scanManifests(into))
}

func scanManifests(into map[manifestKey]value.Manifest) func(pgx.Rows) error {
	return func(r pgx.Rows) error {
		for r.Next() {
			var key manifestKey
			var id, raw, part []byte
			if err := r.Scan(&key.stream, &id, &raw, &part); err != nil {
				return fmt.Errorf("read a manifest: %w", err)
			}
			copy(key.id[:], id)
			m, err := value.ReadManifest(raw, part)
			if err != nil {
				return fmt.Errorf("read manifest %s: %w", key.id, err)
			}
			into[key] = m
		}
		return r.Err()
	}
}

func queueBlobs(b *pgx.Batch, keys []manifestKey, into map[manifestKey]bool) {
	b.Queue(`SELECT x.stream, x.address FROM unnest($1::uuid[], $2::bytea[]) AS k(stream, address)
		CROSS JOIN LATERAL (SELECT stream, address FROM blobs WHERE stream = k.stream AND address = k.address OFFSET 0) x`,
		keyCol(keys, func(k *manifestKey) ShortKey { return k.stream }),
		col(keys, func(k *manifestKey) []byte { return k.id[:] }),
	).Query(func(r pgx.Rows) error {
		for r.Next() {
			var key manifestKey
			var id []byte
			if err := r.Scan(&key.stream, &id); err != nil {
				return fmt.Errorf("read a blob's address: %w", err)
			}
			copy(key.id[:], id)
			into[key] = true
		}
		return r.Err()
	})
}

func queueMessages(b *pgx.Batch, keys []messageKey, into map[messageKey]conversation.Message) {
	b.Queue(`SELECT m.stream, m.message_id, m.author, m.text, m.flow, m.at, m.workflow, m.mode, m.refused, m.stopped
		FROM unnest($1::text[], $2::text[]) AS k(stream, message_id)
		CROSS JOIN LATERAL (SELECT * FROM messages WHERE stream = k.stream AND message_id = k.message_id OFFSET 0) m`,
		col(keys, func(k *messageKey) string { return k.stream }),
		col(keys, func(k *messageKey) string { return k.message }),
	).Query(func(r pgx.Rows) error {
		for r.Next() {
			var stream string
			m, err := ScanMessage(r, &stream)
			if err != nil {
				return err
			}
			into[messageKey{stream, m.ID}] = m
		}
		return r.Err()
	})
}

// ScanMessage reads one row of messages, stream first.
func ScanMessage(r pgx.Rows, stream *string) (conversation.Message, error) {
	var m conversation.Message
	var text, refused, stopped []byte
	var workflow *uuid.UUID
	var mode string
	if err := r.Scan(stream, &m.ID, &m.Author, &text, &m.Flow, &m.At, &workflow, &mode, &refused, &stopped); err != nil {
		return m, fmt.Errorf("read a message: %w", err)
	}
	m.At, m.Mode = m.At.UTC(), conversation.Mode(mode)
	if workflow != nil {
		m.Workflow = *workflow
	}
	if err := json.Unmarshal(text, &m.Text); err != nil {
		return m, fmt.Errorf("read the text of message %s: %w", m.ID, err)
	}
	if refused != nil {
		if err := json.Unmarshal(refused, &m.Refused); err != nil {
			return m, fmt.Errorf("read the refusal of message %s: %w", m.ID, err)
		}
	}
	if stopped != nil {
		if err := json.Unmarshal(stopped, &m.Stopped); err != nil {
			return m, fmt.Errorf("read how far the trigger of message %s came: %w", m.ID, err)
		}
	}
	return m, nil
}
