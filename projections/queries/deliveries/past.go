package deliveries

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// In is at most limit deliveries of a workflow as they stood at a point, after the
// first skipped, newest first.
func In(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point, f Filter, skip, limit int) ([]Delivery, error) {
	f.Workflow = stream.String()
	if at.Now {
		return f.list(ctx, tx, stream.Tenant, at.Before, skip, limit)
	}
	list, err := f.list(ctx, tx, stream.Tenant, at.Before, 0, skip+limit)
	if err != nil {
		return nil, err
	}
	open, err := otherwise(ctx, tx, stream, at)
	if err != nil {
		return nil, err
	}
	for _, d := range open {
		there := slices.ContainsFunc(list, func(o Delivery) bool { return o.ID == d.ID })
		if !there && f.holds(d.Delivery) {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, newestFirst)
	list = list[min(skip, len(list)):]
	return list[:min(limit, len(list))], nil
}

// otherwise are the deliveries whose rows do not say how they stood at a point: those
// that were owed, from the state, and those that had ended and were asked for again
// since, folded from the commits that carry deliveries.
func otherwise(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point) ([]Delivery, error) {
	state, err := tx.State(ctx, stream, at)
	if err != nil {
		return nil, err
	}
	due := map[uuid.UUID]time.Time{}
	for _, i := range state.Intents() {
		due[i.ID] = i.Due
	}
	known := make([]uuid.UUID, 0, len(state.Deliveries))
	for _, d := range state.Deliveries {
		known = append(known, d.ID)
	}
	var number int64
	var again []uuid.UUID
	err = tx.QueryRow(ctx, `SELECT (SELECT number FROM heads WHERE stream = $1), (SELECT array_agg(id) FROM deliveries
		WHERE stream = $1 AND first < $2 AND last >= $2 AND id <> ALL ($3))`, stream.String(), at.Before, known).Scan(&number, &again)
	if err != nil {
		return nil, fmt.Errorf("read deliveries that changed since: %w", err)
	}
	all := state.Deliveries
	if len(again) > 0 {
		ended, err := folded(ctx, tx, stream, at, again)
		if err != nil {
			return nil, err
		}
		all = slices.Concat(all, ended)
	}
	out := make([]Delivery, len(all))
	for i, d := range all {
		out[i] = Delivery{Delivery: d, Stream: stream, Number: number, Hook: projections.HookOf(d), Due: due[d.ID]}
	}
	return out, nil
}

// folded are some deliveries of a workflow as they stood at a point.
func folded(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point, ids []uuid.UUID) ([]workflow.Delivery, error) {
	p := past{decoder: workflow.NewDecoder(), all: map[uuid.UUID]workflow.Delivery{}}
	p.state.Created = &workflow.Created{}
	if err := tx.History(ctx, stream, cut.Deliveries, -1, at, p.fold); err != nil {
		return nil, err
	}
	var out []workflow.Delivery
	for _, id := range ids {
		if d, there := p.all[id]; there {
			out = append(out, d)
		}
	}
	return out, nil
}

func newestFirst(a, b Delivery) int {
	if c := b.RequestedAt.Compare(a.RequestedAt); c != 0 {
		return c
	}
	return bytes.Compare(a.ID[:], b.ID[:])
}

// past folds the deliveries of a workflow alone.
type past struct {
	decoder workflow.Decoder
	state   workflow.State
	all     map[uuid.UUID]workflow.Delivery
}

func (p *past) fold(a projections.Accepted) error {
	for _, e := range a.Commit.Events {
		event, err := p.decoder.Decode(e)
		if err != nil {
			return err
		}
		if _, about := workflow.DeliveryOf(event); !about {
			continue
		}
		r := workflow.Recorded{Event: event, Time: a.Commit.Time, Principal: a.Commit.Principal}
		next, err := workflow.Apply(p.state, r)
		if err != nil {
			return err
		}
		if d, changed := projections.DeliveryAfter(p.state, next, r); changed {
			p.all[d.ID] = d
		}
		p.state = next
	}
	return nil
}

// holds says whether a delivery is among those that are asked for.
func (f Filter) holds(d workflow.Delivery) bool {
	switch {
	case f.Status != "" && f.Status != d.Status,
		f.Hook != "" && f.Hook != projections.HookOf(d),
		f.Event != "" && f.Event != d.Event,
		!f.Since.IsZero() && d.RequestedAt.Before(f.Since),
		!f.Until.IsZero() && !d.RequestedAt.Before(f.Until),
		f.Missing && d.Status == workflow.DeliveryMade,
		len(f.IDs) > 0 && !slices.Contains(f.IDs, d.ID):
		return false
	}
	return true
}
