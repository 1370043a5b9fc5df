package relay_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/relay"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

const patience = 30 * time.Second

// rig is a node with relays that a test starts and stops.
type rig struct {
	t *testing.T
	*nodetest.Node
	// commits are what the relay reads, stored what Postgres holds.
	commits relay.Commits
	stored  *projections.Commits
	// gather is how long steps may wait; zero is what users have.
	gather time.Duration
}

func newRig(t *testing.T) *rig {
	t.Helper()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	commits, err := projections.NewCommits(n.DB.Read, n.Recent)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := projections.NewCommits(n.DB.Read, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, Node: n, commits: commits, stored: stored}
}

// relay publishes all partitions until stop is called or the test ends.
func (r *rig) relay(topic relay.Topic) (stop func()) {
	r.t.Helper()
	one := relay.New(relay.Config{
		Commits: r.commits, Topic: topic, Visible: r.Visible, Partitions: nodetest.Partitions, Logger: slog.New(slog.DiscardHandler), Gather: r.gather,
	})
	ctx, cancel := context.WithCancel(r.t.Context())
	var running sync.WaitGroup
	for p := range int32(nodetest.Partitions) {
		running.Go(func() {
			if err := one.Run(ctx, p); err != nil {
				r.t.Errorf("partition %d: %v", p, err)
			}
		})
	}
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	r.t.Cleanup(stop)
	return stop
}

// work leaves n workflows of some events in the log, in all partitions, and
// returns the last one.
func (r *rig) work(n int) (last domain.StreamID) {
	r.t.Helper()
	for i := range n {
		for ok := false; !ok; ok = journal.PartitionOf([]byte(last.String()), nodetest.Partitions) == int32(i%nodetest.Partitions) {
			last = domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
		}
		r.do(last, &workflow.Start{
			Goal: "goal", Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local", Trigger: workflow.Trigger{Source: "api"}, Run: true,
		})
		r.do(last, &workflow.UpdateStatus{Event: "start"})
	}
	return last
}

func (r *rig) do(id domain.StreamID, c workflow.Command) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if _, err := r.Dispatch.Do(ctx, dispatch.Request{Stream: id, Workflow: c, CommandID: uuid.New()}); err != nil {
		r.t.Fatalf("%s: %v", c.CommandType(), err)
	}
}

// accepted are the messages of all accepted events of a partition, in order.
func (r *rig) accepted(partition int32) []journal.Message {
	r.t.Helper()
	commits, err := r.stored.From(r.t.Context(), partition, 0, 1<<20)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []journal.Message
	for _, c := range commits {
		for _, e := range feed.Of(c.Commit, c.Position) {
			m, err := e.Message(partition, nodetest.Partitions, uuid.Nil)
			if err != nil {
				r.t.Fatal(err)
			}
			out = append(out, m)
		}
	}
	return out
}

// published is everything in a partition of the events topic, in order.
func (r *rig) published(partition int32) []journal.Record {
	r.t.Helper()
	var out []journal.Record
	_, err := r.Log.LastEvent(r.t.Context(), partition, func(record journal.Record) (bool, error) {
		out = append(out, record)
		return false, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(out)
	return out
}

func header(headers []journal.Header, key string) string {
	for _, h := range headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// compare waits until every accepted event of a partition is published, and
// says how often one was repeated. Each must hold the same bytes as the
// accepted event, and their first appearances must have the journal's order.
func (r *rig) compare(partition int32) (repeats int) {
	r.t.Helper()
	want := r.accepted(partition)
	index := map[string]int{}
	for i, m := range want {
		index[header(m.Headers, feed.HeaderID)] = i
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		next, repeats := 0, 0
		for _, record := range r.published(partition) {
			i, ours := index[header(record.Headers, feed.HeaderID)]
			switch {
			case !ours || header(record.Headers, "forged") != "":
				continue
			case i < next:
				repeats++
			case i > next:
				r.t.Fatalf("partition %d: event %d is published before event %d", partition, i, next)
			default:
				next++
			}
			r.same(record, want[i])
		}
		if next == len(want) {
			return repeats
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("partition %d: %d of %d events are published", partition, next, len(want))
		}
	}
}

func (r *rig) same(got journal.Record, want journal.Message) {
	r.t.Helper()
	equal := slices.EqualFunc(got.Headers, want.Headers, func(a, b journal.Header) bool { return a.Key == b.Key && string(a.Value) == string(b.Value) })
	if !equal || string(got.Key) != string(want.Key) || string(got.Value) != string(want.Value) || !got.Timestamp.Equal(want.Time.Truncate(time.Millisecond)) {
		r.t.Errorf("published at %s: %q of %s, %d headers, %.99s; want %q of %s, %d headers, %.99s", got.Position,
			got.Key, got.Timestamp, len(got.Headers), got.Value, want.Key, want.Time, len(want.Headers), want.Value)
	}
}

// once checks that everything is published, each event once.
func (r *rig) once() {
	r.t.Helper()
	for p := range int32(nodetest.Partitions) {
		if repeats := r.compare(p); repeats > 0 {
			r.t.Errorf("partition %d: %d events are published more than once", p, repeats)
		}
	}
}
