package projections_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

// putStep is one step of a thread, which adds a message and leaves a value out.
func putStep(thread string, parent *uuid.UUID, step int) *workflow.PutCheckpoint {
	c := &workflow.PutCheckpoint{
		Thread: workflow.ThreadRef{ID: thread}, TS: uuid.Must(uuid.NewV7()), Parent: parent,
		Header:   fmt.Appendf(nil, `{"v":4,"channel_versions":{"messages":%d,"plan":1}}`, step),
		Metadata: fmt.Appendf(nil, `{"step":%d,"run_id":"run %d"}`, step, step%2),
	}
	messages := make([]string, step)
	for i := range messages {
		messages[i] = fmt.Sprintf(`"message %d of %s %s"`, i, thread, strings.Repeat("words ", 20))
	}
	c.Values = []workflow.NewValue{{Channel: "messages", Type: "json", Data: []byte("[" + strings.Join(messages, ",") + "]")}}
	if parent == nil {
		c.Values = append(c.Values, workflow.NewValue{Channel: "plan", Type: "bytes", Data: []byte(strings.Repeat("plan ", 300))})
	}
	return c
}

// steps runs a thread for so long, and gives the ids of its checkpoints.
func steps(t *testing.T, n *nodetest.Node, thread string, count int) []uuid.UUID {
	t.Helper()
	stream := workflow.ThreadStream("acme", thread)
	var out []uuid.UUID
	var parent *uuid.UUID
	for i := range count {
		c := putStep(thread, parent, i+1)
		do(t, n, dispatch.Request{Stream: stream, Workflow: c})
		do(t, n, dispatch.Request{Stream: stream, Workflow: &workflow.PutWrites{
			Thread: c.Thread, TS: c.TS, Task: "t", Writes: []workflow.TaskWrite{{Idx: 0, Channel: "messages", Type: "json", Data: fmt.Appendf(nil, `"a write that stands apart %s"`, strings.Repeat("w", 1200+i))}},
		}})
		parent = &c.TS
		out = append(out, c.TS)
	}
	return out
}

// threads leaves threads in the log: one that lives, one that was deleted and one that
// was begun anew.
func threads(t *testing.T, n *nodetest.Node) {
	t.Helper()
	lived := steps(t, n, "lives", 70)
	again := putStep("lives", &lived[69], 71) // which names itself as its parent
	again.TS = lived[69]
	do(t, n, dispatch.Request{Stream: workflow.ThreadStream("acme", "lives"), Workflow: again})
	for _, thread := range []string{"deleted", "begun anew"} {
		steps(t, n, thread, 70)
		do(t, n, dispatch.Request{Stream: workflow.ThreadStream("acme", thread), Workflow: &workflow.DeleteThread{}})
	}
	steps(t, n, "begun anew", 3)
	steps(t, n, "pruned", 70)
	do(t, n, dispatch.Request{Stream: workflow.ThreadStream("acme", "pruned"), Workflow: &workflow.SetRetention{Retention: &workflow.Retention{TTL: 60, Strategy: workflow.PruneDelete}}})
	do(t, n, dispatch.Request{Stream: workflow.ThreadStream("acme", "pruned"), Workflow: &workflow.PruneThread{Strategy: workflow.PruneKeepLatest}})
	steps(t, n, "pruned", 2)
	do(t, n, dispatch.Request{Stream: workflow.ThreadStream("acme", "pruned"), Workflow: &workflow.DeleteRuns{Runs: []string{"run 0"}}})
}

// left counts the rows of a stream that hold bytes.
func left(t *testing.T, n *nodetest.Node, thread string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, table := range []string{"checkpoints", "writes", "manifests", "manifest_parts", "blobs"} {
		var count int
		if err := n.DB.Read.QueryRow(t.Context(), `SELECT count(*) FROM `+table+` WHERE stream = $1`, projections.ShortKeyOf(workflow.ThreadStream("acme", thread).String())).Scan(&count); err != nil {
			t.Fatal(err)
		}
		out[table] = count
	}
	return out
}

