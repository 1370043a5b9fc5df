package forks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/plain"
)

// MaxItems bounds what a preview lists; all of it is counted.
const MaxItems = 1000

// Kind says what an item of a preview is.
type Kind string

// The kinds there are.
const (
	KindCheckpoint   Kind = "checkpoint"
	KindRun          Kind = "run"
	KindMessage      Kind = "message"
	KindToolCall     Kind = "tool_call"
	KindDelivery     Kind = "delivery"
	KindNotification Kind = "notification"
)

// Item is something that happened after a checkpoint.
type Item struct {
	Kind Kind
	// Effect says that it reached something outside, or may have.
	Effect bool
	// Name is the tool, the adapter or the hook; empty for what has none.
	Name string
	// Detail says more in a few words: the id of a checkpoint, the kind of a delivery.
	Detail string
	// Arguments of a tool call, as JSON.
	Arguments []byte
	// At and Position are zero for a tool call: it stands in the state of an agent.
	At       time.Time
	Position domain.Position
}

// Preview is what a fork at a checkpoint would do again.
type Preview struct {
	Number   int64
	ThreadTS uuid.UUID
	NS       string
	// Items are the first of what happened since, Count is how many there are of
	// each kind, Effects how many reached something outside.
	Items   []Item
	Count   map[Kind]int
	Effects int
	// Unreadable are channels whose conversation cannot be shown.
	Unreadable []string
}

func (p *Preview) add(i Item) {
	p.Count[i.Kind]++
	if i.Effect {
		p.Effects++
	}
	if len(p.Items) < MaxItems {
		p.Items = append(p.Items, i)
	}
}

// Preview reads what followed a checkpoint. It returns not_found where there is none.
func (q *Queries) Preview(ctx context.Context, stream domain.StreamID, ref Ref) (Preview, error) {
	out := Preview{Count: map[Kind]int{}}
	err := q.db.Read(ctx, func(tx *cut.Tx) error {
		p, err := point(ctx, tx, stream.String(), ref)
		if err != nil {
			return err
		}
		out.Number, out.ThreadTS, out.NS = p.Number, p.Checkpoint.ThreadTS, p.Checkpoint.NS
		if err := q.toolCalls(ctx, tx, stream.String(), p, &out); err != nil {
			return err
		}
		return q.events(ctx, tx, stream.String(), &out)
	})
	if err != nil {
		return out, fmt.Errorf("preview a fork of %s: %w", stream, err)
	}
	return out, nil
}

// events adds what the log says of the time after the checkpoint.
func (q *Queries) events(ctx context.Context, tx *cut.Tx, stream string, out *Preview) error {
	offset := out.Number / domain.MaxItems / int64(q.db.Partitions)
	found, err := tx.Query(ctx, `SELECT partition, "offset", record FROM commits WHERE stream = $1 AND "offset" >= $2 ORDER BY "offset"`, projections.ShortKeyOf(stream), offset)
	if err != nil {
		return fmt.Errorf("read commits: %w", err)
	}
	defer found.Close()
	for found.Next() {
		var at domain.Position
		var packed []byte
		if err := found.Scan(&at.Partition, &at.Offset, &packed); err != nil {
			return fmt.Errorf("read a commit: %w", err)
		}
		commit, err := tx.DecodeCommit(packed)
		if err != nil {
			return fmt.Errorf("commit at %s: %w", at, err)
		}
		for i, e := range commit.Events {
			if at.ItemNumber(q.db.Partitions, i) <= out.Number {
				continue
			}
			decoded, err := q.decoder.Decode(e)
			if err != nil {
				continue // of another build: it shows in the timeline
			}
			if item, counts := itemOf(decoded); counts {
				item.At, item.Position = commit.Time, at
				out.add(item)
			}
		}
	}
	return found.Err()
}

// itemOf is what an event is in a preview, if it is something there.
func itemOf(e workflow.Event) (Item, bool) {
	switch e := e.(type) {
	case workflow.Checkpointed:
		return Item{Kind: KindCheckpoint, Detail: e.ThreadTS.String()}, true
	case workflow.RunRequested:
		return Item{Kind: KindRun, Name: e.Engine, Detail: string(e.Kind)}, true
	case workflow.MessageReceived:
		return Item{Kind: KindMessage, Name: e.Author}, true
	case workflow.DeliveryRequested:
		return Item{Kind: KindDelivery, Effect: true, Name: e.Adapter, Detail: string(e.Kind)}, true
	case workflow.RedeliveryRequested:
		return Item{Kind: KindDelivery, Effect: true, Name: e.Adapter, Detail: string(e.Kind)}, true
	case workflow.NotificationRequested:
		return Item{Kind: KindNotification, Effect: true, Name: e.Hook, Detail: e.Event}, true
	default:
		return Item{}, false
	}
}

// toolCalls adds the calls that the newest checkpoint of the namespace knows of and
// this one does not.
func (q *Queries) toolCalls(ctx context.Context, tx *cut.Tx, stream string, p Point, out *Preview) error {
	newest, err := newestChannels(ctx, tx, stream, p.Checkpoint.NS)
	if err != nil {
		return err
	}
	before := map[string]value.Value{}
	for _, c := range p.Checkpoint.Channels {
		before[c.Channel] = c.Value
	}
	for _, channel := range conversations() {
		after, there := newest[channel]
		if !there {
			continue
		}
		texts, err := plainOf(ctx, tx, stream, before[channel], after)
		if err != nil {
			return err
		}
		calls, readable := callsAfter(texts[0], texts[1])
		if !readable {
			out.Unreadable = append(out.Unreadable, channel)
			continue
		}
		for _, c := range calls {
			out.add(c)
		}
		if len(calls) > 0 {
			return nil // the channels after it tell the same
		}
	}
	return nil
}

// plainOf shows values as JSON; one that is not there has none.
func plainOf(ctx context.Context, tx *cut.Tx, stream string, values ...value.Value) ([][]byte, error) {
	out := make([][]byte, len(values))
	var items []cut.Item
	var at []int
	for i, v := range values {
		if v.Type == "" {
			continue
		}
		item, err := cut.ItemOf(stream, v)
		if err != nil {
			return nil, err
		}
		items, at = append(items, item), append(at, i)
	}
	read, err := tx.Assemble(ctx, items)
	if err != nil {
		return nil, err
	}
	for i, b := range read {
		out[at[i]] = plain.JSON(values[at[i]].Type, b)
	}
	return out, nil
}

func newestChannels(ctx context.Context, tx *cut.Tx, stream, ns string) (map[string]value.Value, error) {
	var id uuid.UUID
	err := tx.QueryRow(ctx, `SELECT thread_ts FROM checkpoints WHERE stream = $1 AND ns_hash = $2 ORDER BY thread_ts DESC LIMIT 1`,
		projections.ShortKeyOf(stream), projections.NSHash(ns)).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the newest checkpoint: %w", err)
	}
	var p Step
	channels, err := p.row(ctx, tx, stream, Ref{ThreadTS: id, NS: &ns})
	if err != nil {
		return nil, err
	}
	for name := range channels {
		if !slices.Contains(conversations(), name) {
			delete(channels, name)
		}
	}
	if err := p.values(ctx, tx, stream, channels); err != nil {
		return nil, err
	}
	out := map[string]value.Value{}
	for _, c := range p.Checkpoint.Channels {
		out[c.Channel] = c.Value
	}
	return out, nil
}
