//go:build faults

package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/duolog/duolog/internal/fleettest"
)

// start is before anything happened.
var start = time.Time{}

// stranger puts commands into the inbox that cannot be carried out.
type stranger struct {
	s      *stand
	client *kgo.Client
	sent   []string
}

func (s *stand) newStranger() *stranger {
	s.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers()...), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
	fleettest.OK(s.t, err)
	s.t.Cleanup(client.Close)
	return &stranger{s: s, client: client}
}

// send sends one; the client tries until it is there, perhaps twice.
func (b *stranger) send(t *testing.T) {
	t.Helper()
	id := uuid.NewString()
	record := &kgo.Record{Topic: commandsTopic, Key: []byte("acme/workflow/" + uuid.NewString()), Value: []byte(`{"nonsense":"` + id + `"}`)}
	for {
		err := b.client.ProduceSync(t.Context(), record).FirstErr()
		if err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	b.sent = append(b.sent, id)
}

// kept says that each is among the refused ones, with a reason.
func (b *stranger) kept(t *testing.T) {
	t.Helper()
	seen := map[string]bool{}
	fleettest.Eventually(t, recovery, func() error {
		for _, r := range b.s.records(t, refusedTopic) {
			for _, h := range r.Headers {
				if h.Key == "reason" && len(h.Value) > 0 {
					seen[string(r.Value)] = true
				}
			}
		}
		for _, id := range b.sent {
			if !seen[`{"nonsense":"`+id+`"}`] {
				return fmt.Errorf("command %s of %d is not among the refused ones", id, len(b.sent))
			}
		}
		return nil
	})
}

// records reads a topic to its end.
func (s *stand) records(t *testing.T, topic string) (out []*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), recovery)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	fleettest.OK(t, err)
	defer client.Close()
	ends := s.ends(t, topic)
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		fleettest.OK(t, ctx.Err())
		fetches.EachRecord(func(r *kgo.Record) {
			out = append(out, r)
			if r.Offset+1 >= ends[r.Partition] {
				delete(ends, r.Partition)
			}
		})
	}
	return out
}

// published says that each event of every accepted commit stands in the events
// topic.
func (s *stand) published(t *testing.T) {
	t.Helper()
	fleettest.Eventually(t, recovery, func() error {
		there := map[string]bool{}
		for _, r := range s.records(t, eventsTopic) {
			for _, h := range r.Headers {
				if h.Key == "ce_id" {
					there[string(h.Value)] = true
				}
			}
		}
		for _, id := range s.happened(t) {
			if !there[id] {
				return fmt.Errorf("event %s happened and is not among the %d published", id, len(there))
			}
		}
		return nil
	})
}

// happened are the ids of the events of accepted commits, as the journal says.
func (s *stand) happened(t *testing.T) (ids []string) {
	t.Helper()
	accepted := map[string]bool{}
	for at := range strings.FieldsSeq(fleettest.Query[string](t, s.Database, `SELECT coalesce(string_agg(partition || ':' || "offset", ' '), '') FROM commits`)) {
		accepted[at] = true
	}
	for _, r := range s.records(t, journalTopic) {
		if !accepted[fmt.Sprint(r.Partition, ":", r.Offset)] {
			continue
		}
		c := fleettest.Decode[struct {
			ID     string
			Events []json.RawMessage
		}](t, string(r.Value))
		for i := range c.Events {
			ids = append(ids, fmt.Sprint(c.ID, "/", i))
		}
	}
	return ids
}
