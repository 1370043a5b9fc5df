package history

import (
	"fmt"

	"github.com/duolog/duolog/domain"
)

// Published is one record of the events topic: which event of which commit.
type Published struct {
	Position domain.Position
	Index    int
}

// Unpublished compares a partition of the events topic with the accepted
// commits of the journal's: every event is there, in order, without a gap. An
// event may be there again, but not out of nowhere.
func Unpublished(partition int32, j *Journal, published []Published) []Violation {
	var want []Published
	for _, c := range j.Accepted[partition] {
		for i := range c.Commit.Events {
			want = append(want, Published{c.Record.Position, i})
		}
	}
	place := make(map[Published]int, len(want))
	for i, p := range want {
		place[p] = i
	}
	reached := 0
	for n, p := range published {
		i, there := place[p]
		switch {
		case !there:
			return []Violation{{"events are those of the log", fmt.Sprintf("record %d of partition %d is event %d of %s, which the log does not have", n, partition, p.Index, p.Position)}}
		case i > reached:
			return []Violation{{"no gap in the events", fmt.Sprintf("event %d of %s is published before event %d of %s", p.Index, p.Position, want[reached].Index, want[reached].Position)}}
		case i == reached:
			reached++
		}
	}
	if reached < len(want) {
		return []Violation{{"no gap in the events", fmt.Sprintf("event %d of %s is not published: %d of %d are", want[reached].Index, want[reached].Position, reached, len(want))}}
	}
	return nil
}
