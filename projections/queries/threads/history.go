package threads

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/stored"
)

// Channel is what the state of a channel is made of that is kept as its changes: the
// value it begins with, and the writes since.
type Channel struct {
	Name string
	// Seed is the value of the nearest ancestor that has one; nil where none has.
	Seed *stored.Value
	// Writes are the oldest first, from those of the seed's own checkpoint to those of
	// the parent; of one checkpoint in the order of task and index.
	Writes []Past
}

// Past is a write to a checkpoint.
type Past struct {
	Checkpoint uuid.UUID
	stored.Write
}

// MaxHistory bounds the bytes of a history.
const MaxHistory = 64 << 20

// History is what the channels of a checkpoint are made of, the newest of the namespace
// where id is nil. Parents are followed: what other branches wrote is not in it. It
// returns too_large for more bytes than an answer may have.
func (q *Queries) History(ctx context.Context, stream domain.StreamID, ns string, id *uuid.UUID, channels []string) (out []Channel, err error) {
	err = q.db.Read(ctx, func(tx *cut.Tx) error {
		at, err := tx.Point(ctx, stream)
		if err != nil {
			return err
		}
		w := newWalk(stored.Lineage{Stream: stream.String(), NS: ns, Before: at.Before}, channels)
		if err := w.from(ctx, tx, id); err != nil {
			return err
		}
		out, err = w.read(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("history of %s: %w", stream, err)
	}
	return out, nil
}

// walk follows parents until each channel has its seed.
type walk struct {
	lineage  stored.Lineage
	channels []string
	// path are the ancestors, the parent first; seeds says where among them that of a
	// channel is, and which value.
	path  []uuid.UUID
	seeds map[string]seed
	seen  map[uuid.UUID]bool
}

type seed struct {
	at int
	id value.Address
}

func newWalk(l stored.Lineage, channels []string) *walk {
	return &walk{lineage: l, channels: channels, seeds: map[string]seed{}, seen: map[uuid.UUID]bool{}}
}

// steps is how many ancestors are read at once.
const steps = 256

// from walks from the parent of a checkpoint to the last seed, or to the root.
func (w *walk) from(ctx context.Context, tx *cut.Tx, id *uuid.UUID) error {
	target, err := w.target(ctx, tx, id)
	if err != nil || target == nil {
		return err
	}
	next := target
	for first := true; next != nil && len(w.seeds) < len(w.channels); first = false {
		list, err := stored.Ancestors(ctx, tx, w.lineage, *next, steps)
		if err != nil {
			return err
		}
		if first && len(list) > 0 {
			next, list = list[0].ParentTS, list[1:]
			w.seen[*target] = true
		}
		if len(list) == 0 && !first {
			return nil
		}
		for _, a := range list {
			if w.seen[a.ThreadTS] || len(w.seeds) == len(w.channels) {
				return nil // parents that go in a circle lead nowhere
			}
			w.pass(a)
			next = a.ParentTS
		}
	}
	return nil
}

// target is the checkpoint that is asked about; nil where there is none.
func (w *walk) target(ctx context.Context, tx *cut.Tx, id *uuid.UUID) (*uuid.UUID, error) {
	if id != nil {
		return id, nil
	}
	found, err := tx.Query(ctx, `SELECT thread_ts FROM (`+projections.NewestCheckpoint("$1", "$2", "$3")+`) c`, projections.ShortKeyOf(w.lineage.Stream), projections.NSHash(w.lineage.NS), w.lineage.Before)
	if err != nil {
		return nil, fmt.Errorf("find the newest checkpoint: %w", err)
	}
	ids, err := pgx.CollectRows(found, pgx.RowTo[uuid.UUID])
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return &ids[0], nil
}

func (w *walk) pass(a stored.Ancestor) {
	w.seen[a.ThreadTS] = true
	for _, name := range w.channels {
		id, has := a.Values[name]
		if _, seeded := w.seeds[name]; has && !seeded {
			w.seeds[name] = seed{len(w.path), id}
		}
	}
	w.path = append(w.path, a.ThreadTS)
}

// read reads what the walk came past.
func (w *walk) read(ctx context.Context, tx *cut.Tx) ([]Channel, error) {
	var ids []value.Address
	for _, s := range w.seeds {
		ids = append(ids, s.id)
	}
	parts, size, err := stored.ReadParts(ctx, tx, w.lineage, ids, w.path, w.channels, MaxHistory)
	if err != nil {
		return nil, err
	}
	if size > MaxHistory {
		return nil, &domain.Error{
			Code: domain.CodeTooLarge, Field: "channels", Message: fmt.Sprintf("what these channels are made of has %d bytes; an answer holds %d", size, MaxHistory),
			Fix: "ask for fewer channels, or let the graph take snapshots of them more often",
		}
	}
	out := make([]Channel, len(w.channels))
	for i, name := range w.channels {
		if out[i], err = w.channel(name, parts); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (w *walk) channel(name string, parts stored.Parts) (Channel, error) {
	c := Channel{Name: name}
	path := w.path
	if s, seeded := w.seeds[name]; seeded {
		v, there := parts.Values[s.id]
		if !there {
			return c, fmt.Errorf("manifest %s of %s is not there", s.id, w.lineage.Stream)
		}
		c.Seed, path = &v, path[:s.at+1]
	}
	for _, at := range slices.Backward(path) {
		for _, one := range parts.Writes[at] {
			if one.Channel == name {
				c.Writes = append(c.Writes, Past{at, one})
			}
		}
	}
	return c, nil
}
