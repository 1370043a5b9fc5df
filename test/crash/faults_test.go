//go:build crash

package crash_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/internal/embedded"
)

// lease is how long a node is the owner of its partitions without a word.
const lease = 5 * time.Second

// reach is how long a node may take to come by the point where it is to die.
const reach = 12 * time.Second

func upTo(rng *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(rng.Int64N(int64(most)))
}

// fault is something that happens to one node, or to what all stand on.
type fault struct {
	name string
	do   func(w *world, ctx context.Context, m *member, rng *rand.Rand)
	// lasts says that a node may die twice meanwhile.
	lasts bool
}

// faults are what happens beside the kills at named points.
func faults() []fault {
	return []fault{
		{name: "kill -9 at a random moment", do: (*world).kill},
		{name: "postgres stopped with -m immediate", do: (*world).stopPostgres},
		{name: "SIGSTOP for longer than the lease", do: (*world).pause, lasts: true},
		{name: "SIGSTOP in the middle of a transaction", do: (*world).pauseInTransaction, lasts: true},
		{name: "restart in order", do: (*world).restart},
		{name: "kill -9 in the middle of a transaction", do: (*world).killInTransaction},
		{name: "kill -9 while it starts", do: (*world).killStarting},
		{name: "postgres stopped in the middle of a transaction", do: (*world).stopPostgresInTransaction},
		{name: "kill -9 of all nodes at once", do: (*world).killAll},
	}
}

// killed is kill -9, counted.
func (w *world) killed(m *member, why string) {
	m.Proc.Kill()
	w.kills.add(why)
}

func (w *world) kill(ctx context.Context, m *member, rng *rand.Rand) {
	pass(ctx, upTo(rng, 1500*time.Millisecond))
	w.killed(m, "kill -9 at a random moment")
	pass(ctx, upTo(rng, 7*time.Second)) // others may take its partitions, or not
	m.start()
}

func (w *world) restart(ctx context.Context, m *member, rng *rand.Rand) {
	pass(ctx, upTo(rng, time.Second))
	m.stop()
	w.kills.add("restart in order")
	m.start()
}

func (w *world) killStarting(ctx context.Context, m *member, rng *rand.Rand) {
	w.killed(m, "kill -9 while it starts")
	for range 2 {
		m.start()
		pass(ctx, upTo(rng, time.Second))
		w.killed(m, "kill -9 while it starts")
	}
	m.start()
}

func (w *world) killAll(ctx context.Context, _ *member, rng *rand.Rand) {
	pass(ctx, upTo(rng, time.Second))
	for _, m := range w.nodes {
		w.killed(m, "kill -9 of all nodes at once")
	}
	pass(ctx, upTo(rng, time.Second))
	for _, m := range w.nodes {
		m.start()
	}
}

// stopPostgres ends the database as a crash would: what it had not written
// since its last flush is lost.
func (w *world) stopPostgres(ctx context.Context, _ *member, rng *rand.Rand) {
	pass(ctx, upTo(rng, time.Second))
	if err := w.fleet.Postgres.Stop(ctx, embedded.Immediate); err != nil {
		w.violated("the harness works", "stop postgres: %v", err)
	}
	w.kills.add("postgres stopped with -m immediate")
	pass(ctx, upTo(rng, 2*time.Second))
	if err := w.fleet.Postgres.Start(ctx); err != nil {
		w.violated("the harness works", "start postgres: %v", err)
	}
}

// pause stops the node for longer than its lease: when it goes on, somebody
// else has its partitions, and it does not know.
func (w *world) pause(ctx context.Context, m *member, rng *rand.Rand) {
	pass(ctx, upTo(rng, time.Second))
	w.signal(m, syscall.SIGSTOP)
	w.kills.add("SIGSTOP for longer than the lease")
	pass(ctx, lease+time.Second+upTo(rng, time.Second))
	w.signal(m, syscall.SIGCONT)
}

func (w *world) signal(m *member, s syscall.Signal) {
	if err := m.Proc.Cmd.Process.Signal(s); err != nil {
		w.violated("the harness works", "%s of node %s: %v", s, m.Name, err)
	}
}

