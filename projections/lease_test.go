package projections_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/postgres"
	"github.com/duolog/duolog/projections"
)

// member is a process that shares partitions with others.
type member struct {
	*projections.Leases
	db    *postgres.DB
	leave func()

	mu      sync.Mutex
	working map[int32]int
}

// join starts a process under a name, until leave is called or the test ends.
func join(t *testing.T, url, name string) *member {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := &member{db: db, working: map[int32]int{}}
	m.Leases = projections.NewLeases(projections.LeaseConfig{
		Pool: db.Write, Node: name, Partitions: 4, Work: m.work, Logger: slog.New(slog.DiscardHandler), Every: 20 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	m.leave = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("leases of %s: %v", name, err)
		}
		db.Close()
	})
	t.Cleanup(m.leave)
	return m
}

func (m *member) work(ctx context.Context, partition int32) error {
	m.count(partition, 1)
	defer m.count(partition, -1)
	<-ctx.Done()
	return nil
}

func (m *member) count(partition int32, by int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.working[partition] += by; m.working[partition] == 0 {
		delete(m.working, partition)
	}
}

// shares waits until the members work on that many partitions each, which are
// four different ones together, and says how long that took.
func shares(t *testing.T, members []*member, want ...int) time.Duration {
	t.Helper()
	began := time.Now()
	for got := ""; ; time.Sleep(5 * time.Millisecond) {
		all := map[int32]int{}
		counts := make([]int, len(members))
		for i, m := range members {
			m.mu.Lock()
			for p, n := range m.working {
				all[p] += n
				counts[i] += n
			}
			m.mu.Unlock()
		}
		got = fmt.Sprint(counts, all)
		if got == fmt.Sprint(want, map[int32]int{0: 1, 1: 1, 2: 1, 3: 1}) {
			return time.Since(began)
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("the shares are %s, want %v", got, want)
		}
	}
}

func TestLeasesAreSharedFairly(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	a := join(t, url, "a")
	shares(t, []*member{a}, 4)
	b := join(t, url, "b")
	shares(t, []*member{a, b}, 2, 2)
	c, d := join(t, url, "c"), join(t, url, "d")
	shares(t, []*member{a, b, c, d}, 1, 1, 1, 1)
	d.leave()
	c.leave()
	shares(t, []*member{a, b}, 2, 2)
	b.leave()
	var kept int
	if err := a.db.Write.QueryRow(t.Context(), `SELECT count(*) FROM leases WHERE owner = 'b'`).Scan(&kept); err != nil || kept != 0 {
		t.Errorf("%d leases were not given back (%v)", kept, err)
	}
	shares(t, []*member{a}, 4)
}

// TestThreeShareFour: nobody is left out, and nobody has more than its share.
func TestThreeShareFour(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	members := []*member{join(t, url, "a"), join(t, url, "b")}
	shares(t, members, 2, 2)
	members = append(members, join(t, url, "c"))
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		total, idle := 0, 0
		for _, m := range members {
			n := len(m.Owned())
			if total += n; n == 0 {
				idle++
			}
		}
		if total == 4 && idle == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d partitions are worked on, %d members are idle", total, idle)
		}
	}
}

// TestALeaseExpires: a process that cannot renew its leases, and gives nothing
// back, is replaced after five seconds.
func TestALeaseExpires(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	a := join(t, url, "a")
	shares(t, []*member{a}, 4)
	a.db.Close()
	b := join(t, url, "b")
	if took := shares(t, []*member{b}, 4); took < 3*time.Second {
		t.Errorf("taken after %s: the leases had not expired", took)
	}
}

// TestTheSameNameTakesItsLeasesUp: a process that was killed and starts again
// under its name does not wait for its own leases to expire.
func TestTheSameNameTakesItsLeasesUp(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	killed := join(t, url, "a")
	shares(t, []*member{killed}, 4)
	killed.db.Close()
	// Leases that last until tomorrow: who waited for their end would not have them now.
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.Exec(t.Context(), `UPDATE leases SET until = now() + interval '1 day'`); err != nil {
		t.Fatal(err)
	}
	shares(t, []*member{join(t, url, "a")}, 4)
}
