package quota

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/duolog/duolog/domain"
)

// triggerShare is the part of a tenant's bytes that new triggers may take. What
// is taken must be done before its deadline: more of them would only wait for
// one another, and time out. It also leaves room to the agents.
const triggerShare = 8

// Tenants holds each tenant to the same bound. Make it with New.
type Tenants struct {
	most, triggers int64

	mu      sync.Mutex
	tenants map[domain.Tenant]room
}

// room is what one tenant may have under way: all of it, and the new triggers
// among it.
type room struct {
	all, triggers *semaphore.Weighted
}

// New bounds each tenant to so many bytes.
func New(most int64) *Tenants {
	return &Tenants{most: most, triggers: max(1, most/triggerShare), tenants: map[domain.Tenant]room{}}
}

func (t *Tenants) of(tenant domain.Tenant) room {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.tenants[tenant]
	if !ok {
		r = room{semaphore.NewWeighted(t.most), semaphore.NewWeighted(t.triggers)}
		t.tenants[tenant] = r
	}
	return r
}

// Hold waits for room until ctx ends, which is not_now. What is larger than the
// bound fills it. The caller gives the room back with release.
func (t *Tenants) Hold(ctx context.Context, tenant domain.Tenant, size int64) (release func(), err error) {
	r, size := t.of(tenant), min(size, t.most)
	if r.all.Acquire(ctx, size) != nil {
		return nil, &domain.Error{
			Code: domain.CodeNotNow, Message: "not now: the tenant's other requests were not done in time",
			Fix: "send the same request again; if it was done meanwhile, you get the same answer",
		}
	}
	return func() { r.all.Release(size) }, nil
}

// Try takes room for a new trigger, or refuses it with rate_limited.
func (t *Tenants) Try(tenant domain.Tenant, size int64) (release func(), err error) {
	r, size, share := t.of(tenant), min(size, t.most), min(size, t.triggers)
	refused := &domain.Error{Code: domain.CodeRateLimited, Message: "too much of this tenant is in flight", Fix: "wait a moment and send it again"}
	if !r.triggers.TryAcquire(share) {
		return nil, refused
	}
	if !r.all.TryAcquire(size) {
		r.triggers.Release(share)
		return nil, refused
	}
	return func() {
		r.all.Release(size)
		r.triggers.Release(share)
	}, nil
}
