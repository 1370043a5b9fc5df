package checkpoints

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Checkpoint is one checkpoint as it was sent.
type Checkpoint struct {
	Number   int64
	ThreadTS uuid.UUID
	ParentTS *uuid.UUID
	NS       string
	// Checkpoint and Metadata are the bytes of the JSON that came.
	Checkpoint []byte
	Metadata   []byte
	Thread     int
	// ParentMissing says that the parent it names is not there.
	ParentMissing bool
	CreatedAt     time.Time
	Writes        []Write
}

// Write is one pending write.
type Write struct {
	Number   int64
	Task     string
	Idx      int
	TaskPath string
	Channel  string
	Type     string
	Data     []byte
}

// MaxPageBytes bounds the bytes of a page of more than one row.
const MaxPageBytes = 32 << 20

// Queries reads checkpoints. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// List is one page of a workflow's checkpoints, newest first by thread_ts, and
// whether another follows. A nil ns lists all namespaces. Pages count from 1.
// It returns not_found where there is no workflow, and too_large where the page
// has more bytes than an answer may.
func (q *Queries) List(ctx context.Context, stream domain.StreamID, ns *string, page, perPage int) ([]Checkpoint, bool, error) {
	where, args := `true`, []any{stream.String()}
	if ns != nil {
		where, args = `c.ns_hash = $2`, append(args, projections.NSHash(*ns))
	}
	tail := fmt.Sprintf(` ORDER BY c.thread_ts DESC, c.ns_hash LIMIT $%d OFFSET $%d`, len(args)+1, len(args)+2)
	list, err := q.read(ctx, stream, where+tail, append(args, perPage+1, (page-1)*perPage), perPage)
	if err != nil {
		return nil, false, fmt.Errorf("list checkpoints of %s: %w", stream, err)
	}
	return list.rows, list.more, nil
}

// ByNumber reads one checkpoint, or returns not_found.
func (q *Queries) ByNumber(ctx context.Context, stream domain.StreamID, number int64) (Checkpoint, error) {
	list, err := q.read(ctx, stream, `c.number = $2`, []any{stream.String(), number}, 1)
	return one(list, err, stream)
}

// ByThreadTS reads the checkpoint of that id, or returns not_found. A nil ns
// prefers the root namespace where several have it.
func (q *Queries) ByThreadTS(ctx context.Context, stream domain.StreamID, ns *string, ts uuid.UUID) (Checkpoint, error) {
	where, args := `c.thread_ts = $2`, []any{stream.String(), ts}
	if ns != nil {
		where, args = where+` AND c.ns_hash = $3`, append(args, projections.NSHash(*ns))
	}
	list, err := q.read(ctx, stream, where+` ORDER BY length(c.ns), c.ns_hash LIMIT 1`, args, 1)
	return one(list, err, stream)
}

func one(list rows, err error, stream domain.StreamID) (Checkpoint, error) {
	if err != nil {
		return Checkpoint{}, fmt.Errorf("read a checkpoint of %s: %w", stream, err)
	}
	if len(list.rows) == 0 {
		return Checkpoint{}, &domain.Error{Code: domain.CodeNotFound, Message: "the workflow has no such checkpoint", Fix: "list its checkpoints"}
	}
	return list.rows[0], nil
}
