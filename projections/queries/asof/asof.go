package asof

import (
	"context"
	"fmt"
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/deliveries"
	"github.com/duolog/duolog/projections/queries/timeline"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// Page is a workflow as it stood after one of its commits.
type Page struct {
	cut.Point

	// Previous and Next are the commits of the workflow around it; nil at an end.
	Previous, Next *domain.Position
	Workflow       workflows.Workflow
	// Checkpoints, newest first, have no values.
	Checkpoints []checkpoints.Summary
	// Events are those of the last commits, and Messages the last that came, oldest
	// first.
	Events, Messages []timeline.Event
	// Deliveries come newest first, Mailbox oldest first.
	Deliveries []deliveries.Delivery
	Mailbox    []workflows.MailItem
}

// Queries reads pages. It is safe for concurrent use.
type Queries struct {
	db       cut.DB
	timeline *timeline.Queries
}

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db, timeline: timeline.New(db)} }

// Find reads the page of a workflow, with at most so many of each kind of thing. It
// fails as cut.Tx.Point does.
func (q *Queries) Find(ctx context.Context, stream domain.StreamID, at cut.At, most int) (Page, error) {
	var p Page
	err := q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		if p.Point, err = tx.Find(ctx, stream, at); err != nil {
			return err
		}
		if p.Workflow, err = workflows.In(ctx, tx, stream, p.Point); err != nil {
			return err
		}
		if p.Checkpoints, err = checkpoints.Summaries(ctx, tx, stream, p.Point, most); err != nil {
			return err
		}
		if p.Deliveries, err = deliveries.In(ctx, tx, stream, p.Point, deliveries.Filter{}, 0, most); err != nil {
			return err
		}
		if p.Mailbox, err = workflows.MailOf(ctx, tx, stream.String(), p.Workflow.State.Mail); err != nil {
			return err
		}
		if err := q.happened(ctx, tx, stream, most, &p); err != nil {
			return err
		}
		return around(ctx, tx, stream, &p)
	})
	if err != nil {
		return p, fmt.Errorf("read %s at %q: %w", stream, at, err)
	}
	return p, nil
}

// happened adds the last events and messages.
func (q *Queries) happened(ctx context.Context, tx *cut.Tx, stream domain.StreamID, most int, p *Page) (err error) {
	if p.Events, err = q.timeline.Last(ctx, tx, stream, cut.Every, p.Point, most); err != nil {
		return err
	}
	all, err := q.timeline.Last(ctx, tx, stream, cut.MessagesArrived, p.Point, most)
	if err != nil {
		return err
	}
	received := workflow.MessageReceived{}.EventType()
	p.Messages = slices.DeleteFunc(all, func(e timeline.Event) bool { return e.Type != received })
	return nil
}

// around finds the commits before and after the page's.
func around(ctx context.Context, tx *cut.Tx, stream domain.StreamID, p *Page) error {
	var before, after *int64
	err := tx.QueryRow(ctx, `SELECT (SELECT max("offset") FROM commits WHERE stream = $1 AND "offset" < $2), (SELECT min("offset") FROM commits WHERE stream = $1 AND "offset" > $2)`,
		projections.ShortKeyOf(stream.String()), p.Position.Offset).Scan(&before, &after)
	if err != nil {
		return fmt.Errorf("read the commits around: %w", err)
	}
	p.Previous, p.Next = p.beside(before), p.beside(after)
	return nil
}

// beside is a position of the same partition; nil for none.
func (p *Page) beside(offset *int64) *domain.Position {
	if offset == nil {
		return nil
	}
	return &domain.Position{Partition: p.Position.Partition, Offset: *offset}
}
