//go:build faults

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/projections"
)

// Phases of a comparison: a quiet one and one with the neighbour, again and again.
const (
	phase    = 4 * time.Second
	perPhase = 160 // requests of the tenant that must not notice
	// mostMoved is by how much the 99th percentile of its time may move. The short
	// form, whose pairs are few and whose machine is not its own, holds the best of
	// them to shortMoved.
	mostMoved, shortMoved = 1.5, 2
)

// pairs is how many pairs of phases are compared. The short form ends with the
// first three whose median is in bounds.
func pairs() (fewest, most int) {
	if long() {
		return 9, 9
	}
	return 3, 5
}

const neighbour = "a-token-of-bob-0123456789"

// twoTenants lets another tenant in.
func (s *stand) twoTenants() {
	s.t.Helper()
	fleettest.Write(s.t, neighbour+"\n", s.Dir, "neighbour")
	text := fleettest.Read(s.t, s.Config)
	const tenant = "  - name: %s\n    namespace: {path: %[1]s, id: 3}\n    project: {path: %[1]s/duo-workspace, id: 4}\n" +
		"    flow: {definition: developer/v1, version: 2.0.0}\n    allow_runless: true\n    default_user: bob\n"
	text = strings.Replace(text, "tokens:\n", fmt.Sprintf(tenant, "noisy")+"tokens:\n  - {tenant: noisy, user: bob, token_file: "+filepath.Join(s.Dir, "neighbour")+"}\n", 1)
	s.Config = fleettest.Write(s.t, text, s.Dir, "two.yaml")
}

// noisy is a client of the other tenant.
func (s *stand) noisy() *load {
	s.t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	s.t.Cleanup(transport.CloseIdleConnections)
	f := *s.Fleet
	f.Token = neighbour
	other := *s
	other.Fleet = &f
	return &load{s: &other, base: s.front, client: &http.Client{Timeout: 45 * time.Second, Transport: transport}}
}

// rival is what the neighbour does: it runs until ctx ends.
type rival func(ctx context.Context, l *load)

// compare is what the fault phases are to the quiet ones. The median of the pairs
// counts in the long form, which is for a machine of its own; where others work
// beside it a quiet phase may be no quieter than a loud one, and one pair in bounds
// shows that the neighbour is not what slows it down.
func (l *load) compare(t *testing.T, name string, neighbour *load, do rival) {
	t.Helper()
	l.timed(t) // warm
	var ratios []float64
	var median float64
	fewest, most := pairs()
	for n := range most {
		quiet := l.timed(t)
		used := metric(t, l.s.nodes[0], "process_cpu_seconds_total")
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { do(ctx, neighbour) })
		lasting(ctx, 500*time.Millisecond)
		loud := l.timed(t)
		cancel()
		running.Wait()
		used = metric(t, l.s.nodes[0], "process_cpu_seconds_total") - used
		ratios = append(ratios, float64(loud)/float64(quiet))
		sorted := slices.Sorted(slices.Values(ratios))
		median = sorted[len(sorted)/2]
		t.Logf("%s: p99 %s quiet, %s beside it: %.2f (median %.2f), the node used %.1f s of CPU beside it", name, quiet.Round(time.Millisecond/10), loud.Round(time.Millisecond/10), ratios[n], median, used)
		if n+1 >= fewest && median <= mostMoved {
			break
		}
	}
	moved, bound := median, mostMoved
	if !long() {
		moved, bound = slices.Min(ratios), shortMoved
	}
	if moved > bound {
		t.Errorf("%s: the p99 of another tenant moves by %.2f (median of %d pairs %.2f), more than %.1f", name, moved, len(ratios), median, bound)
	}
}

// timed sends requests at an even rate, each of which must succeed, and is the 99th
// percentile of their time.
func (l *load) timed(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(phase / perPhase)
	defer tick.Stop()
	var sent sync.WaitGroup
	for i := range perPhase {
		<-tick.C
		sent.Go(func() {
			if err := l.checkpoint(context.WithoutCancel(t.Context()), agentWrite, l.workflows[i%len(l.workflows)], 2<<10); err != nil {
				t.Error(err)
			}
		})
	}
	sent.Wait()
	var times []time.Duration
	for _, s := range l.since(began) {
		if s.status >= 300 || s.err != nil {
			t.Errorf("a request of the other tenant failed: %s", s)
		}
		times = append(times, s.took)
	}
	slices.Sort(times)
	return times[len(times)*99/100]
}

