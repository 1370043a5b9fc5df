package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// SnapshotWant says what a batch of commands of one stream needs.
type SnapshotWant struct {
	Commands     []uuid.UUID
	Workflow     workflow.Want
	Conversation conversation.Want
}

// Snapshot is one cut of one stream: head, state, facts.
type Snapshot struct {
	Stream domain.StreamID
	// Head is zero and Number -1 for a stream without commits.
	Head    journal.Hash
	Time    time.Time
	Number  int64
	Stopped string
	// Next is how far the stream's partition was projected in this cut.
	Next int64

	Workflow     workflow.State
	Facts        *workflow.Facts
	Conversation conversation.State
	Messages     *conversation.Facts
	// Done are the commands that were carried out already.
	Done map[uuid.UUID]Done
}

// Holds says whether the snapshot answers all that is wanted but what became of
// commands.
func (s *Snapshot) Holds(w SnapshotWant) bool {
	return s.Facts.Holds(w.Workflow) && len(w.Conversation.Messages) == 0
}

// Follow makes the snapshot that of the commit that was accepted after it, with
// what the next one stands on: everything else is looked up when it is wanted.
func (s *Snapshot) Follow(head journal.Hash, at time.Time, number int64) {
	s.Head, s.Time, s.Number = head, at, number
	s.Facts, s.Messages, s.Done = s.Facts.Trim(), conversation.NewFacts(), map[uuid.UUID]Done{}
}

// Merge adds the facts of another snapshot of the same head.
func (s *Snapshot) Merge(other *Snapshot) { s.Facts.Merge(other.Facts) }

// Weight is about how many bytes of memory the snapshot takes.
func (s *Snapshot) Weight() int {
	const state = 4 << 10
	return state + s.Facts.Weight()
}

// Done is the accepted commit of a command.
type Done struct {
	Position domain.Position
	Hash     journal.Hash
	// Body is the SHA-256 of what came under the client's key.
	Body journal.Hash
}

// Snapshots reads what commands are decided on. The pool must run its
// transactions at repeatable read: the statements of one batch are then one cut.
type Snapshots struct {
	pool       *pgxpool.Pool
	codec      *Codec
	partitions int32
}

// NewSnapshots makes a Snapshots over a pool of repeatable-read connections.
func NewSnapshots(pool *pgxpool.Pool, partitions int32) (*Snapshots, error) {
	codec, err := NewCodec()
	if err != nil {
		return nil, err
	}
	return &Snapshots{pool: pool, codec: codec, partitions: partitions}, nil
}

// Load reads one stream by primary keys, in one round trip.
func (s *Snapshots) Load(ctx context.Context, id domain.StreamID, w SnapshotWant) (*Snapshot, error) {
	out := &Snapshot{
		Stream: id, Number: -1, Facts: workflow.NewFacts(), Messages: conversation.NewFacts(), Done: map[uuid.UUID]Done{},
	}
	key := id.String()
	b := &pgx.Batch{}
	s.queueHead(b, key, out)
	queueDone(b, key, w.Commands, out.Done)
	checkpoints, manifests := map[checkpointKey]workflow.Checkpoint{}, map[manifestKey]value.Manifest{}
	messages := map[messageKey]conversation.Message{}
	if keys := keysOf(key, append(w.Workflow.Checkpoints, w.Workflow.Base...)); len(keys) > 0 {
		queueCheckpoints(b, keys, checkpoints)
	}
	if len(w.Workflow.Base) > 0 {
		queueBaseManifests(b, keysOf(key, w.Workflow.Base), manifests)
	}
	for _, ns := range w.Workflow.Latest {
		queueLatest(b, key, ns, checkpoints, manifests, out.Facts)
	}
	for _, ns := range w.Workflow.Newest {
		queueNewest(b, key, ns, out.Facts)
	}
	if len(w.Workflow.Writes) > 0 {
		queueWrites(b, keysOf(key, w.Workflow.Writes), out.Facts)
	}
	if w.Workflow.Tree {
		queueTree(b, key, out.Facts)
	}
	if len(w.Workflow.Runs) > 0 {
		queueRuns(b, key, w.Workflow.Runs, out.Facts.OfRuns)
	}
	if len(w.Workflow.Deliveries) > 0 {
		queueDeliveries(b, key, w.Workflow.Deliveries, out.Facts.Deliveries)
	}
	if len(w.Conversation.Messages) > 0 {
		queueMessages(b, messageKeys(key, w.Conversation.Messages), messages)
	}
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("load %s: %w", id, err)
	}
	for k, c := range checkpoints {
		out.Facts.Checkpoints[k.key] = c
	}
	for k, m := range manifests {
		out.Facts.Values[k.id] = m
	}
	for k, m := range messages {
		out.Messages.Messages[k.message] = m
	}
	return out, cmp.Or(s.loadVersions(ctx, out, w.Workflow.Versions), s.loadNewest(ctx, out))
}

