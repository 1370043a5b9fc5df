package projections

import (
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// TestWhatWasNotWrittenIsForgotten: after a refused batch a stream that was there
// before it is loaded again, and one that began with it is as if it never had.
func TestWhatWasNotWrittenIsForgotten(t *testing.T) {
	t.Parallel()
	const partitions = 4
	codec, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	set, err := newWorkingSet(codec)
	if err != nil {
		t.Fatal(err)
	}
	var records []journal.Record
	hold := func(offset int64) *stream {
		s := newStream(domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()})
		s.hash = journal.Hash{1}
		if offset >= 0 {
			s.number = domain.Position{Partition: 2, Offset: offset}.Number(partitions)
		}
		set.streams.Add(s.key, s)
		records = append(records, journal.Record{Position: domain.Position{Partition: 2, Offset: 100 + int64(len(records))}, Key: []byte(s.key)})
		return s
	}
	old, began, ignored := hold(99), hold(101), hold(-1)
	set.forget(records, partitions)
	if _, held := set.streams.Peek(old.key); held {
		t.Error("a stream of before keeps what was not written")
	}
	for _, s := range []*stream{began, ignored} {
		if held, ok := set.streams.Peek(s.key); !ok || held.hash != (journal.Hash{}) || held.number >= 0 {
			t.Errorf("a stream that is not in the database is held as %+v, %t", held, ok)
		}
	}
}
