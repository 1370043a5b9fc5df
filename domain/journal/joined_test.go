package journal_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/journal"
)

func joinedCommands() []journal.Joined {
	ref := func(id, typ string, hash journal.Hash) journal.CommandRef {
		return journal.CommandRef{ID: uuid.MustParse(id), Type: typ, Hash: hash}
	}
	return []journal.Joined{
		{CommandRef: ref("fd9493b6-2a73-5fb3-8d76-d2896dc09682", "workflow.put_writes", journal.HashOf([]byte("body"))), First: 1},
		{CommandRef: ref("491919f6-c2b9-531a-bbbb-281516fe1348", "workflow.put_checkpoint", journal.Hash{}), First: 2},
	}
}

// joint is a commit of three commands, the second of which came to one event and the
// third to two.
func joint() journal.Commit {
	c := commit(journal.HashOf([]byte("before")), 1)
	event := c.Events[0]
	c.Events = []journal.Event{event, event, event, event, {Type: journal.JoinedType, V: 1, Data: journal.AppendJoined(nil, joinedCommands())}}
	return c
}

// TestCommandsOfACommit: whatever the form it is written in, the last event says which
// commands a commit carries out, and nothing else does.
func TestCommandsOfACommit(t *testing.T) {
	t.Parallel()
	c := joint()
	want := append([]journal.Joined{{CommandRef: c.Command}}, joinedCommands()...)
	if d := cmp.Diff(want, c.Commands()); d != "" {
		t.Error(d)
	}
	for i, of := range []int{0, 1, 2, 2, 2} {
		if got := journal.CommandOf(c.Commands(), i); got != want[of].CommandRef {
			t.Errorf("event %d is of %v, not of command %d", i, got, of)
		}
	}
	var spaced any
	data := c.Events[4].Data
	if err := json.Unmarshal(data, &spaced); err != nil {
		t.Fatal(err)
	}
	c.Events[4].Data, _ = json.MarshalIndent(spaced, "", " ")
	if d := cmp.Diff(want, c.Commands()); d != "" {
		t.Errorf("written otherwise: %s", d)
	}
	c.Events[4].Data = []byte(`{"commands":7}`)
	if got := c.Commands(); len(got) != 1 {
		t.Errorf("of what cannot be read: %v", got)
	}
	c.Events[3], c.Events[4].Data = journal.Event{Type: journal.JoinedType, V: 1, Data: data}, []byte("{}")
	c.Events[4].Type = "workflow.imported"
	if got := c.Commands(); len(got) != 1 {
		t.Errorf("of an import: %v", got)
	}
}
