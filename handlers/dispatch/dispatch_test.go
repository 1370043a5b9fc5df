package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
)

const tenant = domain.Tenant("acme")

func stream() domain.StreamID {
	return domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
}

func do(t *testing.T, n *nodetest.Node, id domain.StreamID, c workflow.Command) dispatch.Result {
	t.Helper()
	r, err := try(t.Context(), n, id, c)
	if err != nil {
		t.Fatalf("%s: %v", c.CommandType(), err)
	}
	return r
}

func try(ctx context.Context, n *nodetest.Node, id domain.StreamID, c workflow.Command) (dispatch.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return n.Dispatch.Do(ctx, dispatch.Request{
		Stream: id, Workflow: c, CommandID: uuid.New(), Principal: domain.Principal{User: "mia"},
	})
}

func start() *workflow.Start {
	return &workflow.Start{
		Goal: "what changed?", Flow: workflow.Flow{Definition: "developer/v1", Version: "2.0.0"}, Engine: "local",
		Privileges: []int{1, 2}, Trigger: workflow.Trigger{Source: "api"}, Run: true,
	}
}

func checkpoint(parent *uuid.UUID, messages int) *workflow.SaveCheckpoint {
	list := make([]string, messages)
	for i := range list {
		list[i] = fmt.Sprintf("message %d: %0100d", i, i)
	}
	channel, _ := json.Marshal(list)
	ts := uuid.Must(uuid.NewV7())
	return &workflow.SaveCheckpoint{
		ThreadTS: ts, ParentTS: parent, Metadata: json.RawMessage(`{"step":1}`),
		Checkpoint: json.RawMessage(`{"v":4, "id":"` + ts.String() + `","channel_values":{"messages":` + string(channel) + `}}`),
	}
}

func TestCommandsBecomeVisible(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	id := stream()
	created := do(t, n, id, start())
	if !created.Changed || created.Number <= 0 || created.Workflow.Status != workflow.StatusCreated {
		t.Fatalf("created: %+v", created)
	}
	first := checkpoint(nil, 100)
	saved := do(t, n, id, first)
	again := do(t, n, id, &workflow.SaveCheckpoint{ThreadTS: first.ThreadTS, Checkpoint: first.Checkpoint, Metadata: first.Metadata})
	if again.Changed || again.Item != saved.Item {
		t.Errorf("the same checkpoint again: changed %t, item %d, want %d", again.Changed, again.Item, saved.Item)
	}
	second := do(t, n, id, checkpoint(&first.ThreadTS, 101))
	if second.Number != created.Number || second.Item <= saved.Item {
		t.Errorf("second checkpoint: %+v", second)
	}
	_, err := try(t.Context(), n, id, &workflow.UpdateStatus{Event: "finish"})
	if domain.CodeOf(err) != domain.CodeIllegalStatus {
		t.Errorf("finish of a created workflow: %v", err)
	}
}

func TestSameCommandIsDoneOnce(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	id, command := stream(), uuid.New()
	body := journal.HashOf([]byte("a"))
	var wg sync.WaitGroup
	results := make([]dispatch.Result, 8)
	for i := range results {
		wg.Go(func() {
			r, err := n.Dispatch.Do(t.Context(), dispatch.Request{Stream: id, Workflow: start(), CommandID: command, Hash: body})
			if err != nil {
				t.Errorf("request %d: %v", i, err)
			}
			results[i] = r
		})
	}
	wg.Wait()
	for _, r := range results[1:] {
		if r.Position != results[0].Position || r.Number != results[0].Number {
			t.Errorf("one command, two results: %+v and %+v", results[0], r)
		}
	}
	_, err := n.Dispatch.Do(t.Context(), dispatch.Request{Stream: id, Workflow: start(), CommandID: command, Hash: journal.HashOf([]byte("b"))})
	if domain.CodeOf(err) != domain.CodeKeyReused {
		t.Errorf("the same key with another body: %v", err)
	}
}

// TestTwoNodesRace lets two nodes decide about the same workflows at once: the
// transitions that were answered form one path of the state machine, and every
// checkpoint that was answered is there.
func TestTwoNodesRace(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	nodes := []*nodetest.Node{c.Start(t, nodetest.Options{}), c.Start(t, nodetest.Options{})}
	const workflows, writers, rounds = 3, 4, 12
	var wg sync.WaitGroup
	for range workflows {
		id := stream()
		do(t, nodes[0], id, start())
		var mu sync.Mutex
		stops, starts := 0, 0
		for w := range writers {
			wg.Go(func() {
				for r := range rounds {
					n := nodes[(w+r)%2]
					if _, err := try(t.Context(), n, id, checkpoint(nil, 3)); err != nil {
						t.Errorf("checkpoint: %v", err)
					}
					event := []workflow.StatusEvent{"stop", "retry"}[(w+r)%2]
					res, err := try(t.Context(), n, id, &workflow.UpdateStatus{Event: event})
					if err != nil && domain.CodeOf(err) != domain.CodeIllegalStatus {
						t.Errorf("%s: %v", event, err)
					}
					if err == nil && res.Changed {
						mu.Lock()
						if event == "stop" {
							stops++
						} else {
							starts++
						}
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		if d := stops - starts; d != 0 && d != 1 {
			t.Errorf("%d stops and %d retries took effect: two nodes contradict each other", stops, starts)
		}
		last := do(t, nodes[1], id, &workflow.RecordWrites{ThreadTS: uuid.Must(uuid.NewV7()), Writes: []workflow.NewWrite{{Task: "t", Channel: "c", Data: "1"}}})
		if got, want := last.Workflow.Checkpoints, writers*rounds; got != want {
			t.Errorf("%d checkpoints are there, %d were answered", got, want)
		}
	}
}

// lossy loses the answer of every second append: the bytes are written, the
// caller is told of an error.
type lossy struct {
	dispatch.Log
	mu sync.Mutex
	n  int
}

func (l *lossy) Append(ctx context.Context, m []journal.Message) ([]domain.Position, error) {
	at, err := l.Log.Append(ctx, m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n++; err == nil && l.n%2 == 1 {
		return nil, errors.New("the answer was lost")
	}
	return at, err
}

func TestLostAcknowledgementIsNoSecondCommit(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{Log: func(l dispatch.Log) dispatch.Log { return &lossy{Log: l} }})
	id := stream()
	do(t, n, id, start())
	for range 5 {
		do(t, n, id, checkpoint(nil, 2))
	}
	last := do(t, n, id, checkpoint(nil, 1))
	if last.Workflow.Checkpoints != 6 {
		t.Errorf("%d checkpoints, want 6", last.Workflow.Checkpoints)
	}
	var stale int
	if err := n.DB.Read.QueryRow(t.Context(), `SELECT count(*) FROM ignored WHERE reason = 'stale_parent'`).Scan(&stale); err != nil || stale == 0 {
		t.Errorf("%d ignored copies (%v): the test did not lose anything", stale, err)
	}
}

// panicking is a command that the domain cannot decide.
type panicking struct{ workflow.RequestRun }

func (*panicking) Decide(workflow.State, *workflow.Facts, workflow.Env) (workflow.Outcome, error) {
	panic("a bug")
}

func TestPanicIsARefusal(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	id := stream()
	do(t, n, id, start())
	if _, err := try(t.Context(), n, id, &panicking{}); domain.CodeOf(err) != domain.CodeInternal {
		t.Errorf("a command that panics: %v", err)
	}
	do(t, n, id, &workflow.UpdateStatus{Event: "start"})
}