// TestDeletionLeavesWhatOthersStandOn: the goal of a workflow stays, and nothing of
// what its thread held.
func TestDeletionLeavesWhatOthersStandOn(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	id := workflowStream("acme")
	goal := strings.Repeat("a goal that does not stand inline ", 60)
	do(t, n, dispatch.Request{Stream: id, Workflow: start(goal)})
	steps(t, n, id.ID.String(), 70)
	r := do(t, n, dispatch.Request{Stream: id, Workflow: &workflow.DeleteThread{}})
	if r.Workflow.Thread == nil || !r.Workflow.Thread.Gone {
		t.Errorf("%+v", r.Workflow.Thread)
	}
	got := left(t, n, id.ID.String())
	if got["checkpoints"]+got["writes"]+got["manifests"]+got["manifest_parts"] != 0 || got["blobs"] == 0 {
		t.Errorf("left: %v", got)
	}
	for _, a := range r.Workflow.Created.Goal.Named() {
		var there int
		if err := n.DB.Read.QueryRow(t.Context(), `SELECT count(*) FROM blobs WHERE stream = $1 AND address = $2`, projections.ShortKeyOf(id.String()), a[:]).Scan(&there); err != nil || there != 1 {
			t.Errorf("bytes %s of the goal: %d, %v", a, there, err)
		}
	}
}

// TestRemovalsLeaveWhatForksStandOn: the bytes of a pinned checkpoint stay whatever is
// removed, once and again.
func TestRemovalsLeaveWhatForksStandOn(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	stream := workflow.ThreadStream("acme", "source")
	ids := steps(t, n, "source", 70)
	var number int64
	if err := n.DB.Read.QueryRow(t.Context(), `SELECT number FROM checkpoints WHERE stream = $1 AND thread_ts = $2`, projections.ShortKeyOf(stream.String()), ids[40]).Scan(&number); err != nil {
		t.Fatal(err)
	}
	do(t, n, dispatch.Request{Stream: stream, Workflow: &workflow.PinCheckpoint{Fork: uuid.New(), CheckpointPin: workflow.CheckpointPin{ThreadTS: ids[40], Number: number}}})
	before := bytesOf(t, n, projections.ShortKeyOf(stream.String()), ids[40])
	if len(before) == 0 {
		t.Fatal("the checkpoint stands on nothing")
	}
	asBefore(t, n, projections.ShortKeyOf(stream.String()), ids[40:50])
	if again := bytesOf(t, n, projections.ShortKeyOf(stream.String()), ids[40]); len(again) != len(before) {
		t.Errorf("rows of before stand on %d blobs, not %d", len(again), len(before))
	}
	for _, c := range []workflow.Command{
		&workflow.DeleteRuns{Runs: []string{"run 1"}},
		&workflow.PruneThread{Strategy: workflow.PruneKeepLatest},
		&workflow.DeleteThread{},
	} {
		do(t, n, dispatch.Request{Stream: stream, Workflow: c})
		got := left(t, n, "source")
		var there int
		if err := n.DB.Read.QueryRow(t.Context(), `SELECT count(*) FROM blobs WHERE stream = $1 AND address = ANY($2)`, projections.ShortKeyOf(stream.String()), before).Scan(&there); err != nil {
			t.Fatal(err)
		}
		if there != len(before) {
			t.Errorf("after %s %d of %d pinned blobs are there: %v", c.CommandType(), there, len(before), got)
		}
	}
	if got := left(t, n, "source"); got["blobs"] > len(before)+10 { // the lists of what was removed stay too
		t.Errorf("%v are left for %d pinned blobs", got, len(before))
	}
}

