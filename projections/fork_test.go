package projections_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/archive"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
	"github.com/duolog/duolog/projections/queries/checkpoints"
	"github.com/duolog/duolog/projections/queries/cut"
	"github.com/duolog/duolog/projections/queries/exports"
	"github.com/duolog/duolog/projections/queries/forks"
	"github.com/duolog/duolog/projections/queries/workflows"
)

func reading(t *testing.T, n *nodetest.Node) cut.DB {
	t.Helper()
	codec, err := projections.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	return cut.DB{Pool: n.DB.Read, Codec: codec, Partitions: nodetest.Partitions}
}

// playForks forks a workflow, forks the fork, and lets both go on.
func playForks(t *testing.T, n *nodetest.Node, source domain.StreamID, at uuid.UUID) {
	t.Helper()
	lineage := []uuid.UUID{}
	for range 2 {
		p, err := forks.New(reading(t, n)).Point(t.Context(), source, forks.Ref{ThreadTS: at})
		if err != nil {
			t.Fatal(err)
		}
		fork := workflowStream(source.Tenant)
		do(t, n, dispatch.Request{Stream: source, Workflow: &workflow.PinCheckpoint{Fork: fork.ID, CheckpointPin: workflow.CheckpointPin{ThreadTS: at, Number: p.Number}}})
		lineage = append([]uuid.UUID{source.ID}, lineage...)
		do(t, n, dispatch.Request{Stream: fork, Workflow: &workflow.Fork{
			Start:  *start("another goal"),
			Forked: workflow.Forked{Origin: workflow.Origin{Workflow: source.ID, Position: "0:1", Checkpoint: at}, Lineage: lineage, Checkpoints: []workflow.ForkedCheckpoint{p.Checkpoint}},
			Edit:   &workflow.Edit{Header: p.Header, Metadata: p.Metadata, Set: []workflow.SetChannel{{Channel: "step", Value: json.RawMessage(`-1`)}}},
		}})
		do(t, n, dispatch.Request{Stream: fork, Workflow: save(&at, strings.Repeat("another message ", 100), "and one")})
		source = fork
	}
}

// playImport brings every workflow in a second time, the first one not to its end.
func playImport(t *testing.T, n *nodetest.Node) {
	t.Helper()
	list, _, err := workflows.New(reading(t, n)).List(t.Context(), "tenant0", workflows.Filter{}, 1, 100)
	if err != nil || len(list) == 0 {
		t.Fatalf("%d workflows: %v", len(list), err)
	}
	for i, w := range list {
		export, err := exports.New(reading(t, n)).Open(t.Context(), w.Stream)
		if err != nil {
			t.Fatal(err)
		}
		into, reader := workflowStream("elsewhere"), archive.Reader{}
		err = export.Lines(t.Context(), func(line []byte) error {
			e, err := reader.Next(line)
			if err != nil || e == nil || i == 0 && e.N > 10 {
				return err
			}
			c := &workflow.ImportCommit{Events: e.Commit.Events, Blobs: e.Blobs, Gone: e.Gone, Imported: workflow.Imported{N: e.N, Hash: e.Hash}}
			if e.N == 0 {
				c.Begun = &workflow.ImportBegun{Head: reader.Header.Head, Commits: reader.Header.Commits, User: "eve", Engine: "local"}
			}
			do(t, n, dispatch.Request{Stream: into, Workflow: c, At: e.Commit.Time})
			return nil
		})
		if err != nil || reader.Close() != nil {
			t.Fatalf("%s: %v, %v", w.Stream, err, reader.Close())
		}
		if i > 0 {
			do(t, n, dispatch.Request{Stream: into, Workflow: &workflow.EndImport{Head: reader.Header.Head}})
		}
	}
}

// A fork has its bytes from the streams it comes from, also where these are read
// after it.
func TestForkReadsWhatItsSourceHas(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	source := workflowStream("acme")
	do(t, n, dispatch.Request{Stream: source, Workflow: start("goal")})
	long := save(nil, strings.Repeat("a", 2000), strings.Repeat("b", 3000))
	do(t, n, dispatch.Request{Stream: source, Workflow: long})
	p, err := forks.New(reading(t, n)).Point(t.Context(), source, forks.Ref{ThreadTS: long.ThreadTS})
	if err != nil {
		t.Fatal(err)
	}
	var fork domain.StreamID
	for fork.ID == uuid.Nil || reading(t, n).PartitionOf(fork) == reading(t, n).PartitionOf(source) {
		fork = workflowStream("acme")
	}
	do(t, n, dispatch.Request{Stream: fork, Workflow: &workflow.Fork{
		Start:  *start("another goal"),
		Forked: workflow.Forked{Origin: workflow.Origin{Workflow: source.ID, Checkpoint: long.ThreadTS}, Lineage: []uuid.UUID{source.ID}, Checkpoints: []workflow.ForkedCheckpoint{p.Checkpoint}},
	}})
	var own int
	if err := n.DB.Read.QueryRow(t.Context(), `SELECT count(*) FROM blobs WHERE stream = $1`, projections.ShortKeyOf(fork.String())).Scan(&own); err != nil || own != 0 {
		t.Errorf("the fork has %d blobs of its own: %v", own, err)
	}
	row, err := checkpoints.New(reading(t, n)).ByThreadTS(t.Context(), fork, nil, long.ThreadTS)
	if err != nil || string(row.JSON) != string(long.Checkpoint) {
		t.Errorf("%.100s: %v", row.JSON, err)
	}
	both := []int32{reading(t, n).PartitionOf(fork), reading(t, n).PartitionOf(source)}
	for p := range int32(nodetest.Partitions) {
		if p != both[0] && p != both[1] {
			both = append(both, p)
		}
	}
	n.RebuildIsEqual(t, both)
}

