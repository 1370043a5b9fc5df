package retention_test

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/retention"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/expiry"
	"github.com/duolog/duolog/projections/queries/timeline"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// rig is a node whose clock stands until it is moved, and the runner over it.
type rig struct {
	*nodetest.Node
	t *testing.T
	// ahead is how far the clock is ahead of that of the machine at the start.
	ahead  atomic.Int64
	start  time.Time
	expiry *expiry.Queries
	// before is what happens between the look and the command.
	before func(domain.StreamID)
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, start: time.Now(), before: func(domain.StreamID) {}}
	r.Node = nodetest.NewCluster(t).Start(t, nodetest.Options{Now: r.now})
	r.expiry = expiry.New(r.DB.Read)
	return r
}

func (r *rig) now() time.Time        { return r.start.Add(time.Duration(r.ahead.Load())) }
func (r *rig) pass(by time.Duration) { r.ahead.Add(int64(by)) }

func (r *rig) do(stream domain.StreamID, c workflow.Command) dispatch.Result {
	r.t.Helper()
	out, err := r.Dispatch.Do(r.t.Context(), dispatch.Request{Stream: stream, Workflow: c, CommandID: uuid.New(), Fresh: true})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// write puts so many checkpoints with a pending write each, of values that stand apart.
func (r *rig) write(tenant domain.Tenant, thread string, count int) domain.StreamID {
	r.t.Helper()
	stream, ref := workflow.ThreadStream(tenant, thread), workflow.ThreadRef{ID: thread}
	for range count {
		c := &workflow.PutCheckpoint{Thread: ref, TS: uuid.Must(uuid.NewV7()), Header: []byte(`{"channel_versions":{"a":1}}`), Metadata: []byte("{}")}
		c.Values = []workflow.NewValue{{Channel: "a", Type: "bytes", Data: []byte(strings.Repeat(c.TS.String(), 100))}}
		r.do(stream, c)
		r.do(stream, &workflow.PutWrites{Thread: ref, TS: c.TS, Task: "t", Writes: []workflow.TaskWrite{{Channel: "a", Type: "json", Data: []byte("1")}}})
	}
	return stream
}

func tenants() map[domain.Tenant]workflow.Retention {
	return map[domain.Tenant]workflow.Retention{
		"short": {TTL: 60, Strategy: workflow.PruneDelete}, "latest": {TTL: 60, Strategy: workflow.PruneKeepLatest},
		"long": {TTL: 7200, Strategy: workflow.PruneDelete}, "ever": {Strategy: workflow.PruneDelete},
	}
}

// due are the threads that are found now, of all partitions.
func (r *rig) due() map[domain.StreamID]bool {
	r.t.Helper()
	ends, err := r.Log.Ends(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if err := nodetest.WaitEnds(r.t.Context(), r.DB.Write, ends, time.Millisecond); err != nil {
		r.t.Fatal(err)
	}
	out, ttls := map[domain.StreamID]bool{}, map[domain.Tenant]time.Duration{}
	for name, keep := range tenants() {
		if keep.TTL > 0 {
			ttls[name] = time.Duration(keep.TTL) * time.Second
		}
	}
	for p := range int32(nodetest.Partitions) {
		found, err := r.expiry.Due(r.t.Context(), p, r.now(), ttls, 100)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, stream := range found {
			out[stream] = true
		}
	}
	return out
}

// expire runs the runner of each partition until it has asked for all that is due.
func (r *rig) expire(due map[domain.StreamID]bool) {
	r.t.Helper()
	left := map[int32]int{}
	for stream := range due {
		left[journal.PartitionOf([]byte(stream.String()), nodetest.Partitions)]++
	}
	for p, want := range left {
		ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
		runner := retention.New(retention.Config{
			Threads: r.expiry, Dispatch: &counted{r, want, cancel}, Tenants: tenants(),
			Every: time.Millisecond, Now: r.now, NewID: uuid.New, Logger: slog.New(slog.DiscardHandler),
		})
		if err := runner.Run(ctx, p); err != nil {
			r.t.Error(err)
		}
		cancel()
	}
}

// counted carries out so many commands and stops the runner then.
type counted struct {
	rig  *rig
	want int
	stop func()
}

func (c *counted) Do(ctx context.Context, req dispatch.Request) (dispatch.Result, error) {
	if c.want--; c.want == 0 {
		defer c.stop()
	}
	c.rig.before(req.Stream)
	return c.rig.Dispatch.Do(ctx, req)
}

// rows counts what tables have of a thread.
func (r *rig) rows(stream domain.StreamID, tables ...string) (out []int) {
	r.t.Helper()
	for _, table := range tables {
		var n int
		if err := r.DB.Read.QueryRow(r.t.Context(), `SELECT count(*) FROM `+table+` WHERE stream = $1`, projections.ShortKeyOf(stream.String())).Scan(&n); err != nil {
			r.t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

// removed are the events that removed something of a thread, with the data.
func (r *rig) removed(stream domain.StreamID) (out []timeline.Event) {
	r.t.Helper()
	codec, err := projections.NewCodec()
	if err != nil {
		r.t.Fatal(err)
	}
	q := timeline.New(cut.DB{Pool: r.DB.Read, Codec: codec, Partitions: nodetest.Partitions})
	page, err := q.After(r.t.Context(), stream, q.Start(stream), 500)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range page.Events {
		if e.Type == "workflow.thread_deleted" || e.Type == "workflow.thread_pruned" {
			out = append(out, e)
		}
	}
	return out
}

// TestThreadsExpire: what was kept long enough goes, by the tenant's word or the
// thread's own, and nothing else does; the log says why, and a rebuild removes the same.
func TestThreadsExpire(t *testing.T) {
	r := newRig(t)
	own := func(stream domain.StreamID, keep workflow.Retention) domain.StreamID {
		r.do(stream, &workflow.SetRetention{Retention: &keep})
		return stream
	}
	const all, newest, nothing = 0, 1, 3
	type thread struct {
		stream domain.StreamID
		// left is how many of its three checkpoints stay.
		left int
		kind string
	}
	threads := map[string]thread{
		"the tenant's, all":         {r.write("short", "tenant", 3), all, "workflow.thread_deleted"},
		"the tenant's, but newest":  {r.write("latest", "tenant", 3), newest, "workflow.thread_pruned"},
		"its own, all":              {own(r.write("ever", "own", 3), workflow.Retention{TTL: 60, Strategy: workflow.PruneDelete}), all, "workflow.thread_deleted"},
		"its own, but newest":       {own(r.write("long", "own", 3), workflow.Retention{TTL: 60, Strategy: workflow.PruneKeepLatest}), newest, "workflow.thread_pruned"},
		"nobody's":                  {r.write("ever", "tenant", 3), nothing, ""},
		"not yet":                   {r.write("long", "tenant", 3), nothing, ""},
		"for ever, by its own word": {own(r.write("short", "kept", 3), workflow.Retention{Strategy: workflow.PruneDelete}), nothing, ""},
		"written to meanwhile":      {r.write("short", "busy", 2), nothing, ""},
	}
	single := r.write("latest", "single", 1)
	duo := domain.StreamID{Tenant: "short", Kind: domain.KindWorkflow, ID: uuid.New()}
	r.do(duo, &workflow.Start{Goal: "x", Flow: workflow.Flow{Definition: "d"}, Engine: "local"})
	if due := r.due(); len(due) != 0 {
		t.Errorf("due before its time: %v", due)
	}
	r.pass(30 * time.Minute)
	busy := threads["written to meanwhile"].stream
	r.before = func(stream domain.StreamID) {
		if stream == busy {
			r.write("short", "busy", 1)
		}
	}
	due := r.due()
	for name, th := range threads {
		if want := th.left != nothing || th.stream == busy; due[th.stream] != want {
			t.Errorf("%s: due %t", name, due[th.stream])
		}
	}
	if !due[single] || due[duo] {
		t.Errorf("a thread of one checkpoint is due %t, a workflow that is none %t", due[single], due[duo])
	}
	r.expire(due)
	if due := r.due(); len(due) != 0 {
		t.Errorf("due again: %v", due)
	}
	for name, th := range threads {
		if got := r.rows(th.stream, "checkpoints", "writes", "manifests"); got[0] != th.left || got[1] != th.left || got[2] != th.left {
			t.Errorf("%s: left are %v, not %d of each", name, got, th.left)
		}
		events := r.removed(th.stream)
		if (len(events) == 1) != (th.kind != "") {
			t.Errorf("%s: removed by %v", name, events)
			continue
		}
		for _, e := range events {
			if e.Type != th.kind || !strings.Contains(string(e.Data), `"reason":"expired"`) || e.Principal.System != "retention" {
				t.Errorf("%s: %s %s by %+v", name, e.Type, e.Data, e.Principal)
			}
		}
	}
	if got := r.rows(single, "checkpoints"); got[0] != 1 {
		t.Errorf("the newest of one is gone: %v", got)
	}
	// What is written afterwards expires in its turn.
	again := r.write("latest", "tenant", 1)
	r.pass(30 * time.Minute)
	if due := r.due(); !due[again] || !due[busy] {
		t.Errorf("written again, it is not due: %v", due)
	} else {
		r.expire(due)
	}
	if got := r.rows(again, "checkpoints"); got[0] != 1 || len(r.removed(again)) != 2 {
		t.Errorf("%v are left after a second time", got)
	}
	r.RebuildIsEqual(t, []int32{3, 0, 2, 1})
}
