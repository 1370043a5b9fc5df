package threads

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/stored"
)

// Tuple is one checkpoint as savers know it. Its header has no values, and its
// writes are in the order of path, task and index.
type Tuple struct {
	// Thread is the name of its thread.
	Thread string
	stored.Checkpoint
}

// Thread is what is known of a thread beside its checkpoints.
type Thread struct {
	// Name is how its clients call it.
	Name string
	// Incarnation numbers the lives of the thread: the one that a write belongs to, also
	// where the write would begin it; 0 for one that nobody opened.
	Incarnation int
}

// Queries reads threads. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// At reads as of then.
func (q *Queries) At(at cut.At) *Queries { return New(q.db.At(at)) }

// channelsMember is the member of a checkpoint whose values stand apart.
const channelsMember = "channel_values"

// Get reads a checkpoint of a namespace, the newest where id is nil. The tuple is
// nil where there is none, also for a thread that nobody knows.
func (q *Queries) Get(ctx context.Context, stream domain.StreamID, ns string, id *uuid.UUID) (thread Thread, out *Tuple, err error) {
	query := one(stream, ns, id)
	var names named
	err = q.db.ReadOnce(ctx, func(tx *cut.Tx) error {
		names, out = named{}, nil
		query.With = names.queue([]string{stream.String()})
		at, err := tx.Point(ctx, stream)
		if err != nil {
			return err
		}
		query.Before = at.Before
		page, err := stored.Find(ctx, tx, query)
		if err != nil || len(page) == 0 {
			return err
		}
		tuples, err := read(ctx, tx, page, names)
		if err == nil {
			out = &tuples[0]
		}
		return err
	})
	if err != nil {
		return thread, nil, fmt.Errorf("read a checkpoint of %s: %w", stream, err)
	}
	return names[stream.String()], out, nil
}

// one finds a checkpoint of a namespace, the newest where id is nil.
func one(stream domain.StreamID, ns string, id *uuid.UUID) stored.Query {
	q := stored.Query{Args: []any{projections.ShortKeyOf(stream.String()), projections.NSHash(ns)}, Sends: true}
	if id == nil {
		q.Select = projections.NewestCheckpoint("$2", "$3", "$1")
		return q
	}
	q.Select = projections.CheckpointAt("$2", "$3", "$4", "$1")
	q.Args = append(q.Args, *id)
	return q
}

// read puts a page together.
func read(ctx context.Context, tx *cut.Tx, page []stored.Checkpoint, names named) ([]Tuple, error) {
	if err := stored.Read(ctx, tx, page); err != nil {
		return nil, err
	}
	out := make([]Tuple, len(page))
	for i, c := range page {
		var err error
		if c.Header, err = value.Without(c.Header, channelsMember); err != nil {
			return nil, fmt.Errorf("checkpoint %s: %w", c.ThreadTS, err)
		}
		slices.SortFunc(c.Writes, byPath)
		slices.SortFunc(c.Sends, byPath)
		if c.ParentTS == nil || !workflow.SendsWithParent(c.Header) {
			c.Sends = nil
		}
		out[i] = Tuple{names[c.Stream].Name, c}
	}
	return out, nil
}

// byPath is the order in which savers give the writes of a checkpoint.
func byPath(a, b stored.Write) int {
	return cmp.Or(cmp.Compare(a.TaskPath, b.TaskPath), cmp.Compare(a.Task, b.Task), cmp.Compare(a.Idx, b.Idx))
}

// named are threads by their stream.
type named map[string]Thread

// queue adds the query for the threads of streams.
func (n named) queue(streams []string) func(*pgx.Batch) {
	return func(b *pgx.Batch) {
		b.Queue(`SELECT stream, state FROM heads WHERE stream = ANY($1)`, streams).Query(n.scan)
	}
}

func (n named) scan(found pgx.Rows) error {
	for found.Next() {
		var stream string
		var state []byte
		if err := found.Scan(&stream, &state); err != nil {
			return fmt.Errorf("read a thread: %w", err)
		}
		var s struct {
			Thread workflow.Thread `json:"thread"`
		}
		id, err := domain.ParseStreamID(stream)
		if err := errors.Join(err, cut.DecodeJSON("the state of "+stream, state, &s)); err != nil {
			return err
		}
		n[stream] = Thread{cmp.Or(s.Thread.ID, id.ID.String()), s.Thread.Current()}
	}
	return found.Err()
}

// read reads the threads of a page.
func (n named) read(ctx context.Context, tx *cut.Tx, page []stored.Checkpoint) error {
	var streams []string
	for _, c := range page {
		if _, asked := n[c.Stream]; !asked {
			n[c.Stream] = Thread{}
			streams = append(streams, c.Stream)
		}
	}
	if len(streams) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	n.queue(streams)(b)
	return tx.SendBatch(ctx, b).Close()
}
