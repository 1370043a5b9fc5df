package projections

import (
	"slices"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
)

// statesEvery is how many events of a workflow lie between two of its kept states: a
// read of the past folds at most so many.
const statesEvery = 128

// stateIsKept says whether a commit that led from one state to the other passed an
// event whose state is kept. It is a matter of the commits alone, so a rebuild keeps
// the same ones.
func stateIsKept(before, after workflow.State) bool {
	return before.Events/statesEvery != after.Events/statesEvery
}

func (r *rows) addState(key string, d *decoded, state workflow.State) {
	r.states = append(r.states, stateRow{stream: key, offset: d.position.Offset, time: d.commit.Time, state: mustJSON(state)})
}

// FoldState is the state of a workflow after a commit that followed it.
func FoldState(state workflow.State, decoder workflow.Decoder, a Accepted, partitions int32) (workflow.State, error) {
	for i, e := range a.Commit.Events {
		event, err := decoder.Decode(e)
		if err != nil {
			return state, err
		}
		recorded := workflow.Recorded{Event: event, Time: a.Commit.Time, Principal: a.Commit.Principal}
		if state, err = workflow.ApplyNumbered(state, recorded, a.Position.ItemNumber(partitions, i)); err != nil {
			return state, err
		}
	}
	return state, nil
}

// carries knows, by their types, the events that have an index of their own.
type carries struct{ delivery map[string]bool }

func newCarries() carries {
	c := carries{delivery: map[string]bool{}}
	for _, row := range workflow.Events() {
		event, err := row.Decode([]byte("{}"))
		if err != nil {
			continue
		}
		if _, about := workflow.DeliveryOf(event); about {
			c.delivery[row.Type] = true
		}
	}
	return c
}

func (c carries) deliveries(commit journal.Commit) bool {
	return slices.ContainsFunc(commit.Events, func(e journal.Event) bool { return c.delivery[e.Type] })
}

func (carries) messages(commit journal.Commit) bool {
	received := workflow.MessageReceived{}.EventType()
	return commit.Stream.Kind == domain.KindWorkflow && slices.ContainsFunc(commit.Events, func(e journal.Event) bool { return e.Type == received })
}
