package checkpoints

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/stored"
)

// Checkpoint is one checkpoint, whole.
type Checkpoint struct {
	stored.Checkpoint

	// JSON is the whole checkpoint: its bytes as they came, or, where the values were
	// sent apart, with each of them shown as JSON (package plain).
	JSON []byte
}

// Queries reads checkpoints. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// At reads as of then.
func (q *Queries) At(at cut.At) *Queries { return New(q.db.At(at)) }

// List is one page of a workflow's checkpoints, newest first by thread_ts, and
// whether another follows. A nil ns lists all namespaces. Pages count from 1.
// It returns not_found where there is no workflow, and too_large where the page
// has more bytes than an answer may.
func (q *Queries) List(ctx context.Context, stream domain.StreamID, ns *string, page, perPage int) ([]Checkpoint, bool, error) {
	f := find{where: `true`, order: newest, skip: (page - 1) * perPage, most: perPage}
	if ns != nil {
		f.where, f.args = `ns_hash = $4`, []any{projections.NSHash(*ns)}
	}
	list, more, err := q.read(ctx, stream, f)
	if err != nil {
		return nil, false, fmt.Errorf("list checkpoints of %s: %w", stream, err)
	}
	return list, more, nil
}

// ByNumber reads one checkpoint, or returns not_found.
func (q *Queries) ByNumber(ctx context.Context, stream domain.StreamID, number int64) (Checkpoint, error) {
	c, err := q.one(ctx, stream, find{
		where: `(ns_hash, thread_ts) = (SELECT ns_hash, thread_ts FROM checkpoints WHERE stream = $2 AND number = $4)`, order: newest, args: []any{number},
	})
	if err == nil && c.Number != number {
		return Checkpoint{}, notFound() // it was put again since: that one has another number
	}
	return c, err
}

// ByThreadTS reads the checkpoint of that id, or returns not_found. A nil ns
// prefers the root namespace where several have it.
func (q *Queries) ByThreadTS(ctx context.Context, stream domain.StreamID, ns *string, ts uuid.UUID) (Checkpoint, error) {
	f := find{where: `thread_ts = $4`, order: byNS, args: []any{ts}}
	if ns != nil {
		f.where, f.args = f.where+` AND ns_hash = $5`, append(f.args, projections.NSHash(*ns))
	}
	return q.one(ctx, stream, f)
}

func (q *Queries) one(ctx context.Context, stream domain.StreamID, f find) (Checkpoint, error) {
	list, _, err := q.read(ctx, stream, f)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read a checkpoint of %s: %w", stream, err)
	}
	if len(list) == 0 {
		return Checkpoint{}, notFound()
	}
	return list[0], nil
}

func notFound() error {
	return &domain.Error{Code: domain.CodeNotFound, Message: "the workflow has no such checkpoint", Fix: "list its checkpoints"}
}
