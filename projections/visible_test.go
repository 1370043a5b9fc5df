package projections_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
)

func at(partition int32, offset int64) domain.Position {
	return domain.Position{Partition: partition, Offset: offset}
}

// waiting starts a wait and returns what it comes to, which is nothing yet.
func waiting(t *testing.T, wait func(context.Context) error) chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- wait(t.Context()) }()
	synctest.Wait()
	still(t, done)
	return done
}

func still(t *testing.T, done chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("the wait ended too early: %v", err)
	default:
	}
}

func ended(t *testing.T, done chan error) {
	t.Helper()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestVisibleWaitsForThePosition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := projections.NewVisible()
		wait := waiting(t, func(ctx context.Context) error { return v.Wait(ctx, at(1, 5)) })
		changed := v.Changed(1)
		v.Advance(0, 99, nil) // of another partition
		v.Advance(1, 5, nil)  // shows what stands before 5
		<-changed
		synctest.Wait()
		still(t, wait)
		v.Advance(1, 6, nil)
		ended(t, wait)
		if v.Next(1) != 6 || v.Next(2) != 0 {
			t.Errorf("next %d and %d, want 6 and 0", v.Next(1), v.Next(2))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := v.Wait(ctx, at(1, 6)); !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled wait: %v", err)
		}
	})
}

// TestVisibleGoesBack: a Postgres that lost its last transactions shows less
// than was answered; who asks is held until it shows that again.
func TestVisibleGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := projections.NewVisible()
		if err := v.Ready(t.Context()); err != nil || !v.Shows(1, 0) {
			t.Fatalf("nothing was answered: %v", err)
		}
		v.Advance(0, 3, nil)
		v.Advance(1, 10, nil)
		v.Answered(at(0, 0))
		v.Answered(at(1, 7))
		v.Answered(at(1, 4)) // an earlier one takes nothing back
		if err := v.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.Advance(1, 7, nil)
		ready := waiting(t, v.Ready)
		if v.Shows(1, 7) || !v.Shows(1, 8) || v.Shows(0, 0) || !v.Shows(2, 0) {
			t.Error("shows does not follow what was answered")
		}
		v.Advance(1, 8, nil)
		ended(t, ready)
	})
}

func TestVisibleAfterARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := projections.NewVisible()
		v.Advance(0, 10, nil)
		v.Advance(1, 10, nil)
		// Partition 1 has no row any more, and another node answered 0:11.
		restarted := waiting(t, func(ctx context.Context) error {
			return v.Restarted(ctx, map[int32]int64{0: 6}, map[int32]int64{0: 12, 1: 10, 2: 0})
		})
		if v.Next(0) != 6 || v.Next(1) != 0 {
			t.Errorf("next %d and %d, want 6 and 0", v.Next(0), v.Next(1))
		}
		v.Advance(0, 12, nil)
		synctest.Wait()
		still(t, restarted)
		v.Advance(1, 10, nil)
		ended(t, restarted)
	})
}

// TestVisibleKeepsLateVerdicts: what is held for waiters is bounded, oldest out.
func TestVisibleKeepsLateVerdicts(t *testing.T) {
	t.Parallel()
	const kept, more = 1 << 14, 100
	v := projections.NewVisible()
	for i := range int64(kept + more) {
		v.Advance(0, i+1, []projections.Verdict{{Offset: i, Reason: "stale_parent"}})
		v.Advance(0, i+1, []projections.Verdict{{Offset: i}}) // derived again
	}
	for i := range int64(kept + more) {
		verdict, known := v.Verdict(at(0, i))
		if known != (i >= more) || verdict.Reason != "" {
			t.Fatalf("verdict %d of %d: known %t, %+v", i, kept+more, known, verdict)
		}
	}
}

func TestVisibleIsSafeForManyGoroutines(t *testing.T) {
	t.Parallel()
	const last = 500
	v := projections.NewVisible()
	var all sync.WaitGroup
	for p := range int32(4) {
		all.Go(func() {
			for i := range int64(last) {
				v.Advance(p, i+1, []projections.Verdict{{Offset: i}})
				v.Answered(at(p, i))
				_, _, _ = v.Changed(p), v.Next(p), v.Shows(p, i)
			}
		})
		for i := range int64(last) {
			all.Go(func() {
				if err := errors.Join(v.Wait(t.Context(), at(p, i)), v.Ready(t.Context())); err != nil {
					t.Error(err)
				}
				if _, known := v.Verdict(at(p, i)); !known {
					t.Errorf("no verdict at %s", at(p, i))
				}
			})
		}
	}
	all.Wait()
}

// TestAnnouncementsOfOnesOwnBatches: while a partition is projected here, its
// projector alone says how far it is; what others announced counts when it ends,
// unless the database lost it.
func TestAnnouncementsOfOnesOwnBatches(t *testing.T) {
	t.Parallel()
	v := projections.NewVisible()
	v.Announced(0, 3)
	ended := v.Projecting(0)
	v.Announced(0, 7)
	if n := v.Next(0); n != 3 {
		t.Errorf("while it is projected here: %d, want 3", n)
	}
	v.Advance(0, 5, nil)
	ended()
	if n := v.Next(0); n != 7 {
		t.Errorf("afterwards: %d, want 7", n)
	}
	ended = v.Projecting(0)
	v.Announced(0, 9)
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Restarted(short, map[int32]int64{0: 4}, map[int32]int64{0: 9}); !errors.Is(err, context.Canceled) {
		t.Errorf("the database shows 4 of 9: %v", err)
	}
	ended()
	if n := v.Next(0); n != 4 {
		t.Errorf("after a database that lost its last transactions: %d, want 4", n)
	}
}

// Who works off what is owed is not woken by each step of an agent.
func TestOnlyWhatIsOwedWakesWhoWorksItOff(t *testing.T) {
	t.Parallel()
	v := projections.NewVisible()
	woken := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	owes := v.Owes(1)
	v.Advance(1, 6, []projections.Verdict{{Offset: 5}})
	v.Owed(2)
	if woken(owes) {
		t.Error("a step woke who works off what is owed")
	}
	v.Owed(1)
	if !woken(owes) {
		t.Error("what is owed woke nobody")
	}
	if owes = v.Owes(1); woken(owes) {
		t.Error("what was owed before woke again")
	}
	v.Announced(1, 9)
	if !woken(owes) {
		t.Error("what another process projected woke nobody")
	}
}
