package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/postgres"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func open(t *testing.T, cfg postgres.Config) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func TestAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	db := open(t, postgres.Config{URL: embeddedtest.Postgres(t)})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if known, err := db.KnowsLog(t.Context()); err != nil || known {
		t.Fatalf("fresh read models know a log: %t, %v", known, err)
	}
	ours := journal.Genesis{Log: uuid.New(), Partitions: 4}
	for range 2 {
		if err := db.BindLog(t.Context(), ours); err != nil {
			t.Fatal(err)
		}
	}
	for name, g := range map[string]journal.Genesis{
		"another id":    {Log: uuid.New(), Partitions: 4},
		"another count": {Log: ours.Log, Partitions: 8},
	} {
		if err := db.BindLog(t.Context(), g); !errors.Is(err, postgres.ErrForeignLog) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := db.BindLog(t.Context(), ours); err != nil {
		t.Errorf("the log itself, after the others: %v", err)
	}
}

func TestMigrationsAtOnce(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	var all sync.WaitGroup
	for range 4 {
		db := open(t, postgres.Config{URL: url})
		all.Go(func() {
			if err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	offsets, err := open(t, postgres.Config{URL: url}).Offsets(t.Context())
	if err != nil || len(offsets) > 0 {
		t.Errorf("offsets %v, %v", offsets, err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://127.0.0.1:1/x?connect_timeout=1", "no address", "postgres://u:\xff@h"} {
		if _, err := postgres.Open(t.Context(), postgres.Config{URL: url}); !errors.Is(err, postgres.ErrUnreachable) {
			t.Errorf("%q: %v", url, err)
		}
	}
}

// TestSettings: reads are one cut and read-only, writes wait for no disk.
func TestSettings(t *testing.T) {
	t.Parallel()
	db := open(t, postgres.Config{URL: embeddedtest.Postgres(t)})
	var commit, isolation, readOnly string
	if err := db.Write.QueryRow(t.Context(), `SHOW synchronous_commit`).Scan(&commit); err != nil {
		t.Fatal(err)
	}
	err := db.Read.QueryRow(t.Context(), `SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')`).Scan(&isolation, &readOnly)
	if err != nil || commit != "off" || isolation != "repeatable read" || readOnly != "on" {
		t.Errorf("synchronous_commit %s, isolation %s, read only %s, %v", commit, isolation, readOnly, err)
	}
}

// TestOtherNodesAreHeard: what one node announces, another one hears; what is
// no announcement is passed over.
func TestOtherNodesAreHeard(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Postgres(t)
	speaker, listener := open(t, postgres.Config{URL: url}), open(t, postgres.Config{URL: url})
	if err := speaker.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := speaker.Write.Exec(t.Context(), `INSERT INTO offsets VALUES (0, 1)`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan [2]int64)
	ended := make(chan error, 1)
	go func() {
		ended <- listener.Listen(ctx, "channel", func(p int32, next int64) {
			select {
			case heard <- [2]int64{int64(p), next}:
			case <-ctx.Done():
			}
		})
	}()
	say := func(payload string) {
		if _, err := speaker.Write.Exec(t.Context(), `SELECT pg_notify('channel', $1)`, payload); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-heard; got != [2]int64{0, 1} {
		t.Fatalf("heard %v first, want how far the partitions are", got)
	}
	for _, noise := range []string{"", "x", "1", "1:x", "x:1"} {
		say(noise)
	}
	say("3:42")
	if got := <-heard; got != [2]int64{3, 42} {
		t.Fatalf("heard %v", got)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("listening ended with %v", err)
	}
}

// TestARestartIsNoticedBeforeTheFirstAnswer: no query on Read is answered by a
// server that was started anew before OnRestart has returned nil.
func TestARestartIsNoticedBeforeTheFirstAnswer(t *testing.T) {
	t.Parallel()
	server := embeddedtest.OwnPostgres(t)
	var mu sync.Mutex
	var calls []map[int32]int64
	behind := errors.New("behind")
	db := open(t, postgres.Config{URL: server.URL("postgres"), OnRestart: func(_ context.Context, offsets map[int32]int64) error {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, offsets)
		if len(calls) < 3 {
			return behind
		}
		return nil
	}})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Write.Exec(t.Context(), `INSERT INTO offsets VALUES (0, 7), (2, 9)`); err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		var one int
		return db.Read.QueryRow(t.Context(), `SELECT 1`).Scan(&one)
	}
	if err := ask(); err != nil || len(calls) > 0 {
		t.Fatalf("before a restart: %v, %d calls", err, len(calls))
	}
	if err := errors.Join(server.Stop(t.Context(), embedded.Fast), server.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	var failures []error
	for deadline := time.Now().Add(time.Minute); ; {
		mu.Lock()
		before := len(calls)
		mu.Unlock()
		err := ask()
		if err == nil {
			break
		}
		failures = append(failures, err)
		if before > 0 && !pgconn.SafeToRetry(err) {
			t.Errorf("a connection that was held back failed with %v", err)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	want := map[int32]int64{0: 7, 2: 9}
	if len(calls) < 3 || !maps.Equal(calls[0], want) || !maps.Equal(calls[2], want) {
		t.Errorf("told %v, want three times %v", calls, want)
	}
	if len(failures) < 2 || !errors.Is(errors.Join(failures...), behind) {
		t.Errorf("failures %v, want those of OnRestart", fmt.Sprint(failures))
	}
}