// asBefore gives rows of checkpoints the form that they had before rows were packed.
func asBefore(t *testing.T, n *nodetest.Node, stream projections.ShortKey, ids []uuid.UUID) {
	t.Helper()
	codec, err := projections.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if tag, err := n.DB.Write.Exec(t.Context(), sql, args...); err != nil || tag.RowsAffected() == 0 {
			t.Fatal(sql, tag, err)
		}
	}
	for _, id := range ids {
		var header, names, addresses, nsHash []byte
		var w projections.WriteRow
		err := n.DB.Read.QueryRow(t.Context(), `SELECT c.header, c.channels, c.ids, w.ns_hash, `+projections.WriteColumns+` FROM checkpoints c JOIN writes w USING (stream, ns_hash, thread_ts)
			WHERE c.stream = $1 AND c.thread_ts = $2`, stream, id).Scan(append([]any{&header, &names, &addresses, &nsHash}, w.Columns()...)...)
		if err != nil {
			t.Fatal(err)
		}
		v, err := codec.ReadValue(header)
		if err != nil {
			t.Fatal(err)
		}
		exec(`UPDATE checkpoints SET header = $3 WHERE stream = $1 AND thread_ts = $2`, stream, id, v.AppendJSON(nil))
		writes, err := codec.LatestWrites([]projections.WriteRow{w})
		if err != nil {
			t.Fatal(err)
		}
		exec(`DELETE FROM writes WHERE stream = $1 AND thread_ts = $2`, stream, id)
		for _, w := range writes {
			exec(`INSERT INTO writes (stream, ns_hash, thread_ts, task, idx, task_path, channel, value, number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
				stream, nsHash, id, []byte(w.Task), w.Idx, []byte(w.TaskPath), []byte(w.Channel), w.Value.AppendJSON(nil), w.Number)
		}
		channels, err := projections.UnpackChannels(names, addresses)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range channels {
			exec(`UPDATE manifests SET manifest = $3, part = NULL WHERE stream = $1 AND id = $2`, stream, a[:], manifestOf(t, n, stream, a).AppendPacked(nil))
		}
	}
}

func manifestOf(t *testing.T, n *nodetest.Node, stream projections.ShortKey, id value.Address) value.Manifest {
	t.Helper()
	var raw, part []byte
	if err := n.DB.Read.QueryRow(t.Context(), `SELECT `+projections.ManifestColumns+` FROM manifests m WHERE m.stream = $1 AND m.id = $2`, stream, id[:]).Scan(&raw, &part); err != nil {
		t.Fatal(err)
	}
	m, err := value.ReadManifest(raw, part)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// bytesOf are the addresses of all blobs that a checkpoint and its writes stand on.
func bytesOf(t *testing.T, n *nodetest.Node, stream projections.ShortKey, id uuid.UUID) [][]byte {
	t.Helper()
	codec, err := projections.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := n.DB.Read.Query(t.Context(), `SELECT `+projections.WriteColumns+` FROM writes w WHERE w.stream = $1 AND w.thread_ts = $2`, stream, id)
	if err != nil {
		t.Fatal(err)
	}
	written, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w projections.WriteRow, err error) { return w, row.Scan(w.Columns()...) })
	if err != nil {
		t.Fatal(err)
	}
	writes, err := codec.LatestWrites(written)
	if err != nil {
		t.Fatal(err)
	}
	var header []byte
	if err := n.DB.Read.QueryRow(t.Context(), `SELECT header FROM checkpoints WHERE stream = $1 AND thread_ts = $2`, stream, id).Scan(&header); err != nil {
		t.Fatal(err)
	}
	first, err := codec.ReadValue(header)
	if err != nil {
		t.Fatal(err)
	}
	values := []value.Value{first}
	for _, w := range writes {
		values = append(values, w.Value)
	}
	var manifests []value.Manifest
	for _, v := range values {
		m, err := v.Resolve(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, m)
	}
	var names, ids []byte
	if err := n.DB.Read.QueryRow(t.Context(), `SELECT channels, ids FROM checkpoints WHERE stream = $1 AND thread_ts = $2`, stream, id).Scan(&names, &ids); err != nil {
		t.Fatal(err)
	}
	channels, err := projections.UnpackChannels(names, ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range channels {
		manifests = append(manifests, manifestOf(t, n, stream, id))
	}
	on := map[value.Address]bool{}
	for _, m := range manifests {
		err := value.Reach(m, on, func(want []value.Address) (map[value.Address][]byte, error) {
			out := map[value.Address][]byte{}
			for _, a := range want {
				var c int16
				var data []byte
				if err := n.DB.Read.QueryRow(t.Context(), `SELECT codec, data FROM blobs WHERE stream = $1 AND address = $2`, stream, a[:]).Scan(&c, &data); err != nil {
					return nil, err
				}
				var err error
				if out[a], err = codec.UnpackBlob(c, data); err != nil {
					return nil, err
				}
			}
			return out, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var out [][]byte
	for a := range on {
		out = append(out, a[:])
	}
	return out
}
