// Package about carries in a context what a piece of work is about: the request
// that asked for it, the workflow it touches, where its commit stands. Whoever
// learns something notes it; each line that is logged with the context says it.
package about

import (
	"context"
	"log/slog"
	"sync"

	"github.com/duolog/duolog/domain"
)

// Work is what is known so far. A nil one takes notes and keeps none.
type Work struct {
	mu       sync.Mutex
	request  string
	stream   domain.StreamID
	position string
}

type key struct{}

// Begin begins a piece of work; request may be empty.
func Begin(ctx context.Context, request string) (context.Context, *Work) {
	w := &Work{request: request}
	return context.WithValue(ctx, key{}, w), w
}

// Of is the work that the context belongs to, nil where it was not begun.
func Of(ctx context.Context) *Work {
	w, _ := ctx.Value(key{}).(*Work)
	return w
}

// Touches notes the stream.
func (w *Work) Touches(id domain.StreamID) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stream = id
}

// Stands notes where the commit stands; the zero position says that there is none.
func (w *Work) Stands(at domain.Position) {
	if w == nil || at == (domain.Position{}) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.position = at.String()
}

// Stream is what was touched last.
func (w *Work) Stream() (id domain.StreamID, position string) {
	if w == nil {
		return id, ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stream, w.position
}

// Attrs are what a log line says of the work: request_id, tenant, the stream by
// its kind (workflow, conversation) and position.
func (w *Work) Attrs() []slog.Attr {
	if w == nil {
		return nil
	}
	id, position := w.Stream()
	var out []slog.Attr
	if w.request != "" {
		out = append(out, slog.String("request_id", w.request))
	}
	if id.Kind != "" {
		out = append(out, slog.String("tenant", string(id.Tenant)), slog.String(string(id.Kind), id.ID.String()))
	}
	if position != "" {
		out = append(out, slog.String("position", position))
	}
	return out
}
