package forks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// maxWith is how many checkpoints a point may stand on: all of them are described in
// one commit.
const maxWith = 64

// whole adds what the checkpoint is not whole without, and leaves out the writes of
// the step after it where that was made: they are not pending, and a fork that had
// them would not make the step again.
func (p *Point) whole(ctx context.Context, tx *cut.Tx, stream string) error {
	var made bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM checkpoints WHERE stream = $1 AND ns_hash = $2 AND parent_ts = $3)`,
		projections.ShortKeyOf(stream), projections.NSHash(p.Checkpoint.NS), p.Checkpoint.ThreadTS).Scan(&made)
	if err != nil {
		return fmt.Errorf("look for the step after: %w", err)
	}
	if made {
		p.Checkpoint.Writes = nil
	} else if err := p.subgraphs(ctx, tx, stream); err != nil {
		return err
	}
	return p.ancestors(ctx, tx, stream)
}

// ancestors adds the steps before that hold what this one has only as a change.
func (p *Point) ancestors(ctx context.Context, tx *cut.Tx, stream string) error {
	open, sends := standsOn(p.Step)
	var before []Step
	for parent := p.Checkpoint.ParentTS; parent != nil && (len(open) > 0 || sends); {
		s, err := step(ctx, tx, stream, Ref{ThreadTS: *parent, NS: &p.Checkpoint.NS})
		if domain.CodeOf(err) == domain.CodeNotFound {
			break // it was removed, or never came
		}
		if err != nil {
			return err
		}
		if len(before) == maxWith {
			return tooFar()
		}
		before, parent, sends = append(before, s), s.Checkpoint.ParentTS, false
		open = slices.DeleteFunc(open, func(name string) bool { return has(s, name) })
	}
	slices.Reverse(before)
	p.With = append(before, p.With...)
	return nil
}

func has(s Step, channel string) bool {
	return slices.ContainsFunc(s.Checkpoint.Channels, func(c workflow.ChannelValue) bool { return c.Channel == channel })
}

func tooFar() error {
	return &domain.Error{
		Code: domain.CodeTooLarge, Field: "checkpoint", Message: fmt.Sprintf("this checkpoint stands on more than %d before it", maxWith),
		Fix: "choose one with a snapshot of its channels, or export the workflow and import it",
	}
}

// standsOn says which channels have their value in the writes of the steps before, and
// whether what was sent to it stands with its parent.
func standsOn(s Step) (channels []string, sends bool) {
	channels = slices.DeleteFunc(workflow.DeltaChannels(s.Metadata), func(name string) bool { return has(s, name) })
	return channels, workflow.SendsWithParent(s.Header)
}

// subgraphs adds the newest checkpoint of each namespace that was begun in the step
// after this one: an agent that was interrupted in a subgraph goes on there.
func (p *Point) subgraphs(ctx context.Context, tx *cut.Tx, stream string) error {
	found, err := tx.Query(ctx, `SELECT ns, thread_ts, metadata FROM checkpoints WHERE stream = $1 AND ns_hash <> $2 AND thread_ts > $3
		ORDER BY ns_hash, thread_ts DESC, number DESC`, projections.ShortKeyOf(stream), projections.NSHash(p.Checkpoint.NS), p.Checkpoint.ThreadTS)
	if err != nil {
		return fmt.Errorf("look for subgraphs: %w", err)
	}
	places, err := pgx.CollectRows(found, pgx.RowToStructByPos[place])
	if err != nil {
		return fmt.Errorf("look for subgraphs: %w", err)
	}
	if places, err = newestNaming(tx, places, p.Checkpoint.ThreadTS); err != nil {
		return err
	}
	for _, at := range places {
		ns := string(at.NS)
		s, err := step(ctx, tx, stream, Ref{ThreadTS: at.ID, NS: &ns})
		if err != nil {
			return err
		}
		if !begunIn(s, p.Checkpoint) {
			continue
		}
		if len(p.With) == maxWith {
			return tooFar()
		}
		p.With = append(p.With, s)
	}
	return nil
}

// place is where a checkpoint stands.
type place struct {
	NS       []byte
	ID       uuid.UUID
	Metadata []byte
}

// newestNaming takes of each namespace, in which the newest come first, the first place
// whose metadata may name a checkpoint. That of a step is small and stands in the row,
// but for odd ones: those may.
func newestNaming(tx *cut.Tx, places []place, id uuid.UUID) (out []place, err error) {
	for _, at := range places {
		if n := len(out); n > 0 && bytes.Equal(out[n-1].NS, at.NS) {
			continue
		}
		v, err := tx.ReadValue("metadata", at.Metadata)
		if err != nil {
			return nil, err
		}
		here := []byte{}
		odd := !v.Manifest.IsZero()
		for _, e := range v.Add {
			here, odd = append(here, e.Inline...), odd || e.Inline == nil
		}
		if odd || bytes.Contains(here, []byte(id.String())) {
			out = append(out, at)
		}
	}
	return out, nil
}

// begunIn says whether a checkpoint of a subgraph was made in the step after another.
func begunIn(s Step, parent workflow.ForkedCheckpoint) bool {
	var metadata struct {
		Parents map[string]string `json:"parents"`
	}
	return json.Unmarshal(s.Metadata, &metadata) == nil && metadata.Parents[parent.NS] == parent.ThreadTS.String()
}
