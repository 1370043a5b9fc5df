package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
)

// trigger measures from a trigger over HTTP to the call of the engine's Start. The
// engine is the local one with its Start replaced by a note of the call: two
// processes a run would take the processors from what is measured.
func (b *bench) trigger(ctx context.Context) ([]report.Result, error) {
	notes, err := listen(ctx, filepath.Join(b.lab.Dir, "starts.sock"))
	if err != nil {
		return nil, err
	}
	defer notes.close()
	return b.onNode(ctx, lab.FleetConfig{Tags: []string{"enginenotes"}, Environment: []string{"DUOLOG_ENGINE_NOTES=" + notes.path}}, func(f *lab.Fleet, client load.Client, steps *bareSteps) ([]report.Result, error) {
		return b.triggers(ctx, f, client, steps, notes)
	})
}

// onNode measures on a node of its own, with a client of it, and with the bare steps
// beside it.
func (b *bench) onNode(ctx context.Context, cfg lab.FleetConfig, measure func(*lab.Fleet, load.Client, *bareSteps) ([]report.Result, error)) (out []report.Result, err error) {
	f, err := b.fleet(ctx, 1, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	client := load.NewClient(f.Nodes[0].Address, f.Token)
	defer client.Close()
	steps, done, err := b.bareSteps(ctx, f)
	if done != nil {
		defer done()
	}
	if err != nil {
		return nil, err
	}
	return measure(f, client, steps)
}

// triggers compares both ways in.
func (b *bench) triggers(ctx context.Context, f *lab.Fleet, client load.Client, steps *bareSteps, notes *starts) ([]report.Result, error) {
	row := report.Result{
		Better: report.Lower, Unit: "ms",
		Baseline: "p50 of two raw produces + two raw INSERTs, 2 KB each, synchronous_commit on, at that rate",
	}
	created, message := row, row
	created.ID, created.Goal, created.What = "P8", 4, "p50 from POST of a workflow with start_workflow to the engine's Start, 100/s"
	message.ID, message.What = "P8-message", "p50 from POST of a message to the engine's Start, 100/s"
	return b.compare(ctx, f.Database, []comparison{{name: "P8", length: b.open, baseline: func(ctx context.Context, length time.Duration) (sample, error) {
		return steps.measure(ctx, triggerRate, length, 2)
	}, figures: []figure{
		{row: created, p99: true, measure: b.triggered(f, notes, "w", func(ctx context.Context, goal string) error {
			_, err := client.Post(ctx, load.WorkflowsPath, fmt.Appendf(nil, `{"goal":%q,"start_workflow":true}`, goal), http.StatusCreated)
			return err
		})},
		{row: message, p99: true, measure: b.triggered(f, notes, "m", func(ctx context.Context, goal string) error {
			_, err := client.Post(ctx, "/v1/messages", fmt.Appendf(nil, `{"text":%q}`, goal), http.StatusAccepted)
			return err
		})},
	}}})
}

// startTimeout is how long a start may take before it counts as failed.
const startTimeout = 30 * time.Second

// triggered offers triggers, each with a goal of its own by which its start is known.
func (b *bench) triggered(f *lab.Fleet, n *starts, kind string, send func(ctx context.Context, goal string) error) measure {
	runs := 0
	return func(ctx context.Context, length time.Duration) (sample, error) {
		profiled := b.startProfile(ctx, f, fmt.Sprintf("P8-%s-%d", kind, runs), length)
		runs++
		s, err := b.offered(ctx, triggerRate, length, func(ctx context.Context, i int) error {
			ctx, cancel := context.WithTimeout(ctx, startTimeout)
			defer cancel()
			goal := fmt.Sprintf("%s %d %d", kind, runs, i)
			started := n.expect(goal)
			if err := send(ctx, goal); err != nil {
				return err
			}
			select {
			case <-started:
				return nil
			case <-ctx.Done():
				return fmt.Errorf("%s was not started: %w", goal, ctx.Err())
			}
		})
		return s, errors.Join(err, profiled(), f.Quiet(ctx))
	}
}

// starts hears of calls of the engine's Start.
type starts struct {
	path string
	conn net.PacketConn

	mu      sync.Mutex
	waiting map[string]chan struct{}
}

func listen(ctx context.Context, path string) (*starts, error) {
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "unixgram", path)
	if err != nil {
		return nil, fmt.Errorf("listen for starts: %w", err)
	}
	s := &starts{path: path, conn: conn, waiting: map[string]chan struct{}{}}
	go s.hear()
	return s, nil
}

// hear ends when the socket is closed.
func (s *starts) hear() {
	goal := make([]byte, 1024)
	for {
		n, _, err := s.conn.ReadFrom(goal)
		if err != nil {
			return
		}
		s.mu.Lock()
		if c, ok := s.waiting[string(goal[:n])]; ok {
			close(c)
			delete(s.waiting, string(goal[:n]))
		}
		s.mu.Unlock()
	}
}

// expect is closed when the run with that goal is started.
func (s *starts) expect(goal string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan struct{})
	s.waiting[goal] = c
	return c
}

func (s *starts) close() { _ = s.conn.Close() }
