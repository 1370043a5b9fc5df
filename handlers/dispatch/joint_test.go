package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

// operations makes what LangGraph's steps come to, each under a key of its own.
type operations struct {
	id   domain.StreamID
	user string
}

func (o operations) request(c workflow.Command) dispatch.Request {
	id := uuid.New()
	return dispatch.Request{Stream: o.id, Workflow: c, CommandID: id, Hash: journal.HashOf(id[:]), Principal: domain.Principal{User: o.user}}
}

func (o operations) put(id uuid.UUID, text string) dispatch.Request {
	return o.request(&workflow.PutCheckpoint{
		Thread: workflow.ThreadRef{ID: o.id.ID.String()}, TS: id, Metadata: []byte("{}"),
		Header: fmt.Appendf(nil, `{"id":%q,"channel_versions":{"a":"1"}}`, id),
		Values: []workflow.NewValue{{Channel: "a", Type: "json", Data: fmt.Appendf(nil, "%q", text)}},
	})
}

func (o operations) writes(id uuid.UUID, task string, data ...string) dispatch.Request {
	c := &workflow.PutWrites{Thread: workflow.ThreadRef{ID: o.id.ID.String()}, TS: id, Task: task}
	for i, d := range data {
		c.Writes = append(c.Writes, workflow.TaskWrite{Idx: i, Channel: "c", Type: "json", Data: []byte(d)})
	}
	return o.request(c)
}

// again is the request as a client sends it once more.
func again(r dispatch.Request) dispatch.Request {
	switch c := r.Workflow.(type) {
	case *workflow.PutCheckpoint:
		r.Workflow = &workflow.PutCheckpoint{Thread: c.Thread, TS: c.TS, Parent: c.Parent, Header: c.Header, Metadata: c.Metadata, Values: c.Values}
	case *workflow.PutWrites:
		same := *c
		r.Workflow = &same
	}
	return r
}

