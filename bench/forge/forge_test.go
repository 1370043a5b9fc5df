package forge_test

import (
	"testing"
	"time"

	"github.com/duolog/duolog/bench/forge"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

// TestEveryCommitIsAccepted: a rebuild that is measured on the log does the work of
// accepted commits, not the little of ignored ones.
func TestEveryCommitIsAccepted(t *testing.T) {
	t.Parallel()
	const partition, partitions = 2, 4
	m := forge.NewMaker(partition, partitions, time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), load.NewTexts())
	heads := map[domain.StreamID]journal.Hash{}
	known := map[domain.StreamID]map[value.Address]bool{}
	for n := range 3000 {
		made, err := m.Next()
		if err != nil {
			t.Fatal(err)
		}
		if made.Partition != partition {
			t.Fatalf("commit %d is for partition %d", n, made.Partition)
		}
		p := journal.Parse(journal.Record{Position: domain.Position{Partition: partition, Offset: int64(n)}, Key: made.Key, Value: made.Value, Headers: made.Headers}, partitions)
		if reason, detail := journal.Admit(journal.Facts{Head: heads[p.Stream], Known: func(a value.Address) bool { return known[p.Stream][a] }}, p); reason != "" {
			t.Fatalf("commit %d is ignored: %s: %s", n, reason, detail)
		}
		heads[p.Stream] = p.Hash
		if known[p.Stream] == nil {
			known[p.Stream] = map[value.Address]bool{}
		}
		for _, b := range p.Blobs {
			known[p.Stream][b.Address] = true
		}
	}
	if len(heads) < 100 {
		t.Errorf("3000 commits are of %d workflows", len(heads))
	}
}
