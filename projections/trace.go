package projections

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
)

// Traced is a commit that was admitted or ignored, and whose append is part of a
// trace: its record says so.
type Traced struct {
	// Parent is the traceparent of the append.
	Parent   string
	Position domain.Position
	Stream   domain.StreamID
	Command  string
	// Reason is empty for an accepted commit.
	Reason journal.Reason
	// Began and Ended are those of the batch that took it.
	Began, Ended time.Time
}

// TraceCommit is the kind of a commit in the table of traces; the others are
// the kinds of intents.
const TraceCommit = "commit"

// traceRow says which trace a commit, or an intent that it asked for, belongs to.
type traceRow struct {
	kind   string
	id     uuid.UUID
	parent string
}

// told is what is told of a commit with a trace.
func (e *entry) told(reason journal.Reason) Traced {
	return Traced{
		Parent: e.trace, Position: e.parsed.Record.Position, Stream: e.parsed.Stream, Command: e.parsed.Commit.Command.Type, Reason: reason,
	}
}

// foldTraced folds an accepted commit and, where it has a trace, keeps that for
// the commit and for the intents that it added to those that were owed.
func (b *builder) foldTraced(ctx context.Context, e *entry, r *rows) {
	if e.trace == "" {
		b.foldOrStop(ctx, e, r)
		return
	}
	owed := e.stream.workflow.Intents()
	b.foldOrStop(ctx, e, r)
	r.traces = append(r.traces, traceRow{TraceCommit, e.parsed.Commit.ID, e.trace})
	for _, i := range e.stream.workflow.Intents() {
		before := slices.ContainsFunc(owed, func(o workflow.Intent) bool { return o.Kind == i.Kind && o.ID == i.ID })
		if !before {
			r.traces = append(r.traces, traceRow{string(i.Kind), i.ID, e.trace})
		}
	}
}

// TracesOf are the traceparents of those of the commits that have one.
func TracesOf(ctx context.Context, q querier, commits []uuid.UUID) (map[uuid.UUID]string, error) {
	found, err := q.Query(ctx, `SELECT id, traceparent FROM traces WHERE kind = $1 AND id = ANY($2)`, TraceCommit, commits)
	if err != nil {
		return nil, fmt.Errorf("read traces: %w", err)
	}
	out := map[uuid.UUID]string{}
	var id uuid.UUID
	var parent string
	if _, err = pgx.ForEachRow(found, []any{&id, &parent}, func() error { out[id] = parent; return nil }); err != nil {
		return nil, fmt.Errorf("read traces: %w", err)
	}
	return out, nil
}

// insertTraces keeps the first trace of an id: that of who asked.
func (r *rows) insertTraces() statement {
	if len(r.traces) == 0 {
		return statement{}
	}
	rows := r.traces
	return statement{`INSERT INTO traces (kind, id, traceparent)
		SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[]) ON CONFLICT DO NOTHING`, []any{
		col(rows, func(r *traceRow) string { return r.kind }),
		uuidCol(rows, func(r *traceRow) *uuid.UUID { return &r.id }),
		col(rows, func(r *traceRow) string { return r.parent }),
	}}
}

// tell tells of what was traced in a batch.
func (p *Projector) tell(traced []Traced, began, ended time.Time) {
	if p.cfg.Traced == nil {
		return
	}
	for _, t := range traced {
		t.Began, t.Ended = began, ended
		p.cfg.Traced(t)
	}
}
