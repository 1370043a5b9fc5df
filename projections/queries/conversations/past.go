package conversations

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
)

// past fills in a conversation as it stood at a point: it is folded from its commits.
func past(ctx context.Context, tx *cut.Tx, stream domain.StreamID, at cut.Point, into *Conversation) error {
	decoder, facts := conversation.NewDecoder(), conversation.NewFacts()
	var state conversation.State
	err := tx.History(ctx, stream, cut.Every, -1, at, func(a projections.Accepted) error {
		for _, e := range a.Commit.Events {
			event, err := decoder.Decode(e)
			if err != nil {
				return err
			}
			r := conversation.Recorded{Event: event, Time: a.Commit.Time, Principal: a.Commit.Principal}
			state = conversation.Apply(state, r)
			facts.Apply(r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	into.Updated = state.UpdatedAt
	if state.Place != nil {
		into.Place = *state.Place
	}
	if state.Workflow != uuid.Nil {
		into.Workflow = &state.Workflow
	}
	list := slices.SortedFunc(maps.Values(facts.Messages), func(a, b conversation.Message) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	into.Messages, err = fill(ctx, tx, stream, at, list[max(0, len(list)-maxMessages):])
	return err
}
