package stored

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Checkpoint is one checkpoint. What Find gives has everything but Header,
// Metadata, and the bytes of Values and Writes: those are for Read.
type Checkpoint struct {
	Stream   string
	NS       string
	ThreadTS uuid.UUID
	ParentTS *uuid.UUID
	Number   int64
	Thread   int
	// ParentMissing says that the parent it names is not there.
	ParentMissing bool
	CreatedAt     time.Time
	// Header is JSON: with a placeholder for each value where the whole checkpoint
	// was sent as JSON, without the member that holds the values where they were
	// sent apart.
	Header, Metadata []byte
	// Values are those of the channels, by name.
	Values []Value
	// Writes are in the order of task and idx.
	Writes []Write
	// Sends are the parent's writes to workflow.SendsChannel, where they were asked for.
	Sends []Write

	header, metadata value.Value
	key              projections.ShortKey
}

// Value is the value of a channel.
type Value struct {
	Channel string
	Type    string
	// Parts are its bytes, one after another; other values may have some of them, and
	// nobody may change them.
	Parts [][]byte

	manifest value.Manifest
	id       value.Address
}

// Bytes are those of the value, in one piece of its own.
func (v *Value) Bytes() []byte { return bytes.Join(v.Parts, nil) }

// Write is one pending write.
type Write struct {
	Number   int64
	Task     string
	Idx      int
	TaskPath string
	Channel  string
	Type     string
	Bytes    []byte

	value value.Value
}

// Query finds checkpoints.
type Query struct {
	// Select is SQL that gives rows of the table checkpoints, few of them: it is
	// asked once for each thing that belongs to them. Rows of versions count whose
	// number is below Before, which is parameter 1; Args are those from 2 on.
	Select string
	Args   []any
	Before int64
	// Bare leaves out writes, and of the values all but their names; Sends adds the
	// parent's sends.
	Bare, Sends bool
	// With adds what is asked along; nil for nothing.
	With func(*pgx.Batch)
}

// rowKey is the primary key of a checkpoint.
type rowKey struct {
	stream projections.ShortKey
	nsHash string
	ts     uuid.UUID
}

// finding is a page on its way.
type finding struct {
	tx   *cut.Tx
	page []Checkpoint
	at   map[rowKey]int
}

