package kafka

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// Watch checks the log at once and then at each interval, until ctx ends.
// While something is wrong nothing is appended; when it is right again, writing
// goes on. A check that gets no answer changes nothing: a broker that is away
// refuses appends by itself.
func (l *Log) Watch(ctx context.Context) error {
	tick := time.NewTicker(l.conn.cfg.watchInterval())
	defer tick.Stop()
	for {
		if err := l.CheckOnce(ctx); err != nil && ctx.Err() == nil {
			l.conn.cfg.logger().WarnContext(ctx, "the log could not be checked", slog.Any("error", err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Unsafe is what is wrong with the log, or nil.
func (l *Log) Unsafe() *SafetyError { return l.unsafe.Load() }

// CheckOnce looks once and opens or shuts the log for writing. The error says
// that it could not look.
func (l *Log) CheckOnce(ctx context.Context) error {
	unsafe, err := l.look(ctx)
	if err != nil {
		return err
	}
	was := l.unsafe.Swap(unsafe)
	logger := l.conn.cfg.logger()
	switch {
	case unsafe != nil && (was == nil || *was != *unsafe):
		logger.ErrorContext(ctx, "the log is unsafe, writing stops",
			slog.String("problem", unsafe.Problem), slog.String("fix", unsafe.Fix))
	case unsafe == nil && was != nil:
		logger.InfoContext(ctx, "the log is safe again, writing goes on")
	}
	return nil
}

func (l *Log) look(ctx context.Context) (*SafetyError, error) {
	c := l.conn
	counts, err := c.counts(ctx, c.cfg.topics())
	if err != nil {
		return nil, err
	}
	if unsafe := firstProblem(c.checkTopics(counts)); unsafe != nil {
		return unsafe, nil
	}
	g, err := c.genesis(ctx, 0)
	if errors.Is(err, errNoGenesis) {
		return c.unfinished(0), nil
	}
	if unsafe, ok := errors.AsType[*SafetyError](err); ok {
		return unsafe, nil
	}
	found := counts[c.cfg.JournalTopic()]
	switch {
	case err != nil:
		return nil, err
	case g.Log != l.genesis.Log:
		return c.otherLog(l.genesis.Log, g.Log), nil
	case found != l.genesis.Partitions:
		return c.recount(l.genesis, found), nil
	}
	findings, err := c.checkLog(ctx, l.genesis, counts)
	if err != nil {
		return nil, err
	}
	return firstProblem(findings), nil
}
