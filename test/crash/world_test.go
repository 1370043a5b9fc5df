//go:build crash

package crash_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/test/crash/history"
)

// up is how long a node may take until it serves, with the machine busy.
const up = 60 * time.Second

// world is a fleet under test and all that is known of it.
type world struct {
	t     *testing.T
	seed  uint64
	began time.Time
	fleet *fleettest.Fleet
	nodes []*member
	front string
	// bug is the planted bug of the binaries, empty for none.
	bug string
	// log is what the clients were told.
	log    *history.Log
	active *pool
	people *people
	others *producers
	forge  *forge
	// asking are those that ask beside the rounds.
	asking sync.WaitGroup
	hook   *hearer
	// large makes clients save checkpoints that pass the headers of a commit,
	// later makes more of them prefer not to wait, calm makes them read more.
	large, later, calm atomic.Bool
	// settle is how long what is owed may take once nothing fails any more: an
	// attempt that a crash left open is looked up after ten seconds, several
	// times if need be.
	settle time.Duration
	// enough says that nothing more need be looked for.
	enough func() bool
	kills  *tally

	// commits and overtaken are what the log had in the end.
	commits, overtaken int

	mu    sync.Mutex
	found []history.Violation
}

// member is a node; each of its processes was started by launch.
type member struct {
	*fleettest.Node
	w     *world
	procs []*fleettest.Process
}

// newWorld makes the log by two that begin at once, and starts all nodes at
// once on the empty database. GitLab has so many groups.
func newWorld(t *testing.T, seed uint64, bug string, groups int) *world {
	t.Helper()
	f := fleettest.NewFleetOn(t, 100*time.Millisecond, os.Getenv("DUOLOG_TEST_KAFKA"))
	w := &world{t: t, seed: seed, began: time.Now(), fleet: f, bug: bug, log: &history.Log{}, kills: newTally(), settle: 90 * time.Second, enough: func() bool { return false }}
	w.active, w.people, w.others = newPool(w), &people{w: w}, &producers{w: w, made: map[string]bool{}}
	w.hook = newHearer(t, f.Dir)
	f.Config = fleettest.Write(t, w.hook.hooked(fleettest.Read(t, f.Config)), f.Dir, "hooked.yaml")
	w.forge = newForge(w, groups)
	w.initTwice()
	var addresses []string
	for _, name := range []string{"a", "b", "c"} {
		n := f.Node(name, "")
		addresses = append(addresses, n.API)
		w.nodes = append(w.nodes, &member{Node: n, w: w})
	}
	w.front = fleettest.RoundRobin(t, addresses...)
	for _, m := range w.nodes {
		m.Base = w.front
		m.start()
	}
	for _, m := range w.nodes {
		if err := m.serves(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// initTwice makes one log though two make it at once.
func (w *world) initTwice() {
	w.t.Helper()
	replication := int(setting(w.t, "DUOLOG_TEST_REPLICATION", 1))
	var said [2]fleettest.Result
	var both sync.WaitGroup
	for i := range said {
		both.Go(func() { said[i] = w.fleet.Init(replication) })
	}
	both.Wait()
	made := w.fleet.Log()
	for _, r := range said {
		if r.Code != 0 || !strings.Contains(r.Out, made) {
			w.t.Errorf("two inits at once: %d %s%s; the log is %s", r.Code, r.Out, r.Err, made)
		}
	}
}

// violated notes what must not be.
func (w *world) violated(check, format string, args ...any) {
	w.add(history.Violation{Check: check, What: fmt.Sprintf(format, args...)})
}

func (w *world) add(found ...history.Violation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = append(w.found, found...)
}

// violations are those found so far.
func (w *world) violations() []history.Violation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]history.Violation(nil), w.found...)
}

// now is the one clock of the history.
func (w *world) now() int64 { return int64(time.Since(w.began)) }

// took is how long the world has been there, for messages.
func (w *world) took() time.Duration { return time.Since(w.began).Round(time.Second) }

// wait tries until there is no error, and says what the last one was. It does
// not end the test: what does not come is a violation.
func wait(ctx context.Context, most time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil || errors.As(err, &fleettest.FinalError{}) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", most, err)
		}
	}
}

// pass lets a fault last.
func pass(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// start starts the node, as the world's binary; at names a point to die at.
func (m *member) start(at ...string) {
	m.w.t.Helper()
	var env []string
	binary := fleettest.Duolog
	if len(at) > 0 {
		binary, env = fleettest.Crashtest, append(env, "DUOLOG_CRASH_AT="+at[0])
	}
	if m.w.bug != "" {
		binary, env = fleettest.Planted, append(env, "DUOLOG_PLANTED_BUG="+m.w.bug)
	}
	m.Launch(binary(m.w.t), env...)
	m.procs = append(m.procs, m.Proc)
}

// serves waits until the node does. One that ends by itself, because what it
// needs was away when it started, is started again, as a supervisor does.
func (m *member) serves() error {
	restarts := 0
	err := wait(m.w.t.Context(), up, func() error {
		if !m.Proc.Alive() {
			if restarts++; restarts > 20 {
				return fleettest.FinalError{Err: errors.New("it ends by itself: " + tail(m.Proc.Err.String()))}
			}
			pass(m.w.t.Context(), 500*time.Millisecond)
			m.start()
		}
		return fleettest.Answers("http://" + m.API + "/readyz")
	})
	if err != nil {
		m.w.violated("every node comes back", "%s: %v", m.Name, err)
	}
	return err
}

// stop asks the node to end, in order.
func (m *member) stop() {
	_ = m.Proc.Cmd.Process.Signal(syscall.SIGTERM)
	err := wait(context.WithoutCancel(m.w.t.Context()), up, func() error {
		if m.Proc.Alive() {
			return errors.New("it goes on")
		}
		return nil
	})
	if err != nil || m.Proc.Cmd.ProcessState.ExitCode() != 0 {
		m.w.violated("a stop in order", "%s: %v, exit code %d: %s", m.Name, err, m.Proc.Cmd.ProcessState.ExitCode(), tail(m.Proc.Err.String()))
	}
}

func tail(text string) string { return text[max(0, len(text)-1500):] }

// load runs clients, people and producers until the returned function ends them.
func (w *world) load(clients int) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var group errgroup.Group
	for n := range clients {
		c := &client{w: w, n: n, rng: w.source(fmt.Sprintf("client %d", n)), user: w.fleet.User(w.front)}
		group.Go(func() error { c.run(ctx); return nil })
	}
	group.Go(func() error { w.people.run(ctx, w.source("people")); return nil })
	group.Go(func() error { w.others.run(ctx, w.source("producers")); return nil })
	return func() {
		cancel()
		_ = group.Wait()
	}
}

func (w *world) source(name string) *rand.Rand { return source(w.seed, name) }

// url is the read models.
func (w *world) url() string { return w.fleet.Database }

// short says how many operations are missing from the number wanted. Nobody
// waits for more when something was found.
func (w *world) short(wanted int) error {
	if n := w.log.Len(); n < wanted && len(w.violations()) == 0 {
		return fmt.Errorf("%d of %d operations are done", n, wanted)
	}
	return nil
}
