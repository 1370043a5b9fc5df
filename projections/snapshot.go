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
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// SnapshotWant says what a batch of commands of one stream needs.
type SnapshotWant struct {
	Commands     []uuid.UUID
	Workflow     workflow.Want
	Conversation conversation.Want
	Directory    []directory.Key
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
	Directory    directory.State
	Entries      *directory.Facts
	// Done are the commands that were carried out already.
	Done map[uuid.UUID]Done
	// Carried are all commands of the stream, where it began before the eyes of who
	// remembers it and there are few enough; nil where they are not known.
	Carried map[uuid.UUID]struct{}
}

// maxCarried bounds the commands that are remembered of a stream.
const maxCarried = 4 << 10

// MayBeDone says whether a command has to be looked up.
func (s *Snapshot) MayBeDone(command uuid.UUID) bool {
	_, carried := s.Carried[command]
	return carried || s.Carried == nil
}

// Carry remembers commands that were accepted.
func (s *Snapshot) Carry(commands []uuid.UUID) {
	if s.Carried == nil || len(s.Carried)+len(commands) > maxCarried {
		s.Carried = nil
		return
	}
	for _, id := range commands {
		s.Carried[id] = struct{}{}
	}
}

// Holds says whether the snapshot answers all that is wanted but what became of
// commands.
func (s *Snapshot) Holds(w SnapshotWant) bool {
	return s.Facts.Holds(w.Workflow) && len(w.Conversation.Messages) == 0 && len(w.Directory) == 0
}

// Follow makes the snapshot that of the commit that was accepted after it, with
// what the next one stands on: everything else is looked up when it is wanted.
func (s *Snapshot) Follow(head journal.Hash, at time.Time, number int64) {
	s.Head, s.Time, s.Number = head, at, number
	s.Facts, s.Messages, s.Entries, s.Done = s.Facts.Trim(), conversation.NewFacts(), directory.NewFacts(), map[uuid.UUID]Done{}
}

// Merge adds the facts of another snapshot of the same head.
func (s *Snapshot) Merge(other *Snapshot) { s.Facts.Merge(other.Facts) }

// Weight is about how many bytes of memory the snapshot takes.
func (s *Snapshot) Weight() int {
	const state, command = 4 << 10, 40
	return state + command*len(s.Carried) + s.Facts.Weight()
}

// Done is the accepted commit of a command.
type Done struct {
	Position domain.Position
	Hash     journal.Hash
	// First is the index of the first event that the command came to.
	First int
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
		Stream: id, Number: -1, Facts: workflow.NewFacts(), Messages: conversation.NewFacts(), Entries: directory.NewFacts(), Done: map[uuid.UUID]Done{},
	}
	key := id.String()
	short := ShortKeyOf(key)
	b := &pgx.Batch{}
	s.queueHead(b, key, out)
	s.queueDone(b, short, w.Commands, out.Done)
	checkpoints, manifests := map[checkpointKey]workflow.Checkpoint{}, map[manifestKey]value.Manifest{}
	messages := map[messageKey]conversation.Message{}
	if keys := keysOf(short, append(w.Workflow.Checkpoints, w.Workflow.Base...)); len(keys) > 0 {
		queueCheckpoints(b, s.codec, keys, checkpoints)
	}
	if len(w.Workflow.Base) > 0 {
		queueBaseManifests(b, keysOf(short, w.Workflow.Base), manifests)
	}
	for _, ns := range w.Workflow.Latest {
		s.queueLatest(b, short, ns, checkpoints, manifests, out.Facts)
	}
	for _, ns := range w.Workflow.Newest {
		queueNewest(b, short, ns, out.Facts)
	}
	if len(w.Workflow.Writes) > 0 {
		s.queueWrites(b, keysOf(short, w.Workflow.Writes), out.Facts)
	}
	if w.Workflow.Tree {
		s.queueTree(b, short, out.Facts)
	}
	if len(w.Workflow.Runs) > 0 {
		queueRuns(b, short, w.Workflow.Runs, out.Facts.OfRuns)
	}
	if len(w.Workflow.Deliveries) > 0 {
		queueDeliveries(b, key, w.Workflow.Deliveries, out.Facts.Deliveries)
	}
	if len(w.Conversation.Messages) > 0 {
		queueMessages(b, messageKeys(key, w.Conversation.Messages), messages)
	}
	if len(w.Directory) > 0 {
		queueEntries(b, entryKeys(key, w.Directory), func(_ string, e directory.Entry) { out.Entries.Put(e) })
	}
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("load %s: %w", id, err)
	}
	if out.Number < 0 {
		out.Carried = map[uuid.UUID]struct{}{}
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
	keys, short := make([]manifestKey, len(addresses)), ShortKeyOf(id.String())
	for i, a := range addresses {
		keys[i] = manifestKey{short, a}
	}
	f, err := load(ctx, s.pool, s.codec, wanted{blobs: keys})
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
	found, err := readBlobsOf(ctx, s.pool, s.codec, ShortKeyOf(id.String()), []value.Address{a})
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
	key := id.String()
	s.queueNext(b, key, &next)
	s.queueDone(b, ShortKeyOf(key), commands, done)
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return nil, 0, fmt.Errorf("look for commands of %s: %w", id, err)
	}
	return done, next, nil
}

