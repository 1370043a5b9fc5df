// Package decisions reads who was allowed to do what, and who was not, as it stands in
// the log.
package decisions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Queries reads decisions. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db} }

// About says which decisions are meant.
type About struct {
	Login  string
	Action access.Action
	// Tool is what access.UseTool is about; empty for any.
	Tool string
	Path string
	Flow string
}

// Decision is one that was taken.
type Decision struct {
	access.Decision

	// Tool is set where it is about one.
	Tool   string
	Stream domain.StreamID
	At     time.Time
}

// Last is the latest decision until a time, or not_found.
func (q *Queries) Last(ctx context.Context, tenant domain.Tenant, a About, until time.Time) (Decision, error) {
	var out Decision
	var stream string
	var raw []byte
	err := q.db.Pool.QueryRow(ctx, `SELECT stream, at, tool, decision FROM access_decisions
		WHERE tenant = $1 AND login = $2 AND action = $3 AND path = $4 AND flow = $5 AND at <= $6 AND ($7 = '' OR tool = $7) ORDER BY at DESC, number DESC LIMIT 1`,
		string(tenant), a.Login, string(a.Action), a.Path, a.Flow, until, a.Tool).Scan(&stream, &out.At, &out.Tool, &raw)
	if errors.Is(err, pgx.ErrNoRows) {
		return out, &domain.Error{
			Code: domain.CodeNotFound, Message: fmt.Sprintf("nothing was decided about %s of %s with %s in %s until then", a.Action, a.Login, a.Flow, a.Path),
			Fix: "leave at out for what holds now",
		}
	}
	if err != nil {
		return out, cut.NotNow(fmt.Errorf("read decisions of %s: %w", tenant, err))
	}
	if out.Stream, err = domain.ParseStreamID(stream); err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out.Decision); err != nil {
		return out, fmt.Errorf("read a decision of %s: %w", stream, err)
	}
	return out, nil
}
