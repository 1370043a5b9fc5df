package dispatch

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/planted"
	"github.com/duolog/duolog/handlers/wait"
)

// longest bounds how long one batch may hold its stream.
const longest = 30 * time.Second

// retryPause is how long a round that had no outcome waits before the next one.
const retryPause = 200 * time.Millisecond

// serve answers every waiter of the batch. Commands whose commit was ignored
// are decided again, with what beat them visible. So are all after a round whose
// outcome is unknown, because the log or the database was away: each waiter is
// held for as long as it waits, and what was done meanwhile is found by its
// command id.
func (d *Dispatcher) serve(ctx context.Context, id domain.StreamID, batch []*waiter) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	for batch = stillWaiting(batch); len(batch) > 0; batch = stillWaiting(batch) {
		rest, err := d.round(ctx, id, batch)
		batch = rest
		if err == nil {
			continue
		}
		d.cfg.Logger.WarnContext(ctx, "no verdict", slog.String("stream", id.String()), slog.Any("error", err))
		if _, refused := errors.AsType[*domain.Error](err); refused || !wait.For(ctx, retryPause) {
			for _, w := range rest {
				w.answer <- answer{err: asRefusal(err)}
			}
			return
		}
	}
}

func stillWaiting(batch []*waiter) []*waiter {
	var out []*waiter
	for _, w := range batch {
		if w.ctx.Err() == nil {
			out = append(out, w)
		}
	}
	return out
}

func asRefusal(err error) error {
	if e, ok := errors.AsType[*domain.Error](err); ok {
		return e
	}
	return notNow("the log or the database did not answer in time")
}

// round decides the batch on one snapshot, appends what it comes to, and
// answers up to the first ignored commit. It returns who must be decided again.
func (d *Dispatcher) round(ctx context.Context, id domain.StreamID, batch []*waiter) (rest []*waiter, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	if err := d.cfg.Visible.Ready(ctx); err != nil {
		return batch, err
	}
	s, outcomes, err := d.decide(ctx, id, batch)
	if err != nil {
		return batch, err
	}
	for _, w := range batch {
		w.req.Fresh = false // from here on it may have been carried out
	}
	spans := traceAppends(batch, outcomes)
	verdicts, err := d.append(ctx, id, outcomes)
	spans.end(verdicts, err)
	if err != nil {
		return batch, err
	}
	for i, w := range batch {
		switch v := verdicts[i]; {
		case outcomes[i].in != nil && !v.accepted:
			d.warm.beaten(id)
			return batch[i:], nil
		default:
			w.answer <- d.answer(s, outcomes, verdicts, i)
		}
	}
	d.remember(s, batch, outcomes, verdicts)
	return nil, nil
}

// verdict is what became of one decided commit.
type verdict struct {
	accepted bool
	position domain.Position
	// follow says that the next command may be decided on what this one left: it
	// shows, and its stream is not stopped.
	follow bool
}

// append writes the commits of the batch and waits for their verdicts.
//
// A crash before the append loses nothing that was promised. After it, the
// commits stand in the log: the client that sends again finds its command done.
func (d *Dispatcher) append(ctx context.Context, id domain.StreamID, outcomes []decided) ([]verdict, error) {
	verdicts := make([]verdict, len(outcomes))
	var ahead, commits []journal.Message
	var at []int
	for i, o := range outcomes {
		if o.in == nil || o.in.first != i {
			continue
		}
		ahead, commits, at = append(ahead, o.in.packed.Ahead...), append(commits, o.in.packed.Commit), append(at, i)
	}
	if len(commits) == 0 {
		return verdicts, nil
	}
	d.cfg.Point("dispatch.before_append")
	switch {
	case planted.Bug("ack_before_append"):
		go func() { _, _, _ = d.appendUntil(context.WithoutCancel(ctx), append(ahead, commits...)) }()
		for _, i := range at {
			verdicts[i].accepted = true
		}
		share(verdicts, outcomes)
		return verdicts, nil
	case planted.Bug("blob_after_commit"):
		ahead, commits = nil, append(commits, ahead...)
	}
	if len(ahead) > 0 {
		if _, _, err := d.appendUntil(ctx, ahead); err != nil {
			return nil, err
		}
		d.cfg.Point("dispatch.after_ahead")
	}
	positions, again, err := d.appendUntil(ctx, commits)
	if err != nil {
		return nil, err
	}
	d.cfg.Point("dispatch.after_append")
	if err := d.cfg.Visible.Wait(ctx, positions[len(positions)-1]); err != nil {
		return nil, err
	}
	for i, position := range positions[:len(at)] {
		v, err := d.verdictOf(ctx, id, outcomes[at[i]].in.packed.Hash, position, again)
		if err != nil {
			return nil, err
		}
		verdicts[at[i]] = v
	}
	share(verdicts, outcomes)
	d.cfg.Point("dispatch.before_answer")
	return verdicts, nil
}

