package cut

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
)

// State is the state of a workflow at a point, or not_found. Callers share it: it is only
// read.
func (t *Tx) State(ctx context.Context, stream domain.StreamID, at Point) (workflow.State, error) {
	var state workflow.State
	var raw []byte
	if at.Now {
		err := t.QueryRow(ctx, `SELECT state FROM heads WHERE stream = $1`, stream.String()).Scan(&raw)
		if errors.Is(err, pgx.ErrNoRows) {
			return state, t.noSuchMoment(ctx, stream, t.at)
		}
		if err != nil {
			return state, fmt.Errorf("read the state of %s: %w", stream, err)
		}
		return state, DecodeJSON("the state of "+stream.String(), raw, &state)
	}
	if t.past.stream == stream && t.past.position == at.Position {
		return t.past.state, nil
	}
	from, state, err := t.stateBefore(ctx, stream, at)
	if err != nil {
		return state, err
	}
	decoder := workflow.NewDecoder()
	err = t.History(ctx, stream, Every, from, at, func(a projections.Accepted) error {
		next, err := projections.FoldState(state, decoder, a, t.partitions)
		if err == nil {
			state = next
		}
		return err
	})
	if err == nil {
		t.past = foldedState{stream, at.Position, state}
	}
	return state, err
}

// foldedState is a state that was worked out, for those who read more of the same moment.
type foldedState struct {
	stream   domain.StreamID
	position domain.Position
	state    workflow.State
}

// stateBefore is the nearest kept state that is not behind a point, and the offset of
// its commit; before the first one it is none.
func (t *Tx) stateBefore(ctx context.Context, stream domain.StreamID, at Point) (from int64, state workflow.State, err error) {
	var raw []byte
	err = t.QueryRow(ctx, `SELECT "offset", state FROM states WHERE stream = $1 AND "offset" <= $2 ORDER BY "offset" DESC LIMIT 1`,
		stream.String(), at.Position.Offset).Scan(&from, &raw)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return -1, state, nil
	case err != nil:
		return 0, state, fmt.Errorf("read a kept state of %s: %w", stream, err)
	}
	return from, state, DecodeJSON("a kept state of "+stream.String(), raw, &state)
}

// Carrying narrows a history to the commits that carry something.
type Carrying string

// What histories are read for.
const (
	Every           Carrying = "true"
	Deliveries      Carrying = "deliveries IS NOT FALSE"
	MessagesArrived Carrying = "messages IS NOT FALSE"
)

// History gives each, in order, the commits of a stream that follow an offset up to a
// point. Of a stopped stream it leaves out what its state leaves out: the commits that
// this build cannot fold.
func (t *Tx) History(ctx context.Context, stream domain.StreamID, what Carrying, after int64, upto Point, each func(projections.Accepted) error) error {
	stopped, err := t.stoppedAt(ctx, stream)
	if err != nil {
		return err
	}
	found, err := t.Query(ctx, `SELECT partition, "offset", record FROM commits WHERE stream = $1 AND "offset" > $2 AND "offset" <= $3 AND `+string(what)+
		` ORDER BY "offset"`, projections.ShortKeyOf(stream.String()), after, upto.Upto())
	if err != nil {
		return fmt.Errorf("read commits of %s: %w", stream, err)
	}
	defer found.Close()
	for found.Next() {
		a, err := scanCommit(found, t)
		if err != nil {
			return err
		}
		err = nil
		if a.Position.Offset < stopped || projections.EndsRun(a.Commit) {
			err = each(a)
		}
		if err != nil && a.Position.Offset < stopped {
			return fmt.Errorf("fold the commit at %s: %w", a.Position, err)
		}
	}
	return found.Err()
}

func scanCommit(row pgx.Rows, t *Tx) (a projections.Accepted, err error) {
	var packed []byte
	if err := row.Scan(&a.Position.Partition, &a.Position.Offset, &packed); err != nil {
		return a, fmt.Errorf("read a commit: %w", err)
	}
	if a.Commit, err = t.codec.DecodeCommit(packed); err != nil {
		return a, fmt.Errorf("commit at %s: %w", a.Position, err)
	}
	return a, nil
}

// stoppedAt is the first commit of a stream that could not be folded; one behind all
// others where there is none.
func (t *Tx) stoppedAt(ctx context.Context, stream domain.StreamID) (offset int64, err error) {
	err = t.QueryRow(ctx, `SELECT coalesce((SELECT "offset" FROM stopped WHERE stream = $1), $2)`, stream.String(), int64(math.MaxInt64)).Scan(&offset)
	if err != nil {
		return 0, fmt.Errorf("look whether %s is stopped: %w", stream, err)
	}
	return offset, nil
}
