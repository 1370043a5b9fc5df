package forge

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
)

// Long is one workflow with at least so many events, alone in its partition: steps of an
// agent with their writes, hooks that are told, mail, and now and then a message. Its
// conversation keeps the last few texts, so that a step costs the same at any age.
func Long(partitions int32, events int, began time.Time, texts load.Texts) (domain.StreamID, []journal.Record, error) {
	m := NewMaker(1, partitions, began, texts)
	s := m.stream()
	var out []journal.Record
	for s.state.Events < events {
		command, err := m.turnOf(s)
		if err != nil {
			return s.id, nil, err
		}
		made, err := m.decide(s, command)
		if err != nil {
			return s.id, nil, fmt.Errorf("%s as event %d: %w", command.CommandType(), s.state.Events, err)
		}
		out = append(out, journal.Record{
			Position: domain.Position{Partition: m.partition, Offset: int64(len(out))}, Key: made.Key, Value: made.Value, Headers: made.Headers,
		})
		s.facts = s.facts.Trim()
	}
	return s.id, out, nil
}

// turnOf is what happens next in a long workflow: ten things in turn.
func (m *Maker) turnOf(s *stream) (workflow.Command, error) {
	turn := s.steps
	s.steps++
	if turn == 0 {
		return &workflow.Start{
			Goal: "grow old", Flow: workflow.Flow{Definition: "developer/v1", Version: "1.0.0"}, Engine: "local", Trigger: workflow.Trigger{Source: "api"},
		}, nil
	}
	told := workflow.NotificationID(s.id.ID, fmt.Sprint(turn/10), "ci")
	switch turn % 10 {
	case 4:
		return &workflow.RecordWrites{ThreadTS: *s.last, Writes: []workflow.NewWrite{{Task: "task", Channel: "messages", Data: `"written"`}}}, nil
	case 5:
		return &workflow.Notify{Adapter: "webhook", Hooks: []string{"ci"}, Event: "flow.step", Cause: fmt.Sprint(turn / 10), Data: json.RawMessage(`{"n":1}`)}, nil
	case 6:
		return &workflow.AttemptDelivery{Delivery: told, Attempt: 1, By: "bench/1"}, nil
	case 7:
		return &workflow.SettleDelivery{Delivery: told, Attempt: 1, Receipt: "200 OK"}, nil
	case 8:
		if turn%100 == 98 {
			return &workflow.ReceiveMessage{Conversation: m.id(), MessageID: fmt.Sprint(turn), Author: "mia", Text: "how far is it?"}, nil
		}
		return &workflow.QueueMail{Kind: workflow.MailMessage, Message: "go on"}, nil
	case 9:
		if n := len(s.state.Mail); turn%100 != 99 {
			return &workflow.MarkMail{Mail: s.state.Mail[n-1].ID, Status: workflow.MailIsDelivered}, nil
		}
	}
	const kept = 50
	s.items = s.items[max(0, len(s.items)-kept):]
	return m.checkpoint(s)
}