// share gives the verdict on a commit to each command in it.
func share(verdicts []verdict, outcomes []decided) {
	for i, o := range outcomes {
		if o.in != nil {
			verdicts[i] = verdicts[o.in.first]
		}
	}
}

// appendUntil appends, and appends the same bytes again while the outcome is
// unknown: the chain accepts at most one copy. It says whether it did so.
func (d *Dispatcher) appendUntil(ctx context.Context, messages []journal.Message) (positions []domain.Position, again bool, err error) {
	for {
		positions, err = d.cfg.Log.Append(ctx, messages)
		if err == nil {
			return positions, again, nil
		}
		if _, refused := errors.AsType[*domain.Error](err); refused || ctx.Err() != nil {
			return nil, again, err
		}
		again = true
		d.cfg.Logger.WarnContext(ctx, "append again: the outcome is unknown", slog.Any("error", err))
		if !wait.For(ctx, 200*time.Millisecond) {
			return nil, again, err
		}
	}
}

// verdictOf says what became of a commit. A copy that was ignored may be the
// second one: then the first is looked for by its hash.
func (d *Dispatcher) verdictOf(ctx context.Context, id domain.StreamID, hash journal.Hash, at domain.Position, again bool) (verdict, error) {
	v, known := d.cfg.Visible.Verdict(at)
	if !known {
		var err error
		if v, err = d.cfg.Facts.Verdict(ctx, id, at); err != nil {
			return verdict{}, err
		}
	}
	if v.Reason == "" {
		return verdict{accepted: true, position: at, follow: !v.Stopped}, nil
	}
	if !again {
		return verdict{}, nil
	}
	first, found, err := d.cfg.Facts.FindCommit(ctx, id, hash)
	return verdict{accepted: found, position: first}, err
}

// answer is what a waiter is told once everything before it has its verdict.
func (d *Dispatcher) answer(s *session, outcomes []decided, verdicts []verdict, i int) answer {
	o, v := outcomes[i], verdicts[i]
	if o.err != nil {
		return answer{result: Result{Stream: s.snap.Stream, Workflow: o.after, Directory: o.directory}, err: o.err}
	}
	if o.sameAs >= 0 {
		o, v = outcomes[o.sameAs], verdicts[o.sameAs]
	}
	r := Result{Stream: s.snap.Stream, Number: s.snap.Number, Item: o.existing, Workflow: o.after, Directory: o.directory}
	switch {
	case o.done != nil:
		r.Position = o.done.Position
		r.Item = cmp.Or(o.existing, r.Position.ItemNumber(d.cfg.Partitions, o.done.First))
	case o.in != nil:
		r.Position, r.Changed, r.Count = v.position, true, o.count
		r.Item = v.position.ItemNumber(d.cfg.Partitions, o.item)
		d.cfg.Visible.Answered(v.position)
	}
	if r.Number < 0 {
		r.Number = d.firstNumber(verdicts)
	}
	return answer{result: r}
}

// firstNumber is the number of a stream that this batch began.
func (d *Dispatcher) firstNumber(verdicts []verdict) int64 {
	for _, v := range verdicts {
		if v.accepted {
			return v.position.Number(d.cfg.Partitions)
		}
	}
	return 0
}