func (w *world) pauseInTransaction(ctx context.Context, m *member, rng *rand.Rand) {
	err := w.inTransaction(ctx, m, func() {
		w.signal(m, syscall.SIGSTOP)
		w.kills.add("SIGSTOP in the middle of a transaction")
		pass(ctx, lease)
		w.ownsNothing(ctx, m)
		pass(ctx, 500*time.Millisecond+upTo(rng, time.Second)) // whoever took over has come to the same record
	})
	pass(ctx, upTo(rng, time.Second)) // its transaction is committed, and it does not know
	w.signal(m, syscall.SIGCONT)
	w.missed(err, "SIGSTOP in the middle of a transaction")
}

// ownsNothing waits until others have the partitions of a node.
func (w *world) ownsNothing(ctx context.Context, m *member) {
	w.missed(wait(ctx, reach, func() error {
		n, err := query[int](ctx, w.url(), `SELECT count(*) FROM leases WHERE owner = $1`, m.Name)
		if err == nil && n > 0 {
			err = fmt.Errorf("%s owns %d partitions", m.Name, n)
		}
		return err
	}), "others take over")
}

func (w *world) killInTransaction(ctx context.Context, m *member, rng *rand.Rand) {
	err := w.inTransaction(ctx, m, func() {
		w.killed(m, "kill -9 in the middle of a transaction")
		pass(ctx, upTo(rng, lease+2*time.Second))
	})
	m.Proc.Kill()
	m.start()
	w.missed(err, "kill -9 in the middle of a transaction")
}

// stopPostgresInTransaction loses a transaction that has moved its offset.
func (w *world) stopPostgresInTransaction(ctx context.Context, m *member, rng *rand.Rand) {
	err := w.inTransaction(ctx, m, func() {
		pass(ctx, upTo(rng, time.Second)) // what was committed before it is written out by then, or is lost too
		w.stopPostgres(ctx, m, rng)
	})
	w.missed(err, "postgres stopped in the middle of a transaction")
}

// missed notes a fault that could not be made.
func (w *world) missed(err error, what string) {
	if err != nil {
		w.t.Logf("%s: %v", what, err)
		w.kills.add("not reached: " + what)
	}
}

