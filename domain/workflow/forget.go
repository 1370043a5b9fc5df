package workflow

import (
	"maps"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/value"
)

// forget is what a deletion leaves of the facts: nothing is there, and that is known
// where it was known what was the newest.
func (f *Facts) forget() {
	left := NewFacts()
	for ns := range f.Newest {
		left.Newest[ns], left.Highest[ns] = uuid.Nil, uuid.Nil
	}
	left.Deliveries = f.Deliveries
	*f = *left
}

// prune takes from the facts what is gone. Of bytes it is not known which went along:
// they count as not there.
func (f *Facts) prune(gone func(CheckpointKey) bool) {
	maps.DeleteFunc(f.Checkpoints, func(key CheckpointKey, _ Checkpoint) bool { return gone(key) })
	maps.DeleteFunc(f.Versions, func(key CheckpointKey, _ Versions) bool { return gone(key) })
	maps.DeleteFunc(f.Latest, func(_ string, key CheckpointKey) bool { return gone(key) })
	maps.DeleteFunc(f.Writes, func(key WriteKey, _ value.Value) bool { return gone(key.Checkpoint) })
	maps.DeleteFunc(f.Elsewhere, func(at ChannelAt, found FoundAt) bool { return gone(CheckpointKey{at.NS, found.TS}) })
	left := map[value.Address]bool{}
	for _, c := range f.Checkpoints {
		for _, id := range c.Channels {
			left[id] = true
		}
	}
	maps.DeleteFunc(f.Values, func(id value.Address, _ value.Manifest) bool { return !left[id] })
	clear(f.Blobs)
}
