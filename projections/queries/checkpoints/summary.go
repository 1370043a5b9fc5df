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

// Summary is a checkpoint without its values and writes.
type Summary struct {
	stored.Checkpoint

	// Channels are the names of those that have a value.
	Channels []string
}

// Summaries are the newest checkpoints of a workflow as of a point, newest first.
func Summaries(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point, most int) ([]Summary, error) {
	q := find{where: `true`, order: newest, most: most - 1}.query(stream, at)
	q.Bare = true
	page, err := stored.Find(ctx, tx, q)
	out := make([]Summary, len(page))
	for i, c := range page {
		out[i] = SummaryOf(c)
	}
	return out, err
}

// SummaryOf is what a checkpoint is without its values.
func SummaryOf(c stored.Checkpoint) Summary {
	out := Summary{c, make([]string, len(c.Values))}
	for i, v := range c.Values {
		out.Channels[i] = v.Channel
	}
	return out
}

// Named is the checkpoint of that id as of a point, or the newest of its namespace where
// it is none, with its values and writes to be read; nil where there was none. A nil ns
// is the root, or prefers it where an id is named.
func Named(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point, ns *string, id uuid.UUID) (*stored.Checkpoint, error) {
	f := find{where: `thread_ts = $4`, order: byNS, args: []any{id}}
	if id == uuid.Nil {
		f = find{where: `true`, order: newest}
		if ns == nil {
			ns = new(string)
		}
	}
	if ns != nil {
		f.args = append(f.args, projections.NSHash(*ns))
		f.where += fmt.Sprintf(` AND ns_hash = $%d`, len(f.args)+3)
	}
	page, err := stored.Find(ctx, tx, f.query(stream, at))
	if err != nil || len(page) == 0 {
		return nil, err
	}
	return &page[0], nil
}