// inTransaction does something while a transaction of the node's projector has
// moved the offset of its partition and has not written its rows: they wait for
// rows of ours with the same keys, which we take back.
func (w *world) inTransaction(ctx context.Context, m *member, during func()) error {
	conn, err := pgx.Connect(ctx, w.url())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	const before = `INSERT INTO commits (partition, "offset", stream, hash, command_id, command_hash, time, events, record, tenant)
		SELECT l.partition, o.next + n, gen_random_uuid(), '', gen_random_uuid(), '', now(), 0, '', 'harness' FROM leases l JOIN offsets o USING (partition)
		CROSS JOIN generate_series(0, 2000) n WHERE l.owner = $1 AND l.until > now() ORDER BY l.partition LIMIT 2001 ON CONFLICT DO NOTHING`
	err = wait(ctx, reach, func() error { // it may have to take a partition first
		done, err := tx.Exec(ctx, before, m.Name)
		if err == nil && done.RowsAffected() == 0 {
			err = fmt.Errorf("node %s owns nothing", m.Name)
		}
		return err
	})
	if err != nil {
		return err
	}
	other, err := pgx.Connect(ctx, w.url())
	if err != nil {
		return err
	}
	defer func() { _ = other.Close(ctx) }()
	err = wait(ctx, reach, func() error {
		var n int
		if err := other.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE $1::int = ANY(pg_blocking_pids(pid))`, conn.PgConn().PID()).Scan(&n); err != nil || n == 0 {
			return errors.Join(err, errors.New("no transaction of it came by"))
		}
		return nil
	})
	if err != nil {
		return err
	}
	during()
	return nil
}

// crashAt lets the node kill itself at each of the points, and brings it back, at once
// or, after the last of them, when others have taken over.
func (w *world) crashAt(ctx context.Context, m *member, points []string, rng *rand.Rand) {
	for i, point := range points {
		if i > 0 && m.serves() != nil {
			return
		}
		w.crash(ctx, m, point, nth(point, rng))
		if late := rng.IntN(2) == 0; late && i == len(points)-1 {
			w.ownsNothing(ctx, m)
		}
		m.start()
	}
}

// crash starts the node anew so that it kills itself at the nth hit of the point.
func (w *world) crash(ctx context.Context, m *member, point string, nth int) {
	w.killed(m, "kill -9 to arm a point")
	armed := fmt.Sprintf("%s:%d", point, nth)
	m.start(armed)
	done := w.provoke(ctx, m, point)
	defer done()
	err := wait(ctx, reach+up/4, func() error {
		if m.Proc.Alive() {
			return errors.New("it lives")
		}
		if !m.Proc.Killed() { // what it needs was away when it started
			why := errors.New(tail(m.Proc.Err.String()))
			pass(ctx, 500*time.Millisecond)
			m.start(armed)
			return why
		}
		return nil
	})
	if err != nil {
		w.missed(err, point)
		m.Proc.Kill()
		return
	}
	w.kills.add(point)
}

// nth is at which of its hits of a point a node dies: later where it comes by often.
func nth(point string, rng *rand.Rand) int {
	n := 1 + rng.IntN(3)
	switch area, _, _ := strings.Cut(point, "."); {
	case area == "trigger", area == "gitlab":
		return 1
	case area == "dispatch" && point != "dispatch.after_ahead", area == "projector":
		return 1 + rng.IntN(200)
	}
	return n
}

// provoke makes it likely that somebody comes by a point.
func (w *world) provoke(ctx context.Context, m *member, point string) (done func()) {
	switch area, _, _ := strings.Cut(point, "."); {
	case point == "dispatch.after_ahead":
		w.large.Store(true)
		return func() { w.large.Store(false) }
	case area == "effects" || area == "saga" || area == "inbox":
		return w.insist(ctx, 500*time.Millisecond, w.people.ask)
	case area == "trigger":
		w.forge.busyAt(ctx, m)
	case area == "gitlab":
		return w.insist(ctx, time.Second, w.forge.write)
	}
	return func() {}
}

// insist asks again and again until it is told that it is enough: the node that shall come
// by may not have begun.
func (w *world) insist(ctx context.Context, every time.Duration, ask func(context.Context)) (enough func()) {
	ctx, cancel := context.WithCancel(ctx)
	w.asking.Go(func() {
		for n := 0; n < mostKept && ctx.Err() == nil; n++ {
			ask(context.WithoutCancel(ctx))
			pass(ctx, every)
		}
	})
	return cancel
}

// mostKept bounds what one point may cost that nobody comes by.
const mostKept = 24

// turn is what happens in a round: one node is killed at points, and something else
// befalls another.
type turn struct {
	points []string
	other  fault
}

// deal gives each round a point, and two where there is time for them, in the order
// given, so that each point has its turn in few rounds.
func deal(rounds int, points []string, order []int) []turn {
	others := faults()
	var plan []turn
	next := 0
	for n := range rounds {
		r := turn{other: others[n%len(others)]}
		for range map[bool]int{true: 2, false: 1}[r.other.lasts] {
			r.points = append(r.points, points[order[next%len(order)]])
			next++
		}
		plan = append(plan, r)
	}
	return plan
}

// round kills one node at its points and lets something else happen to another, while
// GitLab is in some trouble.
func (w *world) round(n int, r turn, rng *rand.Rand) {
	ctx := w.t.Context()
	victim := rng.IntN(len(w.nodes))
	other := (victim + 1 + rng.IntN(len(w.nodes)-1)) % len(w.nodes)
	w.t.Logf("round %d at %s: %v of %s; %s (%s); %d operations so far", n, w.took(), r.points, w.nodes[victim].Name, r.other.name, w.nodes[other].Name, w.log.Len())
	w.forge.fail(n)
	w.forge.busy(ctx)
	if r.other.name == "kill -9 of all nodes at once" {
		r.other.do(w, ctx, nil, rng) // it would take the armed node as well
		w.healthy()
		w.crashAt(ctx, w.nodes[victim], r.points, rng)
	} else {
		ended := make(chan struct{})
		mine := rand.New(rand.NewPCG(rng.Uint64(), 0))
		go func() {
			defer close(ended)
			r.other.do(w, ctx, w.nodes[other], mine)
		}()
		w.crashAt(ctx, w.nodes[victim], r.points, rng)
		<-ended
	}
	w.forge.recover()
	w.healthy()
}

// healthy waits until every node serves.
func (w *world) healthy() {
	for _, m := range w.nodes {
		if m.serves() != nil {
			return
		}
	}
}