// forkAt forks a workflow as the API does.
func forkAt(t *testing.T, n *nodetest.Node, source domain.StreamID, at uuid.UUID) domain.StreamID {
	t.Helper()
	p, err := forks.New(reading(t, n)).Point(t.Context(), source, forks.Ref{ThreadTS: at})
	if err != nil {
		t.Fatal(err)
	}
	fork := workflowStream(source.Tenant)
	do(t, n, dispatch.Request{Stream: source, Workflow: &workflow.PinCheckpoint{Fork: fork.ID, CheckpointPin: workflow.CheckpointPin{ThreadTS: at, Number: p.Number}}})
	do(t, n, dispatch.Request{Stream: fork, Workflow: &workflow.Fork{
		Start:  *start("another goal"),
		Forked: workflow.Forked{Origin: workflow.Origin{Workflow: source.ID, Checkpoint: at}, Lineage: append([]uuid.UUID{source.ID}, p.State.Lineage...), Checkpoints: []workflow.ForkedCheckpoint{p.Checkpoint}},
	}})
	return fork
}

// A fork stays whole when its source is deleted, whatever is deleted there later, and
// so does a fork of the fork when that is.
func TestForkOutlivesItsSource(t *testing.T) {
	t.Parallel()
	c := nodetest.NewCluster(t)
	n := c.Start(t, nodetest.Options{})
	source := workflow.ThreadStream("acme", "source")
	ids := steps(t, n, "source", 70)
	fork := forkAt(t, n, source, ids[69])
	second := forkAt(t, n, fork, ids[69])
	whole := func(stream domain.StreamID) string {
		t.Helper()
		row, err := checkpoints.New(reading(t, n)).ByThreadTS(t.Context(), stream, nil, ids[69])
		if err != nil || len(row.Writes) != 1 {
			t.Fatalf("%d writes: %v", len(row.Writes), err)
		}
		return string(row.JSON) + string(row.Writes[0].Bytes)
	}
	want := whole(source)
	do(t, n, dispatch.Request{Stream: source, Workflow: &workflow.DeleteThread{}})
	before := left(t, n, "source")["blobs"]
	if whole(fork) != want || whole(second) != want || before == 0 {
		t.Error("with its source gone it is another")
	}
	steps(t, n, "source", 70) // the same values, in another life
	do(t, n, dispatch.Request{Stream: source, Workflow: &workflow.DeleteThread{}})
	if after := left(t, n, "source"); whole(fork) != want || after["blobs"] != before || after["checkpoints"] != 0 {
		t.Errorf("%d blobs before, then %v", before, after)
	}
	do(t, n, dispatch.Request{Stream: fork, Workflow: &workflow.DeleteThread{}})
	if whole(second) != want {
		t.Error("with the fork gone the fork of the fork is another")
	}
	n.RebuildIsEqual(t, []int32{3, 0, 2, 1})
}

// A thread's fork goes on as a thread: what a step does not send it has from the
// checkpoint before it, wherever the bytes of that stand.
func TestForkOfAThreadGoesOn(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	c := putStep("source", nil, 1)
	c.Header = fmt.Appendf(nil, `{"v":4,"channel_versions":{"messages":1,"plan":1},"versions_seen":{"n":{%q:1}}}`, strings.Repeat("long", 2000))
	source := workflow.ThreadStream("acme", "source")
	do(t, n, dispatch.Request{Stream: source, Workflow: c})
	fork := forkAt(t, n, source, c.TS)
	next := putStep(fork.ID.String(), &c.TS, 2)
	do(t, n, dispatch.Request{Stream: fork, Workflow: next})
	row, err := checkpoints.New(reading(t, n)).ByThreadTS(t.Context(), fork, nil, next.TS)
	if err != nil || len(row.Values) != 2 || row.Values[1].Channel != "plan" || !strings.HasPrefix(string(row.Values[1].Bytes()), "plan plan") {
		t.Errorf("%d values: %v", len(row.Values), err)
	}
}
