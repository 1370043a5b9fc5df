//go:build crash

package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// people ask questions, each in a thread of its own. A question has an id, so
// that it may be sent until it is accepted.
type people struct {
	w     *world
	mu    sync.Mutex
	asked []string
}

// run asks every few seconds until ctx ends.
func (p *people) run(ctx context.Context, rng *rand.Rand) {
	for ctx.Err() == nil {
		p.ask(context.WithoutCancel(ctx))
		pass(ctx, time.Second+upTo(rng, 3*time.Second))
	}
}

// ask asks one question, and keeps it when it was accepted.
func (p *people) ask(ctx context.Context) {
	p.mu.Lock()
	question := fmt.Sprintf("what changed, asked %d times of %d?", len(p.asked), p.w.seed)
	p.asked = append(p.asked, question)
	p.mu.Unlock()
	user := p.w.fleet.User(p.w.front)
	status, answer, err := user.Insist(ctx, http.MethodPost, "/v1/messages", map[string]any{"message_id": question, "text": question})
	if err != nil || status != http.StatusAccepted {
		p.w.violated("questions are accepted", "%s: %d %s %v", question, status, answer, err)
	}
}

// questions are all that were asked.
func (p *people) questions() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}
