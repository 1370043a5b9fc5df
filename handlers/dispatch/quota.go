package dispatch

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// quota is what a tenant may have in flight, in bytes: all of it, and the new
// triggers among it.
type quota struct {
	all, triggers *semaphore.Weighted
}

// triggerShare is the part of a tenant's bytes that new triggers may take. What
// is taken must be done before its deadline: more of them would only wait for
// one another, and time out. It also leaves room to the agents.
const triggerShare = 8

// triggerBytes is what a tenant's new triggers may have in flight.
func (d *Dispatcher) triggerBytes() int64 { return max(1, d.cfg.TenantBytes/triggerShare) }

func (d *Dispatcher) quotaOf(tenant domain.Tenant) quota {
	d.mu.Lock()
	defer d.mu.Unlock()
	q, ok := d.tenants[tenant]
	if !ok {
		q = quota{semaphore.NewWeighted(d.cfg.TenantBytes), semaphore.NewWeighted(d.triggerBytes())}
		d.tenants[tenant] = q
	}
	return q
}

// admit holds what a tenant has in flight within its bounds: a new trigger is
// refused, anything else waits its turn. What is larger than a bound fills it.
func (d *Dispatcher) admit(ctx context.Context, req *Request) (release func(), err error) {
	q, size := d.quotaOf(req.Stream.Tenant), min(req.size(), d.cfg.TenantBytes)
	if _, trigger := req.Workflow.(*workflow.Start); trigger {
		return q.admitTrigger(size, min(size, d.triggerBytes()))
	}
	if q.all.Acquire(ctx, size) != nil {
		return nil, notNow("the tenant's other requests were not done in time")
	}
	return func() { q.all.Release(size) }, nil
}

func (q quota) admitTrigger(size, share int64) (release func(), err error) {
	refused := &domain.Error{Code: domain.CodeRateLimited, Message: "too much of this tenant is in flight", Fix: "wait a moment and send it again"}
	if !q.triggers.TryAcquire(share) {
		return nil, refused
	}
	if !q.all.TryAcquire(size) {
		q.triggers.Release(share)
		return nil, refused
	}
	return func() {
		q.all.Release(size)
		q.triggers.Release(share)
	}, nil
}
