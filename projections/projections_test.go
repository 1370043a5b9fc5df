package projections_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func do(t *testing.T, n *nodetest.Node, r dispatch.Request) dispatch.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r.CommandID = uuid.New()
	out, err := n.Dispatch.Do(ctx, r)
	if err != nil {
		t.Fatalf("%s: %v", r.Stream, err)
	}
	return out
}

func workflowStream(tenant domain.Tenant) domain.StreamID {
	return domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: uuid.Must(uuid.NewV7())}
}

func start(goal string) *workflow.Start {
	return &workflow.Start{
		Goal: goal, Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local", Trigger: workflow.Trigger{Source: "api"}, Run: true,
		CallbackContext: json.RawMessage(`{"adapter": "console"}`),
	}
}

func save(parent *uuid.UUID, messages ...string) *workflow.SaveCheckpoint {
	list, _ := json.Marshal(messages)
	ts := uuid.Must(uuid.NewV7())
	return &workflow.SaveCheckpoint{
		ThreadTS: ts, ParentTS: parent, Metadata: json.RawMessage(`{}`),
		Checkpoint: json.RawMessage(fmt.Sprintf(`{"channel_values":{"messages":%s,"step":%d}}`, list, len(messages))),
	}
}

// play leaves a bit of everything in the log.
func play(t *testing.T, n *nodetest.Node) {
	t.Helper()
	for i := range 6 {
		id := workflowStream(domain.Tenant(fmt.Sprintf("tenant%d", i%3)))
		r := do(t, n, dispatch.Request{Stream: id, Workflow: start("goal")})
		run := r.Workflow.Run.ID
		do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.AttemptRun{Run: run, By: "n", Attempt: 1}})
		do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.ConfirmRun{Run: run, Workload: "pid 1"}})
		do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.UpdateStatus{Event: "start"}})
		var parent *uuid.UUID
		messages := []string{}
		for range 70 / (i + 1) {
			messages = append(messages, strings.Repeat("a message of some length ", 1+rand.IntN(60)))
			c := save(parent, messages...)
			do(t, n, dispatch.Request{Stream: id, Workflow: c})
			parent = &c.ThreadTS
		}
		do(t, n, dispatch.Request{Stream: id, Workflow: save(nil, strings.Repeat("x", 1<<20))})
		do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.RecordWrites{ThreadTS: *parent, Writes: []workflow.NewWrite{{Task: "t", Channel: "c", Data: "{}"}}}})
		playForks(t, n, id, *parent)
		playDecisions(t, n, id, run)
		if i%2 == 0 {
			do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.ReceiveMessage{Conversation: uuid.New(), MessageID: "2", Author: "mia", Text: "and then?"}})
			do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.FinishWorkload{Run: run, Epoch: 1, Status: "success"}})
			r = do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.RequestDelivery{Run: run, Adapter: "console", Kind: "result", Message: "done"}})
			d := r.Workflow.Deliveries[0].ID
			do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.AttemptDelivery{Delivery: d, By: "n", Attempt: 1}})
			do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.SettleDelivery{Delivery: d, Attempt: 1, Error: "away"}})
		}
	}
	threads(t, n)
	playImport(t, n)
	playDirectory(t, n)
	place := conversation.Place{Adapter: "console", Channel: "general", Thread: "1"}
	id := domain.StreamID{Tenant: "acme", Kind: domain.KindConversation, ID: place.ID("acme")}
	for i := range 3 {
		do(t, n, dispatch.Request{Stream: id, Conversation: &conversation.ReceiveMessage{Place: place, MessageID: fmt.Sprint(i), Author: "mia", Text: "hello"}})
	}
	stopped := &trigger.Record{Entry: "message", Steps: []trigger.Taken{{Step: trigger.StepFlow, Outcome: trigger.Refused, Basis: &trigger.Basis{Source: "config", At: time.Now()}}}}
	for _, message := range []string{"0", "1"} {
		do(t, n, dispatch.Request{Stream: id, Conversation: &conversation.RefuseMessage{MessageID: message, Code: "flow_not_enabled", Message: "it is off", Stopped: stopped}})
	}
	do(t, n, dispatch.Request{Stream: id, Conversation: &conversation.RetryMessage{MessageID: "0"}})
}

// garbage writes records that must not count.
func garbage(t *testing.T, n *nodetest.Node) {
	t.Helper()
	key := []byte("acme/workflow/" + uuid.NewString())
	p := journal.PartitionOf(key, nodetest.Partitions)
	for _, value := range [][]byte{[]byte("garbage"), []byte("{}"), nil, []byte("\xff\x00"), []byte(`{"v":1,"stream":"x"}`)} {
		if _, err := n.Log.Append(t.Context(), []journal.Message{{Partition: p, Key: key, Value: value}}); err != nil {
			t.Fatalf("write garbage: %v", err)
		}
	}
}

