package kafka

import (
	"fmt"
	"hash/maphash"
	"slices"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
)

// kept is a publisher that keeps what it is given.
type kept struct {
	ids    []string
	closed bool
}

func (k *kept) Publish(_ string, msgs ...*message.Message) error {
	for _, m := range msgs {
		k.ids = append(k.ids, m.Metadata.Get(MetadataKey)+" "+m.UUID)
	}
	return nil
}

func (k *kept) Close() error { k.closed = true; return nil }

// TestSpreadKeepsTheOrderOfAKey: what has one key goes through one publisher, in
// order, and all of them are used and closed.
func TestSpreadKeepsTheOrderOfAKey(t *testing.T) {
	t.Parallel()
	const keys, each = 100, 5
	s := &spread{seed: maphash.MakeSeed()}
	lanes := make([]kept, commandProducers)
	for i := range lanes {
		s.over = append(s.over, &lanes[i])
	}
	for n := range each {
		for k := range keys {
			m := message.NewMessage(fmt.Sprint(n), nil)
			m.Metadata.Set(MetadataKey, fmt.Sprintf("key-%d", k))
			if err := s.Publish("commands", m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for k := range keys {
		var want []string
		for n := range each {
			want = append(want, fmt.Sprintf("key-%d %d", k, n))
		}
		whole := 0
		for i := range lanes {
			theirs := slices.DeleteFunc(slices.Clone(lanes[i].ids), func(id string) bool { return !slices.Contains(want, id) })
			if slices.Equal(theirs, want) {
				whole++
			} else if len(theirs) > 0 {
				t.Errorf("key-%d is torn: %q", k, theirs)
			}
		}
		if whole != 1 {
			t.Errorf("key-%d went through %d publishers", k, whole)
		}
	}
	for i := range lanes {
		if len(lanes[i].ids) == 0 || !lanes[i].closed {
			t.Errorf("publisher %d has %d messages, closed %v", i, len(lanes[i].ids), lanes[i].closed)
		}
	}
}
