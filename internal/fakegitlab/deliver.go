package fakegitlab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/google/uuid"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// delivery is one event on its way to one hook.
type delivery struct {
	hook  instance.Hook
	event string // Pipeline Hook
	id    string // the same over all attempts, and of all hooks of the event
	key   string // the same over all attempts
	body  []byte
}

// tell sends an event to the hooks of a project that want it. The lock is held;
// sending goes on beside it and in no order, as GitLab's does. What is not yet
// sent when the server closes is not sent.
func (s *Server) tell(project int64, kind, event string, payload any) {
	var to []*instance.Hook
	for _, h := range s.hooksOf(project) {
		if h.Events[kind] {
			to = append(to, h)
		}
	}
	if len(to) == 0 || s.closed {
		return
	}
	body, err := json.Marshal(payload)
	if err != nil {
		s.cfg.Logger.ErrorContext(s.ctx, "fake GitLab: event not sent", slog.String("event", event), slog.Any("error", err))
		return
	}
	id := uuid.NewString()
	for _, h := range to {
		d := delivery{hook: *h, event: event, id: id, key: uuid.NewString(), body: body}
		s.work.Go(func() { s.deliver(d) })
	}
}

// deliver tries until the hook takes the event or refuses it for good.
func (s *Server) deliver(d delivery) {
	wait := s.cfg.HookBackoff
	for attempt := 0; ; attempt++ {
		status, err := s.send(s.ctx, d)
		if err == nil && status < http.StatusInternalServerError || attempt >= s.cfg.HookRetries || s.ctx.Err() != nil {
			s.cfg.Logger.InfoContext(s.ctx, "fake GitLab: hook told", slog.String("event", d.event), slog.String("url", d.hook.URL),
				slog.Int("status", status), slog.Int("attempts", attempt+1), slog.Any("error", err))
			return
		}
		pause(s.ctx, wait)
		wait *= 2
	}
}

// send is one attempt.
func (s *Server) send(ctx context.Context, d delivery) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.HookTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.hook.URL, bytes.NewReader(d.body))
	if err != nil {
		return 0, fmt.Errorf("hook %d: %w", d.hook.ID, err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "GitLab/"+version)
	r.Header.Set("Idempotency-Key", d.key)
	r.Header.Set("X-Gitlab-Event", d.event)
	r.Header.Set("X-Gitlab-Webhook-UUID", d.hook.UUID)
	r.Header.Set("X-Gitlab-Event-UUID", d.id)
	r.Header.Set("X-Gitlab-Instance", s.url)
	if d.hook.Token != "" {
		r.Header.Set("X-Gitlab-Token", d.hook.Token)
	}
	if key, err := standard.ParseKey(d.hook.SigningToken); err == nil {
		standard.Sign(r.Header, d.key, s.cfg.Now(), d.body, key)
	}
	answer, err := s.hooks.Do(r)
	if err != nil {
		return 0, fmt.Errorf("hook %d: %w", d.hook.ID, err)
	}
	defer answer.Body.Close() //nolint:errcheck // read as far as it matters
	const enough = 64 << 10
	_, _ = io.CopyN(io.Discard, answer.Body, enough) // for the connection alone
	return answer.StatusCode, nil
}
