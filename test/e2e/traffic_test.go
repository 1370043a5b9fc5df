package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/duolog/duolog/internal/fleettest"
)

// traffic are API clients that write to the same workflows at once, and what
// they were told.
type traffic struct {
	user *fleettest.User
	// everywhere are clients of each node alone: what was answered must be
	// visible there.
	everywhere []*fleettest.User

	mu        sync.Mutex
	workflows []string
	saved     map[string][]string // checkpoints of each workflow
	changes   map[string]int      // answers 200 to a status event
	writes    int
}

func (c *traffic) note(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// client makes rounds on the shared workflows until ctx ends; what was begun is
// brought to its answer.
func (c *traffic) client(ctx context.Context, n int) error {
	work := context.WithoutCancel(ctx)
	for round := 0; ctx.Err() == nil; round++ {
		c.mu.Lock()
		id := c.workflows[(n+round)%len(c.workflows)]
		c.mu.Unlock()
		events := []string{"pause", "resume"}
		steps := []func() error{
			func() error { return c.checkpoint(work, id, n, round) },
			func() error { return c.change(work, id, events[(n+round)%2]) },
		}
		if round%5 == 4 {
			steps = append(steps, func() error { return c.shortLived(work, n, round) })
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
	}
	return nil
}

// create makes a workflow under a key, so that it may be asked for twice.
func (c *traffic) create(ctx context.Context, goal string) (string, error) {
	status, answer, err := c.user.Insist(ctx, http.MethodPost, "/workflows", map[string]any{"goal": goal}, "Idempotency-Key", "create "+goal)
	if err != nil || status != http.StatusOK && status != http.StatusCreated {
		return "", fmt.Errorf("create %s: %d %s %w", goal, status, answer, err)
	}
	var w fleettest.WorkflowView
	if err := json.Unmarshal(answer, &w); err != nil {
		return "", err
	}
	return w.UUID.String(), c.visible(ctx, "/workflows/"+w.UUID.String())
}

// visible says that each node shows what was answered.
func (c *traffic) visible(ctx context.Context, path string) error {
	c.note(func() { c.writes++ })
	for _, u := range c.everywhere {
		status, answer, err := u.Call(ctx, http.MethodGet, path, nil)
		if err != nil || status == http.StatusServiceUnavailable {
			continue // it is down, or says that it cannot know
		}
		if status != http.StatusOK {
			return fmt.Errorf("GET %s%s after the write was answered: %d %s", u.Base, path, status, answer)
		}
	}
	return nil
}

func (c *traffic) checkpoint(ctx context.Context, id string, n, round int) error {
	ts := uuid.Must(uuid.NewV7()).String()
	body := map[string]any{
		"thread_ts": ts, "metadata": map[string]any{"step": round, "client": n},
		"checkpoint": map[string]any{"channel_values": map[string]any{"who": n, "rounds": make([]int, round)}},
	}
	status, answer, err := c.user.Insist(ctx, http.MethodPost, "/workflows/"+id+"/checkpoints", body)
	if err != nil || status != http.StatusCreated && status != http.StatusOK {
		return fmt.Errorf("checkpoint of %s: %d %s %w", id, status, answer, err)
	}
	c.note(func() { c.saved[id] = append(c.saved[id], ts) })
	return c.visible(ctx, "/workflows/"+id+"/checkpoints/by_thread_ts?thread_ts="+ts)
}

// change sends a status event. Others do too, so that 400 is an answer as well:
// it must be the state machine's.
func (c *traffic) change(ctx context.Context, id, event string) error {
	status, answer, err := c.user.Insist(ctx, http.MethodPatch, "/workflows/"+id, map[string]any{"status_event": event})
	switch {
	case err != nil:
		return err
	case status == http.StatusOK:
		c.note(func() { c.changes[id]++; c.writes++ })
		return nil
	case status == http.StatusBadRequest:
		return nil
	}
	return fmt.Errorf("%s of %s: %d %s", event, id, status, answer)
}

// shortLived makes a workflow of its own and ends it: each answer is known.
func (c *traffic) shortLived(ctx context.Context, n, round int) error {
	id, err := c.create(ctx, fmt.Sprintf("short-lived %d %d", n, round))
	if err != nil {
		return err
	}
	for _, step := range []struct{ event, status string }{{"start", "running"}, {"pause", "paused"}, {"resume", "running"}, {"stop", "stopped"}} {
		status, answer, err := c.user.Insist(ctx, http.MethodPatch, "/workflows/"+id, map[string]any{"status_event": step.event})
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("%s of %s, which is nobody else's: %d %s %w", step.event, id, status, answer, err)
		}
		c.note(func() { c.writes++ })
		for _, u := range append(slices.Clone(c.everywhere), c.user) {
			var w fleettest.WorkflowView
			status, answer, err := u.Call(ctx, http.MethodGet, "/workflows/"+id, nil)
			if err != nil || status >= http.StatusInternalServerError {
				continue
			}
			if err := json.Unmarshal(answer, &w); err != nil || w.Status != step.status {
				return fmt.Errorf("after %s was answered, %s says of %s: %s %w", step.event, u.Base, id, answer, err)
			}
		}
	}
	return nil
}
