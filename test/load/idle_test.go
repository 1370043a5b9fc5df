//go:build load

package load_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/internal/kafka"
)

// TestIdleWorkflowsTakeNoMemory: a node that starts over 100,000 workflows (30,000
// in the short form) and has served lists of them takes at most 50 MB more than
// one that starts over an empty log. Their commits are appended to the log directly, as
// a node would have.
func TestIdleWorkflowsTakeNoMemory(t *testing.T) {
	const most = 50_000_000
	workflows := form(30_000, 100_000)
	f := fleettest.NewFleet(t, 0)
	s := serve(t, f, "GOMEMLIMIT=192MiB")
	empty := s.used()
	began := time.Now()
	seed(t, f, workflows)
	fleettest.Eventually(t, 5*time.Minute, func() error {
		if n := fleettest.Query[int](t, f.Database, "SELECT count(*) FROM workflows"); n != workflows {
			return fmt.Errorf("%d workflows are there", n)
		}
		return nil
	})
	took := time.Since(began)
	s.quiet()
	s.stop()
	s.start("GOMEMLIMIT=192MiB")
	full := s.used()
	t.Logf("%s with an empty log, %s with %d workflows, which took %s to come", mib(empty), mib(full), workflows, took.Round(time.Second))
	if full-empty > most {
		t.Errorf("%d idle workflows take %s of memory, %s is the most", workflows, mib(full-empty), mib(most))
	}
}

// used is the most memory the process took to start and to serve its first
// requests.
func (s server) used() int64 {
	s.t.Helper()
	u := s.Fleet.User(s.Base)
	for page := range 20 {
		u.Get(s.t, fmt.Sprintf("/workflows?per_page=100&page=%d", page+1))
	}
	s.quiet()
	return s.memory("VmHWM")
}

// seed appends the creation of so many workflows.
func seed(t *testing.T, f *fleettest.Fleet, n int) {
	t.Helper()
	log, err := kafka.Open(t.Context(), kafka.Config{Brokers: []string{f.Brokers}, Prefix: "duolog"})
	fleettest.OK(t, err)
	defer func() { _ = log.Close() }()
	byPartition := map[int32][]journal.Message{}
	for range n {
		m := creation(t, log.Genesis().Partitions)
		byPartition[m.Partition] = append(byPartition[m.Partition], m)
	}
	group, ctx := errgroup.WithContext(t.Context())
	for _, messages := range byPartition {
		group.Go(func() error { return appendAll(ctx, log, messages) })
	}
	fleettest.OK(t, group.Wait())
}

func appendAll(ctx context.Context, log *kafka.Log, messages []journal.Message) error {
	for len(messages) > 0 {
		n := min(len(messages), 500)
		if _, err := log.Append(ctx, messages[:n]); err != nil {
			return err
		}
		messages = messages[n:]
	}
	return nil
}

// creation is the first commit of a workflow.
func creation(t *testing.T, partitions int32) journal.Message {
	t.Helper()
	start := &workflow.Start{
		Goal: "what changed in the last 10 commits?", Flow: workflow.Flow{Definition: "developer/v1", Version: "2.0.0"}, Engine: "local",
		Privileges: []int{1, 2}, Trigger: workflow.Trigger{Source: "api"},
	}
	c := journal.Commit{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}, ID: uuid.New(), Time: time.Now().UTC(),
		Command: journal.CommandRef{ID: uuid.New(), Type: start.CommandType()}, Principal: domain.Principal{User: "mia"},
	}
	out, err := start.Decide(workflow.State{}, nil, workflow.Env{CommandID: c.Command.ID, Workflow: c.Stream.ID, Now: c.Time, Principal: c.Principal})
	fleettest.OK(t, err)
	for _, e := range out.Events {
		event, err := journal.NewEvent(e.EventType(), 1, e)
		fleettest.OK(t, err)
		c.Events = append(c.Events, event)
	}
	packed, err := journal.Pack(c, out.Blobs, partitions)
	fleettest.OK(t, err)
	return packed.Commit
}
