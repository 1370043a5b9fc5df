package projections

import (
	"sync"

	"github.com/duolog/duolog/domain/journal"
)

// Bounds of what is held of one partition.
const (
	recentCommits = 512
	recentBytes   = 512 << 10
)

// Recent holds the accepted commits of the last batches that this process
// projected, so that whoever follows a partition need not read back and decode
// what was in hand a moment ago. It holds what is written and nothing else, and
// it is safe for concurrent use.
type Recent struct {
	mu         sync.Mutex
	partitions map[int32]*recentPartition
}

// recentPartition are the accepted commits of all records from one offset up to
// another, the older ones first.
type recentPartition struct {
	from, next int64
	commits    []Accepted
	sizes      []int
	bytes      int
}

// NewRecent holds nothing yet.
func NewRecent() *Recent { return &Recent{partitions: map[int32]*recentPartition{}} }

// add takes a batch that was written.
func (r *Recent) add(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.partitions[b.partition]
	if !ok || p.next != b.from { // something between them was projected elsewhere
		p = &recentPartition{from: b.from}
		r.partitions[b.partition] = p
	}
	p.next = b.next
	for _, a := range b.accepted {
		size := sizeOf(a.Commit)
		p.commits, p.sizes, p.bytes = append(p.commits, a), append(p.sizes, size), p.bytes+size
	}
	for len(p.commits) > recentCommits || p.bytes > recentBytes {
		p.from, p.bytes = p.commits[0].Position.Offset+1, p.bytes-p.sizes[0]
		p.commits[0] = Accepted{} // the array behind it lives on for a while
		p.commits, p.sizes = p.commits[1:], p.sizes[1:]
	}
}

func sizeOf(c journal.Commit) int {
	const frame = 512
	n := frame
	for _, e := range c.Events {
		n += len(e.Data)
	}
	return n
}

// since gives up to limit accepted commits from an offset on; ok is false when
// they are not all held.
func (r *Recent) since(partition int32, offset int64, limit int) (out []Accepted, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, held := r.partitions[partition]
	if !held || offset < p.from || offset >= p.next {
		return nil, false
	}
	for _, a := range p.commits {
		if a.Position.Offset >= offset && len(out) < limit {
			out = append(out, a)
		}
	}
	return out, true
}
