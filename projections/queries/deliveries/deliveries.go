package deliveries

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Delivery is one delivery as it stands.
type Delivery struct {
	workflow.Delivery

	Stream domain.StreamID
	// Number is that of the workflow.
	Number int64
	// Hook is the hook that is told, of an event or of an answer.
	Hook string
	// Due is when the next attempt may be made; zero where none follows.
	Due time.Time
	// Attempts are all that were made and Text is what is sent; Find alone reads
	// them.
	Attempts []Attempt
	Text     string
}

// Attempt is one attempt and how it ended.
type Attempt struct {
	Number int
	At     time.Time
	By     string
	// Outcome is open, delivered or failed.
	Outcome string
	EndedAt *time.Time
	// Target is what was called; Status and Answer are what it said, of a hook.
	Target string
	Status int
	Answer string
	// Note is the receipt, or the error.
	Note    string
	RetryAt *time.Time
}

// Filter narrows a list; what is empty does not.
type Filter struct {
	Status string
	// Workflow is the stream of one.
	Workflow string
	Hook     string
	Event    string
	// Since and Until bound when it was asked for; Until itself is not in it.
	Since, Until time.Time
	// Missing leaves out what was delivered.
	Missing bool
	// IDs are these alone.
	IDs []uuid.UUID
}

// Queries reads deliveries. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

const columns = `SELECT d.stream, d.hook, d.body, coalesce(w.number, -1), i.due
	FROM deliveries d LEFT JOIN workflows w USING (stream) LEFT JOIN intents i ON i.stream = d.stream AND i.kind = 'deliver' AND i.id = d.id `

// At lists those of one workflow as of then. What is found by its id is as it is now.
func (q *Queries) At(at cut.At) *Queries { return New(q.db.At(at)) }

// List is at most limit deliveries of a tenant after the first skipped, newest
// first, and whether there are more. As of a moment it lists those of one workflow, which
// the filter then names.
func (q *Queries) List(ctx context.Context, tenant domain.Tenant, f Filter, skip, limit int) (list []Delivery, more bool, err error) {
	err = q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		if f.Workflow != "" {
			stream, err := domain.ParseStreamID(f.Workflow)
			if err != nil || stream.Tenant != tenant {
				return err // another tenant's workflow has none
			}
			at, err := tx.Point(ctx, stream)
			if err != nil {
				return err
			}
			list, err = In(ctx, tx, stream, at, f, skip, limit+1)
			return err
		}
		list, err = f.list(ctx, tx, tenant, projections.AllNumbers, skip, limit+1)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list deliveries of %s: %w", tenant, err)
	}
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

// list is what the tables hold and no number from before on changed.
func (f Filter) list(ctx context.Context, tx *cut.Tx, tenant domain.Tenant, before int64, skip, limit int) ([]Delivery, error) {
	ids := f.IDs
	if ids == nil {
		ids = []uuid.UUID{}
	}
	return read(ctx, tx, columns+`WHERE d.tenant = $1 AND ($2 = '' OR d.status = $2) AND ($3 = '' OR d.stream = $3) AND ($4 = '' OR d.hook = $4)
		AND ($5 = '' OR d.event = $5) AND ($6::timestamptz IS NULL OR d.requested_at >= $6) AND ($7::timestamptz IS NULL OR d.requested_at < $7)
		AND (NOT $8 OR d.status <> 'delivered') AND (cardinality($9::uuid[]) = 0 OR d.id = ANY($9)) AND (d.last < $12 OR $12 = $13)
		ORDER BY d.requested_at DESC, d.id LIMIT $10 OFFSET $11`,
		string(tenant), f.Status, f.Workflow, f.Hook, f.Event, orNull(f.Since), orNull(f.Until), f.Missing, ids, limit, skip, before, int64(projections.AllNumbers))
}

// Find reads one delivery with its attempts and what it sends, or returns
// not_found.
func (q *Queries) Find(ctx context.Context, tenant domain.Tenant, id uuid.UUID) (Delivery, error) {
	var found []Delivery
	err := q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		found, err = read(ctx, tx, columns+`WHERE d.tenant = $1 AND d.id = $2 LIMIT 1`, string(tenant), id)
		if err != nil || len(found) == 0 {
			return err
		}
		return fill(ctx, tx, &found[0])
	})
	switch {
	case err != nil:
		return Delivery{}, fmt.Errorf("find delivery %s: %w", id, err)
	case len(found) == 0:
		return Delivery{}, &domain.Error{Code: domain.CodeNotFound, Message: "there is no such delivery", Fix: "check the id; duolog delivery list shows them"}
	}
	return found[0], nil
}

// Gone says whether a target has answered 410 Gone to the tenant.
func (q *Queries) Gone(ctx context.Context, tenant domain.Tenant, target string) (gone bool, err error) {
	err = q.db.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM attempts WHERE tenant = $1 AND target = $2 AND status = 410)`, string(tenant), target).Scan(&gone)
	if err != nil {
		return false, cut.NotNow(fmt.Errorf("look for the end of a hook: %w", err))
	}
	return gone, nil
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func read(ctx context.Context, tx *cut.Tx, sql string, args ...any) ([]Delivery, error) {
	found, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (d Delivery, err error) {
		var stream string
		var body []byte
		var due *time.Time
		if err := row.Scan(&stream, &d.Hook, &body, &d.Number, &due); err != nil {
			return d, err
		}
		if due != nil {
			d.Due = due.UTC()
		}
		if d.Stream, err = domain.ParseStreamID(stream); err != nil {
			return d, err
		}
		return d, cut.DecodeJSON("a delivery of "+stream, body, &d.Delivery)
	})
}

// fill reads the attempts and the text of a delivery.
func fill(ctx context.Context, tx *cut.Tx, d *Delivery) error {
	found, err := tx.Query(ctx, `SELECT attempt, at, by, outcome, ended_at, target, status, answer, note, retry_at
		FROM attempts WHERE stream = $1 AND id = $2 ORDER BY attempt`, d.Stream.String(), d.ID)
	if err != nil {
		return fmt.Errorf("read attempts: %w", err)
	}
	d.Attempts, err = pgx.CollectRows(found, func(row pgx.CollectableRow) (a Attempt, err error) {
		err = row.Scan(&a.Number, &a.At, &a.By, &a.Outcome, &a.EndedAt, &a.Target, &a.Status, &a.Answer, &a.Note, &a.RetryAt)
		a.At = a.At.UTC()
		return a, err
	})
	if err != nil {
		return fmt.Errorf("read attempts: %w", err)
	}
	item, err := cut.ItemOf(d.Stream.String(), d.Message)
	if err != nil {
		return err
	}
	text, err := tx.Assemble(ctx, []cut.Item{item})
	if err != nil {
		return err
	}
	d.Text = string(text[0])
	return nil
}
