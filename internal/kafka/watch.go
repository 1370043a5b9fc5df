package kafka

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	// suspicionPause is how long after a suspicion the brokers are asked: many
	// appends that fail at once ask once.
	suspicionPause = 500 * time.Millisecond
	// recheck is how soon an unsafe log is looked at again: whoever put it right
	// waits for that.
	recheck = 5 * time.Second
)

// SafetyCheck is one more thing that must be right for the log to be written. Its
// error says that it could not look.
type SafetyCheck func(ctx context.Context) (*SafetyError, error)

// Watch checks the log, and more, at once and then at each interval, until ctx
// ends; sooner when an append fails or a reader finds its offset gone, and
// while the log is unsafe. While something is wrong nothing is appended; when it
// is right again, writing goes on. A check that gets no answer changes nothing:
// a broker that is away refuses appends by itself.
func (l *Log) Watch(ctx context.Context, more ...SafetyCheck) error {
	for {
		if err := l.CheckOnce(ctx, more...); err != nil && ctx.Err() == nil {
			l.conn.cfg.logger().WarnContext(ctx, "the log could not be checked", slog.Any("error", err))
		}
		if !l.untilNext(ctx) {
			return nil
		}
	}
}

// untilNext waits for the next check; it says no when ctx ends.
func (l *Log) untilNext(ctx context.Context) bool {
	interval := l.conn.cfg.watchInterval()
	if l.Unsafe() != nil {
		interval = min(interval, recheck)
	}
	regular := time.NewTimer(interval)
	defer regular.Stop()
	select {
	case <-regular.C:
		return true
	case <-l.suspected:
	case <-ctx.Done():
		return false
	}
	breath := time.NewTimer(min(interval, suspicionPause))
	defer breath.Stop()
	select {
	case <-breath.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// suspect asks Watch to look soon.
func (l *Log) suspect() {
	select {
	case l.suspected <- struct{}{}:
	default: // somebody asked already
	}
}

// suspectOf looks soon when an error says that the log is not what it was.
func (l *Log) suspectOf(err error) error {
	if _, ok := errors.AsType[*SafetyError](err); ok {
		l.suspect()
	}
	return err
}

// Unsafe is what is wrong with the log, or nil.
func (l *Log) Unsafe() *SafetyError { return l.unsafe.Load() }

// CheckOnce looks once, at the log and then at more, and opens or shuts the log
// for writing. The error says that it could not look.
func (l *Log) CheckOnce(ctx context.Context, more ...SafetyCheck) error {
	unsafe, err := l.look(ctx)
	for _, check := range more {
		if unsafe != nil || err != nil {
			break
		}
		unsafe, err = check(ctx)
	}
	if err != nil {
		return err
	}
	l.report(ctx, l.unsafe.Swap(unsafe), unsafe)
	return nil
}

// report logs a change, once.
func (l *Log) report(ctx context.Context, was, is *SafetyError) {
	logger := l.conn.cfg.logger()
	switch {
	case is != nil && (was == nil || *was != *is):
		logger.ErrorContext(ctx, "the log is unsafe, writing stops",
			slog.String("problem", is.Problem), slog.String("fix", is.Fix))
	case is == nil && was != nil:
		logger.InfoContext(ctx, "the log is safe again, writing goes on")
	}
}

func (l *Log) look(ctx context.Context) (*SafetyError, error) {
	c := l.conn
	counts, err := c.counts(ctx, c.cfg.topics())
	if err != nil {
		return nil, err
	}
	if counts[c.cfg.JournalTopic()] == 0 {
		return c.gone(l.genesis.Log), nil
	}
	if unsafe := firstProblem(c.checkTopics(counts)); unsafe != nil {
		return unsafe, nil
	}
	g, err := c.genesis(ctx, 0)
	if errors.Is(err, errNoGenesis) {
		return c.gone(l.genesis.Log), nil
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
