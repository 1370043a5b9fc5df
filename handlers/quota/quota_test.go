package quota_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/quota"
)

// TestRoom: triggers share an eighth, what is not one shares all, refused and
// ended ones take nothing, and no tenant takes another's.
func TestRoom(t *testing.T) { synctest.Test(t, room) }

func room(t *testing.T) {
	var refused []domain.Tenant
	q := quota.New(quota.Bounds{Bytes: 800, Refused: func(tenant domain.Tenant) { refused = append(refused, tenant) }})
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
	if diff := cmp.Diff([]domain.Tenant{"acme"}, refused); diff != "" {
		t.Error(diff)
	}
	all()
	huge := try("acme", 1<<20, "") // fills all of it
	hold(1, domain.CodeNotNow)
	huge()
	hold(1<<20, "")()
}

// TestRate: what comes too soon waits its turn, to the moment, a new trigger is
// refused, and what cannot have its turn in time is held until then, not refused
// at once: it would only come again.
func TestRate(t *testing.T) { synctest.Test(t, pace) }

func pace(t *testing.T) {
	q := quota.New(quota.Bounds{Bytes: 800, Rate: 20})
	began := time.Now()
	hold := func(most time.Duration) error {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), most)
		defer cancel()
		release, err := q.Hold(ctx, "acme", 10)
		if err == nil {
			release()
		}
		return err
	}
	at := func(want time.Duration) {
		t.Helper()
		if got := time.Since(began).Round(time.Millisecond); got != want {
			t.Errorf("it is %s later, not %s", got, want)
		}
	}
	for i := range 3 {
		if err := hold(time.Second); err != nil {
			t.Error(err)
		}
		at(time.Duration(i) * 50 * time.Millisecond)
	}
	if _, err := q.Try("acme", 10); domain.CodeOf(err) != domain.CodeRateLimited {
		t.Errorf("a trigger: %v", err)
	}
	if err := hold(20 * time.Millisecond); domain.CodeOf(err) != domain.CodeNotNow {
		t.Errorf("a write that has no turn in time: %v", err)
	}
	at(120 * time.Millisecond)
	if release, err := q.Try("globex", 10); err != nil {
		t.Errorf("another tenant: %v", err)
	} else {
		release()
	}
	time.Sleep(50 * time.Millisecond)
	if release, err := q.Try("acme", 10); err != nil {
		t.Errorf("a trigger in time: %v", err)
	} else {
		release()
	}
}
