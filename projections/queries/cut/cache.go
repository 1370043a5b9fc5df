package cut

import (
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/projections"
)

// Cache keeps the bytes of blobs that were read and checked: what stands under an
// address never changes. Whether a reader may have them is said by the rows that name
// them, which are always read. It is safe for concurrent use; a nil one keeps nothing.
type Cache struct {
	mu   sync.Mutex
	kept *simplelru.LRU[blobKey, []byte]
	size int
	most int
}

const (
	// blobFrame is about what keeping a blob takes beside its bytes.
	blobFrame = 256
	// keptMost bounds how many are kept, however small.
	keptMost = 1 << 18
	// shareMost is the part of a cache that one blob may take.
	shareMost = 16
)

// NewCache keeps at most so many bytes.
func NewCache(most int) *Cache {
	c := &Cache{most: most}
	kept, err := simplelru.NewLRU(keptMost, func(_ blobKey, b []byte) { c.size -= blobFrame + len(b) })
	if err != nil {
		panic(fmt.Sprintf("a cache of %d blobs: %v", keptMost, err)) // only a size below 1 is refused
	}
	c.kept = kept
	return c
}

// fill adds those of the addresses that are kept.
func (c *Cache) fill(stream projections.ShortKey, want []value.Address, into map[blobKey][]byte) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, address := range want {
		key := blobKey{stream, address}
		if b, ok := c.kept.Get(key); ok {
			into[key] = b
		}
	}
}

// put keeps the bytes of a blob, which nobody changes any more.
func (c *Cache) put(key blobKey, b []byte) {
	if c == nil || len(b) > c.most/shareMost {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept.Contains(key) {
		return
	}
	c.kept.Add(key, b)
	c.size += blobFrame + len(b)
	for c.size > c.most {
		c.kept.RemoveOldest()
	}
}
