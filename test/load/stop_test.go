//go:build load

package load_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/fleettest"
)

// TestStopUnderLoad: SIGTERM comes while agents write as fast as they can. The
// process ends within 10 s, no request is refused for it, and one that it had
// taken has its answer: what the log holds, its client knows.
func TestStopUnderLoad(t *testing.T) {
	const rounds, most = 3, 10 * time.Second
	f := fleettest.NewFleet(t, 0)
	s := serve(t, f)
	agents := newAgents(t, s, 64, 2000)
	for range rounds {
		stopped := writeUntilGone(t, agents)
		fleettest.Pass(t, s.Proc, time.Second)
		took := s.stop()
		stopped()
		t.Logf("it ended %s after SIGTERM, with %d writes answered so far", took.Round(time.Millisecond), len(answeredTo(agents)))
		if took > most {
			t.Errorf("it took %s to end", took)
		}
		s.start()
		shows(t, f, answeredTo(agents))
		var lost []uuid.UUID
		for _, a := range agents {
			lost, a.lost = append(lost, a.lost...), nil
		}
		if n := fleettest.Query[int](t, f.Database, "SELECT count(*) FROM checkpoints WHERE thread_ts = ANY($1)", lost); n > 0 {
			t.Errorf("%d of %d writes without an answer were taken", n, len(lost))
		}
	}
}

// writeUntilGone lets all agents write until their server is gone. The returned
// function waits for that.
func writeUntilGone(t *testing.T, agents []*agent) (wait func()) {
	t.Helper()
	before := len(answeredTo(agents))
	var group sync.WaitGroup
	refused := make([]error, len(agents))
	for i, a := range agents {
		group.Go(func() {
			err := error(nil)
			for err == nil {
				err = a.save(context.WithoutCancel(t.Context()))
			}
			if r := (refusal{}); errors.As(err, &r) {
				refused[i] = err
			}
		})
	}
	return func() {
		t.Helper()
		group.Wait()
		if err := errors.Join(slices.Compact(refused)...); err != nil {
			t.Errorf("writes were refused: %v", err)
		}
		if len(answeredTo(agents)) == before {
			t.Error("nothing was written before it stopped")
		}
	}
}