// Find reads the rows of q, newest first by id, then by stream and namespace.
func Find(ctx context.Context, tx *cut.Tx, q Query) ([]Checkpoint, error) {
	f := &finding{tx: tx, at: map[rowKey]int{}}
	args := append([]any{q.Before}, q.Args...)
	b := &pgx.Batch{}
	b.Queue(rowsSQL(q.Select, tx.Partitions()), args...).Query(f.rows)
	if !q.Bare {
		b.Queue(manifestsSQL(q.Select), args...).Query(f.manifests)
		b.Queue(writesSQL(q.Select, "thread_ts"), args...).Query(f.writes(func(c *Checkpoint, writes []Write) { c.Writes = writes }))
	}
	if q.Sends {
		b.Queue(writesSQL(q.Select, "parent_ts"), args...).Query(f.writes(func(c *Checkpoint, writes []Write) {
			c.Sends = slices.DeleteFunc(writes, func(w Write) bool { return w.Channel != workflow.SendsChannel })
		}))
	}
	if q.With != nil {
		q.With(b)
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	return f.page, nil
}

// rowsSQL reads the rows. A checkpoint's number names its commit, which says when; its
// workflow has the text of its stream.
func rowsSQL(from string, partitions int32) string {
	return fmt.Sprintf(`SELECT w.stream, c.stream, c.ns_hash, c.ns, c.thread_ts, c.parent_ts, c.number, c.header, c.metadata, c.channels, c.ids, c.current_thread, m.time,
		c.parent_ts IS NOT NULL AND NOT EXISTS (SELECT FROM checkpoints p WHERE p.stream = c.stream AND p.ns_hash = c.ns_hash AND p.thread_ts = c.parent_ts AND p.number < $1)
		FROM (%[3]s) c
		JOIN commits m ON m.partition = (c.number / %[1]d) %% %[2]d AND m."offset" = (c.number / %[1]d) / %[2]d
		CROSS JOIN LATERAL (SELECT stream FROM workflows WHERE short_key = c.stream OFFSET 0) w
		ORDER BY c.thread_ts DESC, c.stream, c.ns_hash`, domain.MaxItems, partitions, from)
}

// manifestsSQL reads what the channels of the rows name, each once.
func manifestsSQL(from string) string {
	return fmt.Sprintf(`SELECT m.stream, m.id, %[3]s
		FROM (SELECT DISTINCT c.stream, substring(c.ids FROM i.at FOR %[1]d) AS id FROM (%[2]s) c CROSS JOIN LATERAL generate_series(1, length(c.ids), %[1]d) AS i(at)) k
		JOIN manifests m ON m.stream = k.stream AND m.id = k.id`, len(value.Address{}), from, projections.ManifestColumns)
}

// writesSQL reads the writes of the checkpoints that a column of the rows names.
func writesSQL(from, column string) string {
	return fmt.Sprintf(`SELECT k.stream, k.ns_hash, k.own, `+projections.WriteColumns+`
		FROM (SELECT c.stream, c.ns_hash, c.thread_ts AS own, c.%s AS thread_ts FROM (%s) c) k CROSS JOIN LATERAL (%s) w`, column, from, projections.WritesOf("k", "$1"))
}

func (f *finding) rows(found pgx.Rows) error {
	var err error
	f.page, err = pgx.CollectRows(found, f.row)
	return err
}

func (f *finding) row(row pgx.CollectableRow) (Checkpoint, error) {
	var c Checkpoint
	var nsHash, ns, header, metadata, channels, ids []byte
	var thread int32
	if err := row.Scan(&c.Stream, &c.key, &nsHash, &ns, &c.ThreadTS, &c.ParentTS, &c.Number, &header, &metadata, &channels, &ids, &thread, &c.CreatedAt, &c.ParentMissing); err != nil {
		return c, fmt.Errorf("read a checkpoint: %w", err)
	}
	c.NS, c.Thread, c.CreatedAt = string(ns), int(thread), c.CreatedAt.UTC()
	at := "checkpoint " + c.ThreadTS.String()
	named, err := projections.UnpackChannels(channels, ids)
	if err != nil {
		return c, fmt.Errorf("%s: %w", at, err)
	}
	for name, id := range named {
		c.Values = append(c.Values, Value{Channel: name, id: id})
	}
	slices.SortFunc(c.Values, func(a, b Value) int { return cmp.Compare(a.Channel, b.Channel) })
	f.at[rowKey{c.key, string(nsHash), c.ThreadTS}] = len(f.at)
	var errs [2]error
	c.header, errs[0] = f.tx.ReadValue(at+": header", header)
	c.metadata, errs[1] = f.tx.ReadValue(at+": metadata", metadata)
	return c, errors.Join(errs[:]...)
}

// valueKey names a channel value.
type valueKey struct {
	stream projections.ShortKey
	id     value.Address
}

func (f *finding) manifests(found pgx.Rows) error {
	read := map[valueKey]value.Manifest{}
	for found.Next() {
		var k valueKey
		var id, raw, part []byte
		if err := found.Scan(&k.stream, &id, &raw, &part); err != nil {
			return fmt.Errorf("read a manifest: %w", err)
		}
		copy(k.id[:], id)
		m, err := value.ReadManifest(raw, part)
		if err != nil {
			return fmt.Errorf("read manifest %s: %w", k.id, err)
		}
		read[k] = m
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	for i := range f.page {
		for n := range f.page[i].Values {
			v := &f.page[i].Values[n]
			m, ok := read[valueKey{f.page[i].key, v.id}]
			if !ok {
				return fmt.Errorf("manifest %s of %s is not there", v.id, f.page[i].Stream)
			}
			v.manifest, v.Type = m, m.Type
		}
	}
	return nil
}

// writes reads the writes that come with each checkpoint, and gives them to it.
func (f *finding) writes(give func(*Checkpoint, []Write)) func(pgx.Rows) error {
	return func(found pgx.Rows) error {
		read := map[int][]projections.WriteRow{}
		for found.Next() {
			var k rowKey
			var nsHash []byte
			var w projections.WriteRow
			if err := found.Scan(append([]any{&k.stream, &nsHash, &k.ts}, w.Columns()...)...); err != nil {
				return fmt.Errorf("read writes: %w", err)
			}
			k.nsHash = string(nsHash)
			read[f.at[k]] = append(read[f.at[k]], w)
		}
		for at, rows := range read {
			writes, err := latest(f.tx, rows)
			if err != nil {
				return err
			}
			give(&f.page[at], writes)
		}
		return found.Err()
	}
}

// latest are the writes that count of the rows of a checkpoint.
func latest(tx *cut.Tx, rows []projections.WriteRow) ([]Write, error) {
	found, err := tx.LatestWrites(rows)
	out := make([]Write, len(found))
	for i, w := range found {
		out[i] = Write{Number: w.Number, Task: w.Task, Idx: w.Idx, TaskPath: w.TaskPath, Channel: w.Channel, Type: w.Value.Type, value: w.Value}
	}
	return out, err
}