func all(reqs []dispatch.Request) []dispatch.Request {
	out := make([]dispatch.Request, len(reqs))
	for i, r := range reqs {
		out[i] = again(r)
	}
	return out
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func doAll(t *testing.T, n *nodetest.Node, reqs ...dispatch.Request) []dispatch.Result {
	t.Helper()
	var out []dispatch.Result
	for i, a := range n.Dispatch.DoAll(within(t, 30*time.Second), all(reqs)) {
		if a.Err != nil {
			t.Fatalf("operation %d: %v", i, a.Err)
		}
		out = append(out, a.Result)
	}
	return out
}

func accepted(t *testing.T, n *nodetest.Node, id domain.StreamID) (out []journal.Commit) {
	t.Helper()
	commits, err := projections.NewCommits(n.DB.Read, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := commits.From(t.Context(), journal.PartitionOf([]byte(id.String()), nodetest.Partitions), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range found {
		if a.Commit.Stream == id {
			out = append(out, a.Commit)
		}
	}
	return out
}

// TestOperationsOfARequestAreOneCommit: what is asked for together is decided and
// written together. Each operation has its own answer, its own number and its own
// memory; one that is refused does not keep back the others.
func TestOperationsOfARequestAreOneCommit(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	o := operations{stream(), "mia"}
	first, second := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	refused := o.writes(first, "", "1")
	reqs := []dispatch.Request{
		o.put(first, "one"), o.writes(first, "t1", "1", "2", "3"), refused, o.writes(first, "t2", "4", "5"), o.put(second, "two"),
	}
	answers := n.Dispatch.DoAll(within(t, 30*time.Second), all(reqs))
	commits := accepted(t, n, o.id)
	if len(commits) != 1 {
		t.Fatalf("%d commits, want 1", len(commits))
	}
	var types []string
	for _, e := range commits[0].Events {
		types = append(types, e.Type)
	}
	want := []string{
		"workflow.created", "workflow.thread_opened", "workflow.checkpointed", "workflow.writes_recorded", "workflow.writes_recorded",
		"workflow.checkpointed", "workflow.commands_joined",
	}
	if d := cmp.Diff(want, types); d != "" {
		t.Error(d)
	}
	at := answers[0].Result.Position
	items := map[int]int{0: 2, 1: 3, 3: 4, 4: 5}
	for i, a := range answers {
		item, taken := items[i]
		switch {
		case !taken && domain.CodeOf(a.Err) != domain.CodeInvalidField:
			t.Errorf("operation %d, which names no task: %v", i, a.Err)
		case taken && (a.Err != nil || !a.Result.Changed || a.Result.Position != at || i%4 == 0 && a.Result.Item != at.ItemNumber(nodetest.Partitions, item)):
			t.Errorf("operation %d: %+v, %v", i, a.Result, a.Err)
		}
	}
	commands := commits[0].Commands()
	for i, of := range []int{0, 0, 0, 1, 3, 4, 4} {
		if got := journal.CommandOf(commands, i); got.ID != reqs[of].CommandID || got.Hash != reqs[of].Hash || got.Type != reqs[of].Workflow.CommandType() {
			t.Errorf("event %d is of %+v, not of operation %d", i, got, of)
		}
	}
	numbersOfWritesDiffer(t, n, 5)
	n.RebuildIsEqual(t, []int32{2, 0, 3, 1})
}

func numbersOfWritesDiffer(t *testing.T, n *nodetest.Node, want int) {
	t.Helper()
	codec, err := projections.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	found, err := n.DB.Read.Query(t.Context(), `SELECT `+projections.WriteColumns+` FROM writes w`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	numbers := map[int64]bool{}
	for found.Next() {
		var row projections.WriteRow
		if err := found.Scan(row.Columns()...); err != nil {
			t.Fatal(err)
		}
		writes, err := codec.LatestWrites([]projections.WriteRow{row})
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range writes {
			numbers[w.Number] = true
		}
	}
	if len(numbers) != want {
		t.Errorf("%d writes with numbers of their own, %v; want %d", len(numbers), found.Err(), want)
	}
}

// TestEachOperationIsRemembered: after a commit of several operations each of them,
// together or alone, is found done, on the node that wrote it and on another; the same
// key with another body is refused.
func TestEachOperationIsRemembered(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	a := c.Start(t, nodetest.Options{})
	o := operations{stream(), "mia"}
	first, second := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	reqs := []dispatch.Request{o.put(first, "one"), o.writes(first, "t1", "1"), o.writes(first, "t2", "2"), o.put(second, "two")}
	done := doAll(t, a, reqs...)
	for name, n := range map[string]*nodetest.Node{"the same node": a, "another": c.Start(t, nodetest.Options{})} {
		for i, r := range doAll(t, n, reqs...) {
			if r.Changed || r.Position != done[i].Position || r.Item != done[i].Item {
				t.Errorf("all again, %s: operation %d is %+v, was %+v", name, i, r, done[i])
			}
		}
		for _, i := range []int{3, 1, 0, 2} {
			if r := doAll(t, n, reqs[i])[0]; r.Changed || r.Position != done[i].Position || r.Item != done[i].Item {
				t.Errorf("alone, %s: operation %d is %+v, was %+v", name, i, r, done[i])
			}
			other := again(reqs[i])
			other.Hash = journal.HashOf([]byte("another body"))
			if _, err := n.Dispatch.Do(within(t, 30*time.Second), other); domain.CodeOf(err) != domain.CodeKeyReused {
				t.Errorf("operation %d with another body, %s: %v", i, name, err)
			}
		}
	}
	elsewhere := operations{stream(), "mia"}.writes(first, "t1", "1")
	elsewhere.CommandID = reqs[1].CommandID
	if r := doAll(t, a, elsewhere)[0]; !r.Changed {
		t.Error("the key of an operation of another thread is one of this")
	}
}

// TestPutsBehindTheirWritesAreNotLookedUp: an agent that does not wait for its
// checkpoints is known as well as one that does.
func TestPutsBehindTheirWritesAreNotLookedUp(t *testing.T) {
	t.Parallel()
	n, facts := counting(t, nodetest.NewCluster(t))
	o := operations{stream(), "mia"}
	ids := make([]uuid.UUID, 6)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	doAll(t, n, o.put(ids[0], "0"), o.writes(ids[0], "t", "1"))
	before := facts.loads.Load()
	for _, id := range ids {
		doAll(t, n, o.writes(id, "u", "1"), o.writes(id, "v", "2"))
	}
	for i, id := range ids[1:] {
		next := o.put(id, fmt.Sprint(i))
		if c, ok := next.Workflow.(*workflow.PutCheckpoint); ok {
			c.Parent = &ids[i]
		}
		doAll(t, n, next)
	}
	if looked := facts.loads.Load() - before; looked != 0 {
		t.Errorf("17 operations of a known thread were looked up %d times", looked)
	}
}

// TestNobodyJoinsAnother: commands of different principals are commits of their own, and
// so is what does not fit.
func TestNobodyJoinsAnother(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	mia := operations{stream(), "mia"}
	ada := operations{mia.id, "ada"}
	id := uuid.Must(uuid.NewV7())
	doAll(t, n, mia.put(id, "one"))
	run := mia.writes(id, "t3", "3")
	run.Principal.Run = &domain.RunRef{ID: uuid.New(), Epoch: 1}
	doAll(t, n, mia.writes(id, "t1", "1"), ada.writes(id, "t2", "2"), run, mia.writes(id, "t4", "4"))
	if got := len(accepted(t, n, mia.id)); got != 5 {
		t.Errorf("%d commits of 1 + 4 whose principals differ", got)
	}
	var many []dispatch.Request
	for i := range 12 { // 1,200 numbers, more than a commit has
		data := make([]string, workflow.MaxWrites)
		for k := range data {
			data[k] = fmt.Sprint(k)
		}
		many = append(many, mia.writes(id, fmt.Sprint("many", i), data...))
	}
	many = append(many, mia.put(uuid.Must(uuid.NewV7()), big(700<<10)))
	for i, r := range doAll(t, n, many...) {
		if !r.Changed {
			t.Errorf("operation %d changed nothing", i)
		}
	}
	numbersOfWritesDiffer(t, n, 1204)
	n.RebuildIsEqual(t, []int32{3, 2, 1, 0})
}

func big(n int) string {
	out := make([]byte, 0, n)
	for i := 0; len(out) < n; i++ {
		out = fmt.Appendf(out, "%08x", uint32(i)*2654435761)
	}
	return string(out)
}

// unanswered writes and then answers nothing, as a process that ended there.
type unanswered struct {
	dispatch.Log
	ended atomic.Bool
}

func (l *unanswered) Append(ctx context.Context, m []journal.Message) ([]domain.Position, error) {
	if l.ended.Load() {
		return nil, errors.New("the process ended")
	}
	at, err := l.Log.Append(ctx, m)
	if err == nil && len(m[0].Value) > 0 {
		l.ended.Store(true)
		return nil, errors.New("the process ended")
	}
	return at, err
}

// TestCrashBetweenAppendAndVerdict: the commit of several operations stands in the log
// and nobody was told. Whoever sends one of them again, or all, finds it done.
func TestCrashBetweenAppendAndVerdict(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	a := c.Start(t, nodetest.Options{NoProjector: true, Log: func(l dispatch.Log) dispatch.Log { return &unanswered{Log: l} }})
	o := operations{stream(), "mia"}
	id := uuid.Must(uuid.NewV7())
	reqs := []dispatch.Request{o.put(id, "one"), o.writes(id, "t1", "1"), o.writes(id, "t2", "2")}
	for i, answer := range a.Dispatch.DoAll(within(t, time.Second), all(reqs)) {
		if domain.CodeOf(answer.Err) != domain.CodeNotNow {
			t.Errorf("operation %d of a process that ended: %v", i, answer.Err)
		}
	}
	a.Stop()
	b := c.Start(t, nodetest.Options{})
	last := doAll(t, b, reqs[2])[0]
	for i, r := range doAll(t, b, reqs...) {
		if r.Changed || r.Position != last.Position {
			t.Errorf("operation %d again: %+v", i, r)
		}
	}
	if got := len(accepted(t, b, o.id)); got != 1 {
		t.Errorf("%d commits, want 1", got)
	}
}

// TestLostAcknowledgementOfAJoint: the same bytes are appended again, and each operation is
// carried out once.
func TestLostAcknowledgementOfAJoint(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{Log: func(l dispatch.Log) dispatch.Log { return &lossy{Log: l} }})
	o := operations{stream(), "mia"}
	for i := range 3 {
		id := uuid.Must(uuid.NewV7())
		for k, r := range doAll(t, n, o.put(id, fmt.Sprint(i)), o.writes(id, "t", "1"), o.writes(id, "u", "2")) {
			if !r.Changed {
				t.Errorf("operation %d of step %d changed nothing", k, i)
			}
		}
	}
	if got := len(accepted(t, n, o.id)); got != 3 {
		t.Errorf("%d commits, want 3", got)
	}
}