// FindCommit finds an accepted commit of the stream by its hash.
func (s *Snapshots) FindCommit(ctx context.Context, id domain.StreamID, hash journal.Hash) (at domain.Position, found bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT partition, "offset" FROM commits WHERE stream = $1 AND hash = $2`, ShortKeyOf(id.String()), hash[:]).
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
				switch out.Stream.Kind {
				case domain.KindWorkflow: // as it is
				case domain.KindConversation:
					into = &out.Conversation
				case domain.KindNamespace, domain.KindUser:
					into = &out.Directory
				}
				if err := json.Unmarshal(state, into); err != nil {
					return fmt.Errorf("read a state: %w", err)
				}
				out.Facts.Forked = out.Workflow.Origin != nil
			}
			return r.Err()
		})
}

// doneSQL finds the accepted commits of commands, those that name a command
// themselves and those that it joined. The look-up is by the command's id alone, and
// asks for no order: otherwise a Postgres without statistics, as after a rebuild,
// reads all commits of the stream.
const doneSQL = `SELECT k.id, c.partition, c."offset", c.hash, c.command_hash, c.first FROM unnest($2::uuid[]) AS k(id)
	CROSS JOIN LATERAL (
		(SELECT stream, partition, "offset", hash, command_hash, 0 AS first FROM commits WHERE command_id = k.id OFFSET 0)
		UNION ALL (SELECT m.stream, m.partition, m."offset", m.hash, j.command_hash, j.first FROM
			(SELECT (number / $4 % $3)::integer AS partition, number / $4 / $3 AS "offset", (number % $4)::integer AS first, command_hash FROM joined WHERE command_id = k.id OFFSET 0) j
			CROSS JOIN LATERAL (SELECT * FROM commits WHERE partition = j.partition AND "offset" = j."offset" OFFSET 0) m)
	) c WHERE c.stream = $1`

// queueDone finds the first accepted commit of each command.
func (s *Snapshots) queueDone(b *pgx.Batch, key ShortKey, commands []uuid.UUID, into map[uuid.UUID]Done) {
	b.Queue(doneSQL, key, commands, int64(s.partitions), int64(domain.MaxItems)).
		Query(func(r pgx.Rows) error {
			for r.Next() {
				var id uuid.UUID
				var d Done
				var hash, body []byte
				if err := r.Scan(&id, &d.Position.Partition, &d.Position.Offset, &hash, &body, &d.First); err != nil {
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
	b.Queue(`SELECT m.stream, m.id, `+ManifestColumns+`
		FROM unnest($1::uuid[], $2::bytea[], $3::uuid[]) AS k(stream, ns_hash, thread_ts)
		CROSS JOIN LATERAL (`+CheckpointOf("k", "$4")+`) c`+manifestsOf,
		keyCol(keys, func(k *checkpointKey) ShortKey { return k.stream }),
		col(keys, func(k *checkpointKey) []byte { return NSHash(k.key.NS) }),
		col(keys, func(k *checkpointKey) uuid.UUID { return k.key.TS }), int64(AllNumbers),
	).Query(scanManifests(into))
}

func (s *Snapshots) queueLatest(b *pgx.Batch, key ShortKey, ns string, checkpoints map[checkpointKey]workflow.Checkpoint, manifests map[manifestKey]value.Manifest, facts *workflow.Facts) {
	latest := NewestCheckpoint("$1", "$2", "$3")
	b.Queue(`SELECT c.stream, c.ns, c.thread_ts, c.parent_ts, c.number, c.header, c.metadata, c.channels, c.ids, c.current_thread FROM (`+latest+`) c`, key, NSHash(ns), int64(AllNumbers)).
		Query(func(r pgx.Rows) error {
			for r.Next() {
				var stream ShortKey
				c, err := scanCheckpoint(r, s.codec, &stream)
				if err != nil {
					return err
				}
				checkpoints[checkpointKey{stream, c.Key}] = c
				facts.Latest[ns] = c.Key
			}
			return r.Err()
		})
	b.Queue(`SELECT m.stream, m.id, `+ManifestColumns+` FROM (`+latest+`) c`+manifestsOf, key, NSHash(ns), int64(AllNumbers)).
		Query(scanManifests(manifests))
}

// queueNewest finds the id of the newest checkpoint of a namespace, and of the one that
// has the newest writes.
func queueNewest(b *pgx.Batch, key ShortKey, ns string, facts *workflow.Facts) {
	facts.Newest[ns], facts.Highest[ns] = uuid.Nil, uuid.Nil
	b.Queue(`SELECT c.thread_ts, greatest(c.thread_ts, w.thread_ts) FROM (VALUES (1)) one
		LEFT JOIN LATERAL (SELECT thread_ts FROM checkpoints WHERE stream = $1 AND ns_hash = $2 ORDER BY thread_ts DESC LIMIT 1) c ON true
		LEFT JOIN LATERAL (SELECT thread_ts FROM writes WHERE stream = $1 AND ns_hash = $2 ORDER BY thread_ts DESC LIMIT 1) w ON true`, key, NSHash(ns)).
		Query(func(r pgx.Rows) error {
			for r.Next() {
				var highest, newest uuid.NullUUID
				if err := r.Scan(&highest, &newest); err != nil {
					return fmt.Errorf("read the newest checkpoint: %w", err)
				}
				facts.Highest[ns], facts.Newest[ns] = highest.UUID, newest.UUID
			}
			return r.Err()
		})
}

func (s *Snapshots) queueWrites(b *pgx.Batch, keys []checkpointKey, facts *workflow.Facts) {
	byHash := map[checkpointAt]workflow.CheckpointKey{}
	for _, k := range keys {
		facts.Settled[k.key] = true
		byHash[checkpointAt{string(NSHash(k.key.NS)), k.key.TS}] = k.key
	}
	b.Queue(`SELECT w.ns_hash, w.thread_ts, `+WriteColumns+`
		FROM unnest($1::uuid[], $2::bytea[], $3::uuid[]) AS k(stream, ns_hash, thread_ts)
		CROSS JOIN LATERAL (`+WritesOf("k", "$4")+`) w`,
		keyCol(keys, func(k *checkpointKey) ShortKey { return k.stream }),
		col(keys, func(k *checkpointKey) []byte { return NSHash(k.key.NS) }),
		col(keys, func(k *checkpointKey) uuid.UUID { return k.key.TS }), int64(AllNumbers),
	).Query(func(r pgx.Rows) error {
		found := map[checkpointAt][]WriteRow{}
		if err := scanWriteRows(r, found); err != nil {
			return err
		}
		for at, rows := range found {
			writes, err := s.codec.LatestWrites(rows)
			if err != nil {
				return fmt.Errorf("writes of %s: %w", uuid.UUID(at.ts), err)
			}
			for _, w := range writes {
				facts.Writes[workflow.WriteKey{Checkpoint: byHash[at], Task: w.Task, Idx: w.Idx}] = w.Value
			}
		}
		return nil
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

func keysOf(stream ShortKey, keys []workflow.CheckpointKey) []checkpointKey {
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