// allShows waits until the read models have all that stands in the log.
func allShows(t *testing.T, n *nodetest.Node) {
	t.Helper()
	ends, err := n.Log.Ends(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := nodetest.WaitEnds(t.Context(), n.DB.Write, ends, 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
}

func TestRebuildGivesTheSameRows(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	play(t, n)
	garbage(t, n)
	allShows(t, n)
	for _, order := range [][]int32{{0, 1, 2, 3}, {3, 1, 0, 2}} {
		n.RebuildIsEqual(t, order)
	}
}

func TestCompareSeesADifference(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	do(t, n, dispatch.Request{Stream: workflowStream("acme"), Workflow: start("goal")})
	if _, err := n.DB.Write.Exec(t.Context(), `UPDATE workflows SET status = 'finished'`); err != nil {
		t.Fatal(err)
	}
	cut, err := projections.OpenCut(t.Context(), n.DB.Read)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cut.Close(t.Context()) }()
	differences, err := cut.Compare(t.Context(), n.Replay(t, cut.Ends, []int32{0, 1, 2, 3}).Read)
	if err != nil || len(differences) != 2 || differences[0].Table != "workflows" {
		t.Errorf("differences %v, %v: want the one changed row, from both sides", differences, err)
	}
}

// TestCompareBeforeAnythingIsProjected: that a replay has begun with a partition, and
// nobody else has, is no difference.
func TestCompareBeforeAnythingIsProjected(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{NoProjector: true})
	n.RebuildIsEqual(t, []int32{0, 1, 2, 3})
}

func TestTruncateAndReplayWhileServing(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	id := workflowStream("acme")
	first := do(t, n, dispatch.Request{Stream: id, Workflow: start("goal")})
	if err := projections.Truncate(t.Context(), n.DB.Write); err != nil {
		t.Fatal(err)
	}
	// The command waits for the replay: it finds the workflow, not an empty table.
	again := do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.UpdateStatus{Event: "start"}})
	if again.Number != first.Number {
		t.Errorf("number %d after the rebuild, %d before", again.Number, first.Number)
	}
}

// foreign appends a commit that our own code would not have decided.
func foreign(t *testing.T, n *nodetest.Node, id domain.StreamID, parent journal.Hash, events ...journal.Event) journal.Hash {
	t.Helper()
	packed, err := journal.Pack(journal.Commit{
		Stream: id, Parent: parent, ID: uuid.New(), Time: time.Now(), Command: journal.CommandRef{ID: uuid.New(), Type: "foreign"}, Events: events,
	}, nil, nodetest.Partitions)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Log.Append(t.Context(), []journal.Message{packed.Commit}); err != nil {
		t.Fatal(err)
	}
	return packed.Hash
}

func event(t *testing.T, name string, v int, data any) journal.Event {
	t.Helper()
	e, err := journal.NewEvent(name, v, data)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func created(title string) workflow.Created {
	m, _ := value.Build("text", []byte("goal"))
	return workflow.Created{Goal: value.Diff(m, nil), Flow: workflow.Flow{Definition: "developer/v1"}, Title: title, Trigger: workflow.Trigger{Source: "api"}}
}

// TestBadDataStopsItsStreamOnly: a U+0000 where Postgres takes none reaches the
// log; the neighbours of the stream in the same partition are not delayed.
func TestBadDataStopsItsStreamOnly(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	bad := workflowStream("evil")
	broken := created("t")
	broken.Flow.Definition = "nul\x00"
	foreign(t, n, bad, journal.Hash{}, event(t, "workflow.created", 1, broken))
	var long []domain.StreamID
	for range 8 {
		id := workflowStream("acme")
		long = append(long, id)
		do(t, n, dispatch.Request{Stream: id, Workflow: start("goal")})
		ckpt := save(nil, "m")
		ckpt.NS = strings.Repeat("n", workflow.MaxNS)
		do(t, n, dispatch.Request{Stream: id, Workflow: ckpt})
	}
	allShows(t, n)
	if got := stoppedStreams(t, n); !slices.Equal(got, []string{bad.String()}) {
		t.Errorf("stopped: %v, want only %s of %d streams", got, bad, len(long)+1)
	}
}

// TestManyBadStreamsStopAlone: several streams that Postgres refuses, in one batch
// with good ones, are all found.
func TestManyBadStreamsStopAlone(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{NoProjector: true})
	var want []string
	for i := range 40 {
		id := workflowStream("acme")
		first := created("t")
		if i%5 < 2 {
			first.Flow.Definition = "nul\x00"
			want = append(want, id.String())
		}
		foreign(t, n, id, journal.Hash{}, event(t, "workflow.created", 1, first))
	}
	c.Start(t, nodetest.Options{})
	allShows(t, n)
	got := stoppedStreams(t, n)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d streams stopped, want %d: %v", len(got), len(want), got)
	}
}

func stoppedStreams(t *testing.T, n *nodetest.Node) []string {
	t.Helper()
	rows, err := n.DB.Read.Query(t.Context(), `SELECT stream FROM stopped`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// TestStoppedStream: an event this build does not know stops the stream; a stop
// still works on the last good state, anything else is refused, and a build
// that is another one tries again.
func TestStoppedStream(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	id := workflowStream("acme")
	head := foreign(t, n, id, journal.Hash{}, event(t, "workflow.created", 1, created("t")))
	foreign(t, n, id, head, event(t, "workflow.from_the_future", 1, struct{}{}))
	allShows(t, n)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := n.Dispatch.Do(ctx, dispatch.Request{Stream: id, Workflow: save(nil, "m"), CommandID: uuid.New()})
	if domain.CodeOf(err) != domain.CodeStreamStopped {
		t.Errorf("a write to a stopped stream: %v", err)
	}
	r := do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.UpdateStatus{Event: "stop"}})
	if r.Workflow.Status != workflow.StatusStopped {
		t.Errorf("status %s after a stop", r.Workflow.Status)
	}
	n.Stop()
	newer := c.Start(t, nodetest.Options{Build: "newer"})
	var build string
	for build != "newer" && t.Context().Err() == nil {
		if err := newer.DB.Read.QueryRow(t.Context(), `SELECT build FROM stopped WHERE stream = $1`, id.String()).Scan(&build); err != nil {
			t.Fatal(err)
		}
	}
}
