// Package decisions reads who was allowed to do what, and who was not, as it stands in
// the log.
package decisions

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Queries reads decisions. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db} }

// At reads as of then.
func (q *Queries) At(at cut.At) *Queries { return New(q.db.At(at)) }

// About says which decisions are meant.
type About struct {
	Login  string
	Action access.Action
	Path   string
	Flow   string
}

// Decision is one that was taken.
type Decision struct {
	access.Decision

	Stream domain.StreamID
	At     time.Time
}

// Latest are the latest decisions, the newest first; none where nothing was decided.
func (q *Queries) Latest(ctx context.Context, tenant domain.Tenant, a About, most int) ([]Decision, error) {
	var out []Decision
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		until, err := tx.Moment(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT stream, at, decision FROM access_decisions
			WHERE tenant = $1 AND login = $2 AND action = $3 AND path = $4 AND flow = $5 AND ($6::timestamptz IS NULL OR at <= $6) ORDER BY at DESC, number DESC LIMIT $7`,
			string(tenant), a.Login, string(a.Action), a.Path, a.Flow, pgtype.Timestamptz{Time: until, Valid: !until.IsZero()}, most)
		if err == nil {
			out, err = pgx.CollectRows(rows, scanned)
		}
		if err != nil {
			return fmt.Errorf("read decisions of %s: %w", tenant, err)
		}
		return nil
	})
	return out, err
}

func scanned(row pgx.CollectableRow) (Decision, error) {
	var out Decision
	var stream string
	var raw []byte
	if err := row.Scan(&stream, &out.At, &raw); err != nil {
		return out, err
	}
	var err error
	if out.Stream, err = domain.ParseStreamID(stream); err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out.Decision); err != nil {
		return out, fmt.Errorf("read a decision of %s: %w", stream, err)
	}
	return out, nil
}