// Blobs says which of the addresses the stream has.
func (s *Snapshots) Blobs(ctx context.Context, id domain.StreamID, addresses []value.Address) (map[value.Address]bool, error) {
	keys := make([]manifestKey, len(addresses))
	for i, a := range addresses {
		keys[i] = manifestKey{id.String(), a}
	}
	f, err := load(ctx, s.pool, wanted{blobs: keys})
	if err != nil {
		return nil, err
	}
	out := make(map[value.Address]bool, len(f.blobs))
	for k := range f.blobs {
		out[k.id] = true
	}
	return out, nil
}

// Blob reads one blob of a stream, or of those that it comes from.
func (s *Snapshots) Blob(ctx context.Context, id domain.StreamID, a value.Address) ([]byte, error) {
	found, err := readBlobsOf(ctx, s.pool, s.codec, id.String(), []value.Address{a})
	if err != nil {
		return nil, err
	}
	bytes, there := found[a]
	if !there {
		return nil, fmt.Errorf("%s has no bytes %s", id, a)
	}
	return bytes, nil
}

// Verdict looks up what became of a stream's record at a position that is
// visible.
func (s *Snapshots) Verdict(ctx context.Context, id domain.StreamID, at domain.Position) (Verdict, error) {
	v := Verdict{Offset: at.Offset}
	err := s.pool.QueryRow(ctx, `SELECT coalesce(i.reason, ''), coalesce(i.detail, ''), EXISTS (SELECT FROM stopped WHERE stream = $3)
		FROM (VALUES (1)) one LEFT JOIN ignored i ON i.partition = $1 AND i."offset" = $2`,
		at.Partition, at.Offset, id.String()).Scan((*string)(&v.Reason), &v.Detail, &v.Stopped)
	if err != nil {
		return v, fmt.Errorf("read the verdict of %s: %w", at, err)
	}
	return v, nil
}

// Done finds the commits of commands that were carried out already, in a cut
// that has come to next.
func (s *Snapshots) Done(ctx context.Context, id domain.StreamID, commands []uuid.UUID) (done map[uuid.UUID]Done, next int64, err error) {
	done = map[uuid.UUID]Done{}
	b := &pgx.Batch{}
	s.queueNext(b, id.String(), &next)
	queueDone(b, id.String(), commands, done)
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, 0, fmt.Errorf("look for commands of %s: %w", id, err)
	}
	return done, next, nil
}

