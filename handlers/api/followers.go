package api

import (
	"fmt"
	"sync"

	"github.com/duolog/duolog/domain"
)

// followers counts the streams that clients follow. Each holds a connection and reads
// for itself, so one tenant must not have all of them.
type followers struct {
	// most is how many one tenant may have on this node.
	most int

	mu  sync.Mutex
	all int
	of  map[domain.Tenant]int
}

func newFollowers(most int) *followers {
	return &followers{most: most, of: map[domain.Tenant]int{}}
}

// enter takes room for one stream, or refuses it with rate_limited. The caller gives
// the room back with leave.
func (f *followers) enter(tenant domain.Tenant) (leave func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of[tenant] >= f.most {
		return nil, &domain.Error{
			Code: domain.CodeRateLimited, Message: fmt.Sprintf("this tenant follows %d streams on this node already", f.most),
			Fix: "close those that nobody reads, or read several workflows from GET /v1/events",
		}
	}
	f.all++
	f.of[tenant]++
	return func() { f.left(tenant) }, nil
}

func (f *followers) left(tenant domain.Tenant) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if f.of[tenant]--; f.of[tenant] == 0 {
		delete(f.of, tenant)
	}
}

func (f *followers) count() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(f.all)
}