// many runs n clients of the neighbour until ctx ends, which begin something so
// many times as often as the tenant that must not notice, while they are free;
// what they are answered is their own affair.
func many(n, times int, do func(ctx context.Context, l *load)) rival {
	return func(ctx context.Context, l *load) {
		tick := time.NewTicker(phase / perPhase / time.Duration(times))
		defer tick.Stop()
		var clients sync.WaitGroup
		for range n {
			clients.Go(func() {
				for {
					select {
					case <-tick.C:
						do(ctx, l)
					case <-ctx.Done():
						return
					}
				}
			})
		}
		clients.Wait()
	}
}

func (l *load) post(ctx context.Context, workflow string, size int) shot {
	body := map[string]any{
		"thread_ts": uuid.Must(uuid.NewV7()).String(), "metadata": map[string]any{},
		"checkpoint": map[string]any{"channel_values": map[string]any{"text": noise(size)}},
	}
	return l.send(ctx, agentWrite, http.MethodPost, workflowsPath+"/"+workflow+"/checkpoints", body)
}

// TestNeighbours: a tenant that floods, one whose data Postgres refuses and one
// with a stopped stream that everybody writes to do not slow another tenant down.
func TestNeighbours(t *testing.T) {
	// As many partitions as `duolog journal init` proposes: what waits for a refused
	// batch is what shares its partition.
	s := newStandOf(t, 64, "max_body: 1MiB\ntenant_bytes: 1MiB\ntenant_rate: 80\n")
	s.twoTenants()
	s.start(1)
	l, other := s.newLoad(s.front), s.noisy()
	for i := range 4 {
		id, err := other.create(t.Context(), fmt.Sprintf("noisy %d", i))
		fleettest.OK(t, err)
		other.workflows = append(other.workflows, id)
	}
	t.Run("a flood", func(t *testing.T) {
		// Ten times what the other tenant sends, and far more than a tenant may begin:
		// the rest waits.
		l.compare(t, "a flood", other, many(64, 10, func(ctx context.Context, o *load) { o.post(ctx, o.workflows[0], 2<<10) }))
	})
	t.Run("data that Postgres refuses", func(t *testing.T) {
		fleettest.Execute(t, s.Database, `ALTER TABLE workflows ADD CONSTRAINT refused CHECK (tenant <> 'noisy') NOT VALID`)
		l.compare(t, "bad data", other, many(8, 1, func(ctx context.Context, o *load) {
			ctx, cancel := context.WithTimeout(ctx, 400*time.Millisecond)
			defer cancel()
			o.send(ctx, trigger, http.MethodPost, workflowsPath, map[string]any{"goal": uuid.NewString()})
		}))
		fleettest.Execute(t, s.Database, `ALTER TABLE workflows DROP CONSTRAINT refused`)
		if n := fleettest.Query[int](t, s.Database, `SELECT count(*) FROM stopped WHERE stream LIKE 'noisy/%'`); n == 0 {
			t.Error("Postgres refused nothing")
		}
	})
	t.Run("a stopped stream", func(t *testing.T) {
		stream := "noisy/workflow/" + other.workflows[1]
		fleettest.Execute(t, s.Database, `ALTER TABLE checkpoints ADD CONSTRAINT refused CHECK (stream <> '`+projections.ShortKeyOf(stream).String()+`') NOT VALID`)
		ctx, cancel := context.WithCancel(t.Context())
		var posting sync.WaitGroup
		posting.Go(func() { other.post(ctx, other.workflows[1], 100) })
		fleettest.Eventually(t, recovery, func() error {
			if n := fleettest.Query[int](t, s.Database, `SELECT count(*) FROM stopped WHERE stream = $1`, stream); n != 1 {
				return errors.New("the stream has not stopped")
			}
			return nil
		})
		cancel()
		posting.Wait()
		fleettest.Execute(t, s.Database, `ALTER TABLE checkpoints DROP CONSTRAINT refused`)
		l.compare(t, "a stopped stream", other, many(32, 10, func(ctx context.Context, o *load) {
			o.post(ctx, o.workflows[1], 2<<10)
		}))
	})
	for _, n := range s.nodes {
		fleettest.Eventually(t, recovery, func() error { return l.shown(t, n, l.asked()) })
	}
}