// FindCommit finds an accepted commit of the stream by its hash.
func (s *Snapshots) FindCommit(ctx context.Context, id domain.StreamID, hash journal.Hash) (at domain.Position, found bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT partition, "offset" FROM commits WHERE stream = $1 AND hash = $2`, id.String(), hash[:]).
		Scan(&at.Partition, &at.Offset)
	if errors.Is(err, pgx.ErrNoRows) {
		return at, false, nil
	}
	if err != nil {
		return at, false, fmt.Errorf("find commit %s of %s: %w", hash, id, err)
	}
	return at, true, nil
}

// queueNext reads how far the partition of a stream has come.
func (s *Snapshots) queueNext(b *pgx.Batch, key string, next *int64) {
	b.Queue(`SELECT next FROM offsets WHERE partition = $1`, journal.PartitionOf([]byte(key), s.partitions)).
		Query(func(r pgx.Rows) error {
			for r.Next() {
				if err := r.Scan(next); err != nil {
					return fmt.Errorf("read an offset: %w", err)
				}
			}
			return r.Err()
		})
}

func (s *Snapshots) queueHead(b *pgx.Batch, key string, out *Snapshot) {
	s.queueNext(b, key, &out.Next)
	b.Queue(`SELECT h.number, h.hash, h.time, h.state, coalesce(s.reason, '') FROM heads h LEFT JOIN stopped s USING (stream) WHERE h.stream = $1`, key).
		Query(func(r pgx.Rows) error {
			for r.Next() {
				var hash, state []byte
				if err := r.Scan(&out.Number, &hash, &out.Time, &state, &out.Stopped); err != nil {
					return fmt.Errorf("read a head: %w", err)
				}
				copy(out.Head[:], hash)
				out.Time = out.Time.UTC()
				into := any(&out.Workflow)
				if out.Stream.Kind == domain.KindConversation {
					into = &out.Conversation
				}
				if err := json.Unmarshal(state, into); err != nil {
					return fmt.Errorf("read a state: %w", err)
				}
				out.Facts.Forked = out.Workflow.Origin != nil
			}
			return r.Err()
		})
}

// queueDone finds the first accepted commit of each command. The look-up is by
// the command's id alone, and asks for no order: otherwise a Postgres without
// statistics, as after a rebuild, reads all commits of the stream.
func queueDone(b *pgx.Batch, key string, commands []uuid.UUID, into map[uuid.UUID]Done) {
	b.Queue(`SELECT c.command_id, c.partition, c."offset", c.hash, c.command_hash FROM unnest($2::uuid[]) AS k(id)
		CROSS JOIN LATERAL (SELECT * FROM commits WHERE command_id = k.id OFFSET 0) c WHERE c.stream = $1`, key, commands).
		Query(func(r pgx.Rows) error {
			for r.Next() {
				var id uuid.UUID
				var d Done
				var hash, body []byte
				if err := r.Scan(&id, &d.Position.Partition, &d.Position.Offset, &hash, &body); err != nil {
					return fmt.Errorf("read a command: %w", err)
				}
				copy(d.Hash[:], hash)
				copy(d.Body[:], body)
				if first, twice := into[id]; !twice || d.Position.Offset < first.Position.Offset {
					into[id] = d
				}
			}
			return r.Err()
		})
}

// manifestsOf joins the values of all channels of checkpoints c, by their keys.
const manifestsOf = `
		CROSS JOIN generate_series(0, length(c.ids) / 32 - 1) AS i
		CROSS JOIN LATERAL (SELECT * FROM manifests WHERE stream = c.stream AND id = substring(c.ids FROM i * 32 + 1 FOR 32) OFFSET 0) m`

// queueBaseManifests reads the values of all channels of checkpoints.
func queueBaseManifests(b *pgx.Batch, keys []checkpointKey, into map[manifestKey]value.Manifest) {
	b.Queue(`SELECT m.stream, m.id, m.manifest
		FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS k(stream, ns_hash, thread_ts)
		CROSS JOIN LATERAL (`+CheckpointOf("k", "$4")+`) c`+manifestsOf,
		col(keys, func(k *checkpointKey) string { return k.stream }),
		col(keys, func(k *checkpointKey) []byte { return NSHash(k.key.NS) }),
		col(keys, func(k *checkpointKey) uuid.UUID { return k.key.TS }), int64(AllNumbers),
	).Query(scanManifests(into))
}

func queueLatest(b *pgx.Batch, key, ns string, checkpoints map[checkpointKey]workflow.Checkpoint, manifests map[manifestKey]value.Manifest, facts *workflow.Facts) {
	latest := NewestCheckpoint("$1", "$2", "$3")
	b.Queue(`SELECT c.stream, c.ns, c.thread_ts, c.parent_ts, c.number, c.header, c.metadata, c.channels, c.ids, c.current_thread FROM (`+latest+`) c`, key, NSHash(ns), int64(AllNumbers)).
		Query(func(r pgx.Rows) error {
			for r.Next() {
				var stream string
				c, err := scanCheckpoint(r, &stream)
				if err != nil {
					return err
				}
				checkpoints[checkpointKey{stream, c.Key}] = c
				facts.Latest[ns] = c.Key
			}
			return r.Err()
		})
	b.Queue(`SELECT m.stream, m.id, m.manifest FROM (`+latest+`) c`+manifestsOf, key, NSHash(ns), int64(AllNumbers)).
		Query(scanManifests(manifests))
}

// queueNewest finds the id of the newest checkpoint of a namespace, or that has the
// newest writes.
func queueNewest(b *pgx.Batch, key, ns string, facts *workflow.Facts) {
	facts.Newest[ns] = uuid.Nil
	b.Queue(`(SELECT thread_ts FROM checkpoints WHERE stream = $1 AND ns_hash = $2 ORDER BY thread_ts DESC LIMIT 1)
		UNION ALL (SELECT thread_ts FROM writes WHERE stream = $1 AND ns_hash = $2 ORDER BY thread_ts DESC LIMIT 1)
		ORDER BY thread_ts DESC LIMIT 1`, key, NSHash(ns)).
		Query(func(r pgx.Rows) error {
			for r.Next() {
				var newest uuid.UUID
				if err := r.Scan(&newest); err != nil {
					return fmt.Errorf("read the newest checkpoint: %w", err)
				}
				facts.Newest[ns] = newest
			}
			return r.Err()
		})
}

func queueWrites(b *pgx.Batch, keys []checkpointKey, facts *workflow.Facts) {
	byHash := map[string]workflow.CheckpointKey{}
	for _, k := range keys {
		facts.Settled[k.key] = true
		byHash[string(NSHash(k.key.NS))+k.key.TS.String()] = k.key
	}
	b.Queue(`SELECT w.ns_hash, w.thread_ts, w.task, w.idx, w.value
		FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS k(stream, ns_hash, thread_ts)
		CROSS JOIN LATERAL (`+WritesOf("k", "$4")+`) w`,
		col(keys, func(k *checkpointKey) string { return k.stream }),
		col(keys, func(k *checkpointKey) []byte { return NSHash(k.key.NS) }),
		col(keys, func(k *checkpointKey) uuid.UUID { return k.key.TS }), int64(AllNumbers),
	).Query(func(r pgx.Rows) error {
		for r.Next() {
			var hash, task, raw []byte
			var ts uuid.UUID
			var idx int32
			var v value.Value
			if err := r.Scan(&hash, &ts, &task, &idx, &raw); err != nil {
				return fmt.Errorf("read a write: %w", err)
			}
			if err := json.Unmarshal(raw, &v); err != nil {
				return fmt.Errorf("read a write of %s: %w", ts, err)
			}
			facts.Writes[workflow.WriteKey{Checkpoint: byHash[string(hash)+ts.String()], Task: string(task), Idx: int(idx)}] = v
		}
		return r.Err()
	})
}

// queueDeliveries reads deliveries, owed or ended.
func queueDeliveries(b *pgx.Batch, key string, ids []uuid.UUID, into map[uuid.UUID]workflow.Delivery) {
	b.Queue(`SELECT id, body FROM deliveries WHERE stream = $1 AND id = ANY($2)`, key, ids).Query(func(r pgx.Rows) error {
		for r.Next() {
			var id uuid.UUID
			var body []byte
			var d workflow.Delivery
			if err := r.Scan(&id, &body); err != nil {
				return fmt.Errorf("read a delivery: %w", err)
			}
			if err := json.Unmarshal(body, &d); err != nil {
				return fmt.Errorf("read delivery %s: %w", id, err)
			}
			into[id] = d
		}
		return r.Err()
	})
}

func keysOf(stream string, keys []workflow.CheckpointKey) []checkpointKey {
	out := make([]checkpointKey, len(keys))
	for i, k := range keys {
		out[i] = checkpointKey{stream, k}
	}
	return out
}

func messageKeys(stream string, ids []string) []messageKey {
	out := make([]messageKey, len(ids))
	for i, id := range ids {
		out[i] = messageKey{stream, id}
	}
	return out
}
