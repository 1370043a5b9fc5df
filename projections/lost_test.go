package projections_test

import (
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/embedded"
	"github.com/duolog/duolog/internal/embedded/embeddedtest"
	"github.com/duolog/duolog/internal/nodetest"
)

// crashing is a cluster over a Postgres that crashes and loses what it had
// committed, and what its clients were answered.
type crashing struct {
	t      *testing.T
	server *embedded.Postgres
	data   string

	mu       sync.Mutex
	answered map[uuid.UUID]domain.Position
}

// TestPostgresLosesItsLastTransactions: with synchronous_commit off a crash of
// Postgres takes back what was committed last. Commands go on, no read shows
// less than was answered, and the rows become those of the log again.
func TestPostgresLosesItsLastTransactions(t *testing.T) {
	t.Parallel()
	x := &crashing{t: t, server: embeddedtest.OwnPostgres(t), answered: map[uuid.UUID]domain.Position{}}
	c := nodetest.NewCluster(t)
	c.DatabaseURL = x.server.URL("postgres")
	nodes := []*nodetest.Node{c.Start(t, nodetest.Options{}), c.Start(t, nodetest.Options{})}
	if err := nodes[0].DB.Write.QueryRow(t.Context(), `SHOW data_directory`).Scan(&x.data); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	for _, n := range nodes {
		for range 3 {
			busy.Go(func() { x.write(ctx, n) })
		}
		busy.Go(func() { x.read(ctx, n) })
	}
	x.crashes(nodes[0])
	stop()
	busy.Wait()
	for _, n := range nodes {
		allShows(t, n)
	}
	for command, at := range x.answered {
		var stands domain.Position
		err := nodes[0].DB.Write.QueryRow(t.Context(), `SELECT partition, "offset" FROM commits WHERE command_id = $1`, command).Scan(&stands.Partition, &stands.Offset)
		if err != nil || stands != at {
			t.Errorf("command %s was answered at %s, and stands at %s: %v", command, at, stands, err)
		}
	}
	nodes[1].RebuildIsEqual(t, []int32{2, 0, 3, 1})
}

// crashes lets Postgres crash under load: what is lost is what it had not yet
// written out, or all since an older state of its files.
func (x *crashing) crashes(n *nodetest.Node) {
	x.t.Helper()
	x.more(20)
	for round := range 4 {
		loses := round%2 == 1
		if loses {
			x.do(x.server.Stop(x.t.Context(), embedded.Fast))
			x.run("cp", "-a", x.data, x.data+".old")
			x.do(x.server.Start(x.t.Context()))
		}
		x.more(20)
		x.do(x.server.Stop(x.t.Context(), embedded.Immediate))
		if loses {
			x.run("rm", "-rf", x.data)
			x.run("mv", x.data+".old", x.data)
		}
		x.do(x.server.Start(x.t.Context()))
		x.more(20)
	}
	if n.Visible.Next(0) == 0 {
		x.t.Error("nothing was projected")
	}
}

func (x *crashing) do(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *crashing) run(name string, args ...string) {
	x.t.Helper()
	if out, err := exec.CommandContext(x.t.Context(), name, args...).CombinedOutput(); err != nil {
		x.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
}

// more waits until n commands more were answered.
func (x *crashing) more(n int) {
	x.t.Helper()
	want := len(x.told()) + n
	for deadline := time.Now().Add(time.Minute); len(x.told()) < want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("%d commands were answered, want %d", len(x.told()), want)
		}
	}
}

func (x *crashing) told() []uuid.UUID {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make([]uuid.UUID, 0, len(x.answered))
	for id := range x.answered {
		out = append(out, id)
	}
	return out
}

// write sends commands, each until it is answered.
func (x *crashing) write(ctx context.Context, n *nodetest.Node) {
	id := workflowStream("acme")
	var command workflow.Command = start("goal")
	for ctx.Err() == nil {
		r := dispatch.Request{Stream: id, Workflow: command, CommandID: uuid.New()}
		result, err := x.send(ctx, n, r)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			x.t.Errorf("%s: %v", command.CommandType(), err)
			return
		}
		x.mu.Lock()
		x.answered[r.CommandID] = result.Position
		x.mu.Unlock()
		command = save(nil, "message")
	}
}

func (x *crashing) send(ctx context.Context, n *nodetest.Node, r dispatch.Request) (dispatch.Result, error) {
	for {
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		result, err := n.Dispatch.Do(short, r)
		cancel()
		if domain.CodeOf(err) != domain.CodeNotNow || ctx.Err() != nil {
			return result, err
		}
	}
}

// read asks for everything that was answered by any node, as the API would: a
// read may fail, and be sent again, but it shows all of it.
func (x *crashing) read(ctx context.Context, n *nodetest.Node) {
	for ctx.Err() == nil {
		told := x.told()
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		var shown int
		err := n.Visible.Ready(short)
		if err == nil {
			err = n.DB.Read.QueryRow(short, `SELECT count(*) FROM commits WHERE command_id = ANY($1)`, told).Scan(&shown)
		}
		cancel()
		if err == nil && shown != len(told) {
			x.t.Errorf("a read shows %d of %d commands that were answered", shown, len(told))
			return
		}
	}
}
