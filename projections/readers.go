package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// readersPoll is how often it is asked whether readers have ended.
const readersPoll = 10 * time.Millisecond

// idle looks, before anybody is held, for whoever has used the tables for long and is
// likely to go on: a comparison, a backup, a vacuum.
func (r *Replacement) idle(ctx context.Context) error {
	var who string
	err := r.Live.QueryRow(ctx, `SELECT format('process %s (%s) of the database has worked on them since %s',
			a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), to_char(a.xact_start, 'HH24:MI:SS'))
		FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		WHERE l.relation = ANY ($1::regclass[]) AND l.granted AND a.xact_start < now() - interval '500 milliseconds' LIMIT 1`, derivedNames()).Scan(&who)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look who uses the tables: %w", err)
	}
	return fmt.Errorf("%w: %s", ErrInUse, who)
}

// readersGone waits until no transaction of Duolog is left that began before the new
// tables were complete. Such a one could find the new tables under the old names, look
// at them as they were when it began, and miss what was answered since.
func (r *Replacement) readersGone(ctx context.Context, tx pgx.Tx) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readersMost, ErrInUse)
	defer cancel()
	var self int32
	var complete time.Time
	if err := tx.QueryRow(ctx, `SELECT pg_backend_pid(), clock_timestamp()`).Scan(&self, &complete); err != nil {
		return fmt.Errorf("ask for the time: %w", err)
	}
	tick := time.NewTicker(readersPoll)
	defer tick.Stop()
	for {
		var left int
		err := r.Live.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'duolog' AND xact_start <= $1
			AND pid <> $2 AND NOT $2 = ANY (pg_blocking_pids(pid))`, complete, self).Scan(&left)
		if err != nil {
			return inUse(ctx, fmt.Errorf("look for readers: %w", err))
		}
		if left == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
