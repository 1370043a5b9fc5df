package effects

import (
	"context"
	"log/slog"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/projections"
)

// watchAsked asks, until ctx ends, the engines that must be asked how the runs of
// a partition are. It is the backstop of what such an engine tells by itself.
func (r *Runner) watchAsked(ctx context.Context, partition int32, engines []string) {
	every(ctx, r.cfg.Ask, func() {
		if err := r.askAll(ctx, partition, engines); err != nil && ctx.Err() == nil {
			r.cfg.Logger.WarnContext(ctx, "engines not asked for their runs", slog.Int("partition", int(partition)), slog.Any("error", err))
		}
	})
}

// askAll is one look. A run whose engine gives no answer keeps no other waiting.
func (r *Runner) askAll(ctx context.Context, partition int32, engines []string) error {
	after := ""
	for {
		page, err := r.cfg.Intents.Active(ctx, partition, engines, after, pageSize)
		if err != nil {
			return err
		}
		for _, stream := range page {
			if err := r.Ask(ctx, stream); err != nil && ctx.Err() == nil {
				r.cfg.Logger.WarnContext(ctx, "engine not asked for a run", slog.String("stream", stream.String()), slog.Any("error", err))
			}
			after = stream.String()
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

// Ask asks the engine of a workflow's run whether it has ended, and records that.
// It does nothing for a workflow without a run that its engine must be asked about:
// whoever heard that there is something to see may call it.
func (r *Runner) Ask(ctx context.Context, stream domain.StreamID) error {
	snap, err := r.cfg.States.Load(ctx, stream, projections.SnapshotWant{})
	if err != nil {
		return err
	}
	j := &job{stream: stream, number: snap.Number, state: snap.Workflow}
	run := j.state.ActiveRun()
	if run == nil {
		return nil
	}
	asked, ok := r.cfg.Engines[run.Engine].(Asked)
	if !ok || run.Attempt.Count == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	end, err := asked.Ended(limited, j.run())
	if err != nil || end == nil {
		return err
	}
	return r.ReportFinished(ctx, *end)
}

func (r *Runner) askedEngines() []string {
	var out []string
	for name, e := range r.cfg.Engines {
		if _, asked := e.(Asked); asked {
			out = append(out, name)
		}
	}
	return out
}
