package workflow_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/internal/fuzztest"
)

// seeds adds the goldens of a folder of schemas, each under its type.
func seeds(f *testing.F, folder string) {
	f.Helper()
	for file, data := range fuzztest.Seeds(f, "../../schemas", folder, "testdata", "workflow.*.json") {
		name, _, _ := strings.Cut(strings.TrimPrefix(file, "workflow."), ".")
		f.Add("workflow."+name, data)
	}
}

// existing is the state and the facts of a workflow with a run and a checkpoint.
func existing(t fataler) *story {
	return given(t, created(), requested(run1, 1)).when(save(1, 0, `"a":[1,2]`))
}

// FuzzEvents: an event that is read is written the same way again, and folds
// onto any state without harm.
func FuzzEvents(f *testing.F) {
	seeds(f, "events")
	decoder := workflow.NewDecoder()
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		var e workflow.Event
		var err error
		fuzztest.Bounded(t, len(data), func() { e, err = decoder.Decode(journal.Event{Type: name, V: 1, Data: data}) })
		if err != nil {
			return
		}
		once := encoded(t, e)
		again, err := decoder.Decode(once)
		if err != nil {
			t.Fatalf("%s is read, but not as written again: %v", data, err)
		}
		if twice := encoded(t, again); !bytes.Equal(once.Data, twice.Data) {
			t.Errorf("%s is written as %s", once.Data, twice.Data)
		}
		for _, v := range e.Values() {
			v.Named()
		}
		for _, s := range []*story{given(t), existing(t)} {
			_, _ = workflow.Apply(s.state, workflow.Recorded{Event: e, Time: epoch})
			_ = s.facts.Apply(e, func(value.Address) ([]byte, error) { return nil, errors.New("no such bytes") })
		}
	})
}

func encoded(t *testing.T, e workflow.Event) journal.Event {
	t.Helper()
	out, err := journal.NewEvent(e.EventType(), 1, e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzCommands: a command that is read is decided, on a workflow that is there
// and on one that is not: either it is refused as people can understand, or what
// it comes to can be recorded.
func FuzzCommands(f *testing.F) {
	seeds(f, "commands")
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		for _, row := range workflow.Commands() {
			if row.Type != name {
				continue
			}
			for _, s := range []*story{given(t), existing(t)} {
				c := row.New()
				if json.Unmarshal(data, c) != nil {
					return
				}
				decided(t, s, c)
			}
		}
	})
}

func decided(t *testing.T, s *story, c workflow.Command) {
	t.Helper()
	if save, ok := c.(*workflow.SaveCheckpoint); ok {
		if err := save.Prepare(); err != nil {
			understood(t, err)
			return
		}
	}
	c.Want(s.state, s.env)
	out, err := c.Decide(s.state, s.facts, s.env)
	if err != nil {
		understood(t, err)
		return
	}
	s.own = out.Blobs
	for _, e := range out.Events {
		if _, err := workflow.NewDecoder().Decode(encoded(t, e)); err != nil {
			t.Fatalf("%s cannot be read back: %v", e.EventType(), err)
		}
		s.apply(e)
	}
}

func understood(t *testing.T, err error) {
	t.Helper()
	if domain.CodeOf(err) == domain.CodeInternal {
		t.Errorf("refused with %v", err)
	}
}
