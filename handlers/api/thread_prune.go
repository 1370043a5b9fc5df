package api

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
)

const (
	// maxThreads bounds the threads, and the runs, that one request names.
	maxThreads = 1000
	// atOnce is how many threads a request changes at the same time.
	atOnce = 8
)

// pruneThreads answers POST threads/prune. Of threads that are not there nothing is
// removed.
func (s *Server) pruneThreads(c *call) (answer, error) {
	_, f, err := s.threadBody(c)
	if err != nil {
		return answer{}, err
	}
	names, err := texts(f, "thread_ids", workflow.MaxThread)
	if err != nil {
		return answer{}, err
	}
	strategy := workflow.PruneStrategy(f.Text("strategy"))
	if f.Err == nil && !f.Has("strategy") {
		strategy = workflow.PruneKeepLatest
	}
	if f.Err != nil {
		return answer{}, f.Err
	}
	streams := make([]domain.StreamID, len(names))
	for i, name := range names {
		if streams[i], err = c.threadNamed("thread_ids", name); err != nil {
			return answer{}, err
		}
	}
	return s.removeFrom(c, streams, func() workflow.Command { return &workflow.PruneThread{Strategy: strategy} })
}

// deleteRuns answers POST threads/delete_runs, for all threads of the tenant.
func (s *Server) deleteRuns(c *call) (answer, error) {
	_, f, err := s.threadBody(c)
	if err != nil {
		return answer{}, err
	}
	runs, err := texts(f, "run_ids", workflow.MaxMetadata)
	if err != nil || len(runs) == 0 {
		return removed(0), err
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	streams, err := s.cfg.Checkpoints.StreamsOfRuns(c.Context(), c.who.Tenant, runs)
	if err != nil {
		return answer{}, err
	}
	if c.who.Run != nil { // a run sees its own thread alone
		own := domain.StreamID{Tenant: c.who.Tenant, Kind: domain.KindWorkflow, ID: c.who.Workflow}
		streams = slices.DeleteFunc(streams, func(stream domain.StreamID) bool { return stream != own })
	}
	return s.removeFrom(c, streams, func() workflow.Command { return &workflow.DeleteRuns{Runs: runs} })
}

// removeFrom carries out a command in each of the streams, and says how much it has
// removed in all. After a failure the request may be sent again: what is removed is.
func (s *Server) removeFrom(c *call, streams []domain.StreamID, command func() workflow.Command) (answer, error) {
	counts := make([]int, len(streams))
	group, ctx := errgroup.WithContext(c.Context())
	group.SetLimit(atOnce)
	for i, stream := range streams {
		group.Go(func() (err error) {
			counts[i], err = s.removeIn(ctx, c, stream, command())
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return answer{}, err
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	return removed(total), nil
}

func (s *Server) removeIn(ctx context.Context, c *call, stream domain.StreamID, command workflow.Command) (int, error) {
	r, err := s.agentRequest(c, stream, command, nil)
	if err != nil {
		return 0, err
	}
	r.CommandID, r.Fresh = s.cfg.NewID(), true
	result, err := s.cfg.Dispatch.Do(ctx, r)
	return result.Count, err
}

func removed(n int) answer {
	var o object
	o.int("removed", int64(n))
	return ok(o.end())
}

// texts reads a list of texts.
func texts(f *document.Fields, name string, most int) ([]string, error) {
	items := document.Elements(f.Array(name))
	if f.Err != nil {
		return nil, f.Err
	}
	if len(items) > maxThreads {
		return nil, tooLarge(name, fmt.Sprintf("%s has %d elements; the limit is %d", name, len(items), maxThreads), "send them in several requests")
	}
	out := make([]string, len(items))
	for i, raw := range items {
		text, err := document.DecodeText(raw)
		if err != nil {
			return nil, domain.InvalidField(fmt.Sprintf("%s[%d]", name, i), "it "+err.Error(), "send a string")
		}
		if err := domain.CheckSize(fmt.Sprintf("%s[%d]", name, i), len(text), most); err != nil {
			return nil, err
		}
		out[i] = text
	}
	return out, nil
}
