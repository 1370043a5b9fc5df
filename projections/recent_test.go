package projections

import (
	"bytes"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
)

// wrote is a batch of partition 0 whose records from an offset on are commits.
func wrote(from, next int64, size int) *batch {
	b := &batch{from: from, next: next}
	for at := from; at < next; at++ {
		c := journal.Commit{Events: []journal.Event{{Data: bytes.Repeat([]byte("x"), size)}}}
		b.accepted = append(b.accepted, Accepted{domain.Position{Offset: at}, c})
	}
	return b
}

func TestRecentHoldsWhatIsWholeAndNothingElse(t *testing.T) {
	t.Parallel()
	r := NewRecent()
	holds := func(offset int64, limit int, want ...int64) {
		t.Helper()
		got, ok := r.since(0, offset, limit)
		if ok != (want != nil) || len(got) != len(want) {
			t.Fatalf("from %d: %d commits, held %t; want %v", offset, len(got), ok, want)
		}
		for i, a := range got {
			if a.Position.Offset != want[i] {
				t.Errorf("from %d: commit %d stands at %d, want %d", offset, i, a.Position.Offset, want[i])
			}
		}
	}
	holds(0, 9)
	r.add(wrote(5, 7, 10))
	holds(4, 9)
	holds(5, 9, 5, 6)
	holds(5, 1, 5)
	holds(7, 9)
	r.add(&batch{from: 7, next: 9}) // two records that were ignored
	holds(6, 9, 6)
	holds(8, 9, []int64{}...)
	r.add(wrote(9, 10, 10))
	holds(6, 9, 6, 9)
	r.add(wrote(20, 21, 10)) // 10 to 19 were projected elsewhere
	holds(9, 9)
	holds(20, 9, 20)
	r.add(wrote(2, 4, 10)) // the database lost its last transactions
	holds(20, 9)
	holds(3, 9, 3)
}

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"many": 1, "large": 100 << 10} {
		r := NewRecent()
		for at := range int64(3 * recentCommits) {
			r.add(wrote(at, at+1, size))
		}
		p := r.partitions[0]
		if len(p.commits) > recentCommits || p.bytes > recentBytes || len(p.commits) == 0 {
			t.Errorf("%s: %d commits of %d bytes are held", name, len(p.commits), p.bytes)
		}
		if got, ok := r.since(0, p.from, 1<<20); !ok || len(got) != len(p.commits) || got[0].Position.Offset != p.from {
			t.Errorf("%s: from %d: %d commits, held %t", name, p.from, len(got), ok)
		}
	}
}
