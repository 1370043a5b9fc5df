package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/duolog/duolog/domain"
)

// bodies holds the bodies of a tenant's requests within what it may have in
// memory, before they are read: a client that must wait has sent nothing yet
// that is kept here.
type bodies struct {
	most int64

	mu      sync.Mutex
	tenants map[domain.Tenant]*semaphore.Weighted
}

func newBodies(most int64) *bodies {
	return &bodies{most: most, tenants: map[domain.Tenant]*semaphore.Weighted{}}
}

func (b *bodies) of(tenant domain.Tenant) *semaphore.Weighted {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tenants[tenant] == nil {
		b.tenants[tenant] = semaphore.NewWeighted(b.most)
	}
	return b.tenants[tenant]
}

// admit takes room for a body until the request is answered: a new trigger is
// refused where there is none, anything else waits its turn.
func (b *bodies) admit(ctx context.Context, tenant domain.Tenant, size int64, trigger bool) (release func(), err error) {
	room, size := b.of(tenant), min(size, b.most)
	if trigger {
		if !room.TryAcquire(size) {
			return nil, &domain.Error{Code: domain.CodeRateLimited, Message: "too much of this tenant is in flight", Fix: "wait a moment and send it again"}
		}
	} else if room.Acquire(ctx, size) != nil {
		return nil, notNow("the tenant's other requests were not done in time")
	}
	return func() { room.Release(size) }, nil
}

const (
	// requestBytes is what a request weighs beside its body.
	requestBytes = 4 << 10
	// inflation is how much larger a compressed body is taken to become.
	inflation = 16
	// bodyTime and bodyRate are how long a body may take: that, and a second
	// more for so many bytes. A slower client keeps room from the others.
	bodyTime = 10 * time.Second
	bodyRate = 256 << 10
)

// sizeOf is what the body of a request takes at most, as far as one can know
// before reading it.
func sizeOf(r *http.Request, most int64) int64 {
	size := r.ContentLength
	switch {
	case size < 0:
		size = most
	case r.Header.Get("Content-Encoding") != "":
		size *= inflation
	}
	return min(size, most) + requestBytes
}

// admitted reads the body of a request once there is room for it.
func (s *Server) admitted(c *call, most int64) ([]byte, error) {
	most = min(most, s.cfg.Limits.MaxBody)
	size := sizeOf(c.Request, most)
	release, err := s.bodies.admit(c.Context(), c.who.Tenant, size, c.trigger)
	if err != nil {
		return nil, err
	}
	c.release = release
	// A deadline in the past ends the read under way. It is not set beforehand: the
	// server goes on reading behind the body, to hear of a client that hangs up.
	control := http.NewResponseController(c.w)
	late := time.AfterFunc(bodyTime+time.Duration(size/bodyRate)*time.Second, func() {
		_ = control.SetReadDeadline(time.Unix(1, 0))
	})
	body, err := s.readBody(c.w, c.Request, most)
	if late.Stop() {
		return body, err
	}
	return nil, invalidBody("the body came too slowly", "send it faster, or less of it", err)
}
