package difference

import (
	"context"
	"fmt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/plain"
	"github.com/duolog/duolog/projections/queries/stored"
)

// Side is one of the two moments.
type Side struct {
	cut.Point

	State workflow.State
	// Checkpoint is what is compared; nil where there was none.
	Checkpoint *stored.Checkpoint
}

// Difference is what changed from one moment to the other.
type Difference struct {
	From, To Side
	// Channels are those that changed, by name.
	Channels []Change
}

// Queries compares moments. It is safe for concurrent use.
type Queries struct{ db cut.DB }

// New makes a Queries.
func New(db cut.DB) *Queries { return &Queries{db: db} }

// Find compares two moments of a workflow, in one namespace of checkpoints; nil is the
// root, and any for moments that are checkpoints. It fails as cut.Tx.Point does, and
// returns too_large where what changed has more bytes than an answer may.
func (q *Queries) Find(ctx context.Context, stream domain.StreamID, ns *string, from, to cut.At) (Difference, error) {
	var d Difference
	err := q.db.Read(ctx, func(tx *cut.Tx) (err error) {
		if d.From, err = side(ctx, tx, stream, ns, from); err != nil {
			return err
		}
		if d.To, err = side(ctx, tx, stream, ns, to); err != nil {
			return err
		}
		d.Channels, err = channels(ctx, tx, d.From.Checkpoint, d.To.Checkpoint)
		return err
	})
	if err != nil {
		return d, fmt.Errorf("compare %s at %q and %q: %w", stream, from, to, err)
	}
	return d, nil
}

func side(ctx context.Context, tx *cut.Tx, stream domain.StreamID, ns *string, at cut.At) (s Side, err error) {
	if s.Point, err = tx.Find(ctx, stream, at); err != nil {
		return s, err
	}
	if s.State, err = tx.State(ctx, stream, s.Point); err != nil {
		return s, err
	}
	s.Checkpoint, err = checkpoints.Named(ctx, tx, stream, s.Point, ns, at.Checkpoint())
	return s, err
}

// channels compares the channels of two checkpoints. Values that are the same are let go
// before any is read.
func channels(ctx context.Context, tx *cut.Tx, from, to *stored.Checkpoint) ([]Change, error) {
	a, b := without(from, to), without(to, from)
	var page []stored.Checkpoint
	for _, c := range []*stored.Checkpoint{a, b} {
		if c != nil {
			page = append(page, *c)
		}
	}
	if n, size := stored.Fit(page); n < len(page) {
		return nil, &domain.Error{
			Code: domain.CodeTooLarge, Message: fmt.Sprintf("what changed has %d bytes; an answer holds %d", size, stored.MaxPageBytes),
			Fix: "read the two checkpoints one after the other",
		}
	}
	if err := stored.Read(ctx, tx, page); err != nil {
		return nil, err
	}
	var was, is []stored.Value
	if a != nil {
		was, page = page[0].Values, page[1:]
	}
	if b != nil {
		is = page[0].Values
	}
	return merge(was, is), nil
}

// without is a checkpoint without the writes, and the values that the other one has too.
func without(c, other *stored.Checkpoint) *stored.Checkpoint {
	if c == nil {
		return nil
	}
	out := *c
	out.Writes, out.Values = nil, nil
	for _, v := range c.Values {
		if other == nil || !other.Has(v) {
			out.Values = append(out.Values, v)
		}
	}
	return &out
}

// merge goes through two lists of channels, each in the order of their names.
func merge(was, is []stored.Value) []Change {
	var out []Change
	for len(was)+len(is) > 0 {
		var c Change
		switch {
		case len(is) == 0 || len(was) > 0 && was[0].Channel < is[0].Channel:
			c = Change{Kind: Removed, Name: was[0].Channel, From: plain.JSON(was[0].Type, was[0].Bytes())}
			was = was[1:]
		case len(was) == 0 || is[0].Channel < was[0].Channel:
			c = Change{Kind: Added, Name: is[0].Channel, To: plain.JSON(is[0].Type, is[0].Bytes())}
			is = is[1:]
		default:
			c = compare(plain.JSON(was[0].Type, was[0].Bytes()), plain.JSON(is[0].Type, is[0].Bytes()))
			c.Name, was, is = is[0].Channel, was[1:], is[1:]
		}
		out = append(out, c)
	}
	return out
}
