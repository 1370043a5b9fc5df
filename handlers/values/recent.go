package values

import (
	"bytes"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/duolog/duolog/domain"
)

// Recent remembers the bytes of values that came lately, so that a change to them need
// not read them again. It is safe for concurrent use. What it holds is proved by its
// sum: it is never old.
type Recent struct {
	most  int
	mu    sync.Mutex
	lru   *simplelru.LRU[recentKey, []byte]
	bytes int
}

type recentKey struct {
	stream domain.StreamID
	sum    Sum
}

const (
	// recentLeast is the size from which bytes are worth remembering: clients send
	// shorter values whole.
	recentLeast = 512
	// recentCount bounds how many are remembered; recentShare how much of the room one
	// may take.
	recentCount = 64 << 10
	recentShare = 4
)

// NewRecent remembers that many bytes.
func NewRecent(most int) *Recent {
	r := &Recent{most: most}
	// The size is above 0: it cannot fail.
	r.lru, _ = simplelru.NewLRU(recentCount, func(_ recentKey, raw []byte) { r.bytes -= len(raw) })
	return r
}

// Add remembers bytes of a stream. They are copied.
func (r *Recent) Add(stream domain.StreamID, sum Sum, raw []byte) {
	if len(raw) < recentLeast || len(raw) > r.most/recentShare {
		return
	}
	key := recentKey{stream, sum}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.lru.Get(key); there {
		return
	}
	r.bytes += len(raw)
	r.lru.Add(key, bytes.Clone(raw))
	for r.bytes > r.most {
		r.lru.RemoveOldest()
	}
}

// Get gives bytes that are remembered. They MUST not be changed.
func (r *Recent) Get(stream domain.StreamID, sum Sum) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lru.Get(recentKey{stream, sum})
}
