package quota_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/quota"
)

// TestRoom: triggers share an eighth, what is not one shares all, refused and
// ended ones take nothing, and no tenant takes another's.
func TestRoom(t *testing.T) { synctest.Test(t, room) }

func room(t *testing.T) {
	q := quota.New(800)
	try := func(tenant domain.Tenant, size int64, want domain.Code) func() {
		t.Helper()
		release, err := q.Try(tenant, size)
		if domain.CodeOf(err) != want && (want != "" || err != nil) {
			t.Errorf("a trigger of %d: %v, not %q", size, err, want)
		}
		return release
	}
	hold := func(size int64, want domain.Code) func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		release, err := q.Hold(ctx, "acme", size)
		if domain.CodeOf(err) != want && (want != "" || err != nil) {
			t.Errorf("a write of %d: %v, not %q", size, err, want)
		}
		return release
	}
	first := try("acme", 60, "")
	try("acme", 60, domain.CodeRateLimited)
	second := try("acme", 40, "")
	all := hold(700, "")
	hold(1, domain.CodeNotNow)
	try("globex", 100, "")()
	first()
	second()
	hold(100, "")()
	all()
	huge := try("acme", 1<<20, "") // fills all of it
	hold(1, domain.CodeNotNow)
	huge()
	hold(1<<20, "")()
}
