package quota

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/duolog/duolog/domain"
)

// triggerShare is the part of a tenant's bytes that new triggers may take. What
// is taken must be done before its deadline: more of them would only wait for
// one another, and time out. It also leaves room to the agents.
const triggerShare = 8

// burst is the part of a second's requests that may come at once: what one tenant
// sends in a moment is what another one waits for.
const burst = 20

// Bounds are those of one tenant.
type Bounds struct {
	// Bytes is the most under way.
	Bytes int64
	// Rate is the most begun each second; 0 is no bound.
	Rate int
	// Refused is told of each trigger that is refused; nil to leave it out.
	Refused func(domain.Tenant)
}

// Tenants holds each tenant to the same bounds. Make it with New.
type Tenants struct {
	most, triggers int64
	rate           rate.Limit
	burst          int
	refused        func(domain.Tenant)

	mu      sync.Mutex
	tenants map[domain.Tenant]room
}

// room is what one tenant may have under way, all of it and the new triggers
// among it, and begin.
type room struct {
	all, triggers *semaphore.Weighted
	pace          *rate.Limiter
}

// New bounds each tenant.
func New(b Bounds) *Tenants {
	t := &Tenants{most: b.Bytes, triggers: max(1, b.Bytes/triggerShare), rate: rate.Inf, refused: b.Refused, tenants: map[domain.Tenant]room{}}
	if t.refused == nil {
		t.refused = func(domain.Tenant) {}
	}
	if b.Rate > 0 {
		t.rate, t.burst = rate.Limit(b.Rate), max(1, b.Rate/burst)
	}
	return t
}

func (t *Tenants) of(tenant domain.Tenant) room {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.tenants[tenant]
	if !ok {
		r = room{semaphore.NewWeighted(t.most), semaphore.NewWeighted(t.triggers), rate.NewLimiter(t.rate, t.burst)}
		t.tenants[tenant] = r
	}
	return r
}

// Hold waits for its turn and for room until ctx ends, which is not_now. What is
// larger than the bound fills it. The caller gives the room back with release.
func (t *Tenants) Hold(ctx context.Context, tenant domain.Tenant, size int64) (release func(), err error) {
	r, size := t.of(tenant), min(size, t.most)
	if r.pace.Wait(ctx) != nil {
		<-ctx.Done() // it fails as soon as it is known that the turn comes too late
	}
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
	if !r.triggers.TryAcquire(share) {
		return nil, t.limited(tenant, "too much of this tenant is in flight")
	}
	if !r.all.TryAcquire(size) {
		r.triggers.Release(share)
		return nil, t.limited(tenant, "too much of this tenant is in flight")
	}
	release = func() {
		r.all.Release(size)
		r.triggers.Release(share)
	}
	if !r.pace.Allow() {
		release()
		return nil, t.limited(tenant, "this tenant began as much as it may in a second")
	}
	return release, nil
}

func (t *Tenants) limited(tenant domain.Tenant, message string) error {
	t.refused(tenant)
	return &domain.Error{Code: domain.CodeRateLimited, Message: message, Fix: "wait a moment and send it again"}
}
