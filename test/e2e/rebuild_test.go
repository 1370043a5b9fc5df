package e2e_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestRebuildWhileServing rebuilds the read models of two nodes while people and API
// clients write through both. A rebuild that is interrupted, or killed, changes nothing
// and is in nobody's way. Every answer stays true on both nodes, and the rows are those
// of the log.
func TestRebuildWhileServing(t *testing.T) {
	t.Parallel()
	f := fleettest.NewFleet(t, 20*time.Millisecond)
	a, b := f.Node("a", ""), f.Node("b", "")
	front := fleettest.RoundRobin(t, a.API, b.API)
	a.Base, b.Base = front, front
	a.Start()
	b.Start()
	followed := newFollower(t, f, front)
	c := newTraffic(t, f, front, a, b)
	stop := c.begin(t, 3)
	asked := f.AskMany(front, 2)
	c.progress(t, 15)

	before := offsetsTable(t, f)
	release := reading(t, f)
	interrupted(t, f, syscall.SIGINT)
	if left := schemas(t, f); left != 0 {
		t.Errorf("%d schemas are left of a rebuild that was interrupted", left)
	}
	interrupted(t, f, syscall.SIGKILL)
	c.progress(t, 10)
	if is := offsetsTable(t, f); is != before {
		t.Errorf("the tables are %d, were %d", is, before)
	}
	release()
	// What a rebuild leaves that was killed behind its swap.
	fleettest.Execute(t, f.Database, `CREATE SCHEMA public_replaced`, `CREATE TABLE public_replaced.offsets (LIKE offsets)`)
	for range 2 {
		r := f.Tool("projection", "rebuild", "--json")
		if r.Code != 0 {
			t.Fatalf("projection rebuild: %s%s", r.Out, r.Err)
		}
		t.Log(strings.TrimSpace(r.Out))
		if is := offsetsTable(t, f); is == before || schemas(t, f) != 0 {
			t.Errorf("the tables are %d, were %d; %d schemas are left", is, before, schemas(t, f))
		}
		c.progress(t, 15)
	}
	stop()
	for _, p := range asked {
		f.Answered(t, p)
	}
	c.check(t)
	followed.check(t)
	f.Clean()

	fleettest.Execute(t, f.Database, `CREATE VIEW mine AS SELECT stream FROM workflows`)
	if r := f.Tool("projection", "rebuild"); r.Code == 0 || !strings.Contains(r.Err, "view mine") || !strings.Contains(r.Err, "--in-place") {
		t.Errorf("a rebuild under a view: exit code %d\n%s%s", r.Code, r.Out, r.Err)
	}
	if r := f.Tool("projection", "rebuild", "--in-place"); r.Code != 0 {
		t.Errorf("projection rebuild --in-place: %s%s", r.Out, r.Err)
	}
	f.Clean()
}

func offsetsTable(t *testing.T, f *fleettest.Fleet) int64 {
	t.Helper()
	return fleettest.Query[int64](t, f.Database, `SELECT 'offsets'::regclass::bigint`)
}

// schemas counts those that rebuilds made.
func schemas(t *testing.T, f *fleettest.Fleet) int {
	t.Helper()
	return fleettest.Query[int](t, f.Database, `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'public\_%'`)
}

// reading keeps the tables in use, so that nothing takes their place.
func reading(t *testing.T, f *fleettest.Fleet) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), f.Database)
	fleettest.OK(t, err)
	_, err = conn.Exec(t.Context(), `BEGIN; SELECT count(*) FROM offsets`, pgx.QueryExecModeSimpleProtocol)
	fleettest.OK(t, err)
	return func() { fleettest.OK(t, conn.Close(t.Context())) }
}

// interrupted ends a rebuild that fills its tables.
func interrupted(t *testing.T, f *fleettest.Fleet, signal syscall.Signal) {
	t.Helper()
	p := fleettest.Launch(t, f.Dir, []string{"DUOLOG_BROKERS=" + f.Brokers, "DUOLOG_DATABASE_URL=" + f.Database}, fleettest.Duolog(t), "projection", "rebuild")
	fleettest.Eventually(t, 30*time.Second, func() error {
		switch {
		case !p.Alive():
			return fleettest.FinalError{Err: fmt.Errorf("it ended: %s%s", p.Out.String(), p.Err.String())}
		case fleettest.Query[bool](t, f.Database, `SELECT to_regclass('public_rebuild.commits') IS NULL`):
			return errors.New("it has not begun")
		}
		return nil
	})
	_ = p.Cmd.Process.Signal(signal)
	if code := p.Await(t, 30*time.Second); code == 0 {
		t.Errorf("it ended well: %s", p.Out.String())
	}
}
