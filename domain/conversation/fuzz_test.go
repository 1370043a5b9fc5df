package conversation_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzConversation: an event that is read is written the same way again and
// folds onto any state; a command that is read is refused as people can
// understand, or what it comes to can be recorded.
func FuzzConversation(f *testing.F) {
	for _, folder := range []string{"events", "commands"} {
		for file, data := range fuzztest.Seeds(f, "../../schemas", folder, "testdata", "conversation.*.json") {
			name, _, _ := strings.Cut(strings.TrimPrefix(file, "conversation."), ".")
			f.Add("conversation."+name, data)
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		fuzzEvent(t, journal.Event{Type: name, V: 1, Data: data})
		for _, row := range conversation.Commands() {
			if row.Type != name {
				continue
			}
			s := given(t).when(&conversation.ReceiveMessage{Place: place, MessageID: "m1", Author: "mia", Text: "hi"})
			if c := row.New(); json.Unmarshal(data, c) == nil {
				c.Want()
				if s.when(c); s.err != nil && domain.CodeOf(s.err) == domain.CodeInternal {
					t.Errorf("refused with %v", s.err)
				}
			}
		}
	})
}

func fuzzEvent(t *testing.T, in journal.Event) {
	t.Helper()
	var e conversation.Event
	var err error
	fuzztest.Bounded(t, len(in.Data), func() { e, err = conversation.NewDecoder().Decode(in) })
	if err != nil {
		return
	}
	once, err := journal.NewEvent(e.EventType(), 1, e)
	if err != nil {
		t.Fatal(err)
	}
	again, err := conversation.NewDecoder().Decode(once)
	if err != nil {
		t.Fatalf("%s is read, but not as written again: %v", in.Data, err)
	}
	if twice, err := journal.NewEvent(again.EventType(), 1, again); err != nil || !bytes.Equal(once.Data, twice.Data) {
		t.Errorf("%s is written as %s: %v", once.Data, twice.Data, err)
	}
	r := conversation.Recorded{Event: e, Time: epoch}
	conversation.Apply(conversation.State{}, r)
	conversation.NewFacts().Apply(r)
}
