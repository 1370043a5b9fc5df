package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// quietFor is how long a warning that repeats is left out.
const quietFor = 10 * time.Second

// once leaves out warnings that say the same within quietFor: while a database
// is away, every loop that needs it has the same to say again and again. The
// next one that is written counts those that were not. Errors are never left
// out.
type once struct {
	slog.Handler

	seen *seen
}

type seen struct {
	mu   sync.Mutex
	last map[string]time.Time
	left map[string]int
}

func newOnce(h slog.Handler) once {
	return once{h, &seen{last: map[string]time.Time{}, left: map[string]int{}}}
}

// Handle writes a record, or counts it.
func (h once) Handle(ctx context.Context, r slog.Record) error {
	if r.Level != slog.LevelWarn {
		return h.Handler.Handle(ctx, r)
	}
	write, left := h.seen.take(r.Message, r.Time)
	if !write {
		return nil
	}
	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", left))
	}
	return h.Handler.Handle(ctx, r)
}

func (s *seen) take(message string, at time.Time) (write bool, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.last[message]; ok && at.Sub(last) < quietFor {
		s.left[message]++
		return false, 0
	}
	left = s.left[message]
	s.last[message], s.left[message] = at, 0
	return true, left
}

// WithAttrs keeps what was seen.
func (h once) WithAttrs(attrs []slog.Attr) slog.Handler {
	return once{h.Handler.WithAttrs(attrs), h.seen}
}

// WithGroup keeps what was seen.
func (h once) WithGroup(name string) slog.Handler { return once{h.Handler.WithGroup(name), h.seen} }
