package values

import (
	"bytes"
	"hash"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// Recent remembers the bytes of values that came lately, so that a change to them need
// not read them again. It is safe for concurrent use. What it holds is proved by its
// sum: it is never old.
type Recent struct {
	most  int
	mu    sync.Mutex
	lru   *simplelru.LRU[recentKey, Known]
	bytes int
}

// Known is a value that came, and its pieces (value.Build) where they are known.
type Known struct {
	Raw    []byte
	Pieces []value.Blob

	// hashed is the hash of what Raw has from a place on, but for its last byte; nil for
	// none. It is cloned, never written to.
	hashed hash.Cloner
	from   int
}

// pieceWeight is what a piece takes beside its bytes, with its share of a node.
const pieceWeight = 160

// weight is what it takes of the room.
func (k Known) weight() int { return len(k.Raw) + pieceWeight*len(k.Pieces) }

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
	r.lru, _ = simplelru.NewLRU(recentCount, func(_ recentKey, k Known) { r.bytes -= k.weight() })
	return r
}

// Add remembers a value of a stream. Where its pieces are known it is kept as it is, and
// MUST not be changed from then on; otherwise it is copied, since it may be a small part
// of what it was read from.
func (r *Recent) Add(stream domain.StreamID, sum Sum, k Known) {
	if len(k.Raw) < recentLeast || len(k.Raw) > r.most/recentShare {
		return
	}
	key := recentKey{stream, sum}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.lru.Get(key); there {
		return
	}
	if k.Pieces == nil {
		k.Raw = bytes.Clone(k.Raw)
	}
	r.bytes += k.weight()
	r.lru.Add(key, k)
	for r.bytes > r.most {
		r.lru.RemoveOldest()
	}
}

// Get gives a value that is remembered. It MUST not be changed.
func (r *Recent) Get(stream domain.StreamID, sum Sum) (Known, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lru.Get(recentKey{stream, sum})
}
