//go:build faults

package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/internal/fleettest"
)

// shot is one request and its answer.
type shot struct {
	kind       string
	began      time.Time
	took       time.Duration
	status     int
	retryAfter string
	answer     string
	err        error
}

func (s shot) String() string {
	return fmt.Sprintf("%s: %d in %s (Retry-After %q) %v %.200s", s.kind, s.status, s.took.Round(time.Millisecond), s.retryAfter, s.err, s.answer)
}

// Kinds of requests, and how long each may take to be answered: what the API
// promises, and room for a busy machine.
const (
	agentWrite = "agent write"
	trigger    = "trigger"
	command    = "command" // taken with 202
)

func limitOf(kind string) time.Duration {
	const room = 6 * time.Second
	if kind == agentWrite {
		return 25*time.Second + room
	}
	return 10*time.Second + room
}

// write is one thing a client wants done, under the identity it is known by.
type write struct {
	kind, workflow, id string
	acknowledged       bool
	at                 time.Time // when it was acknowledged
}

// load are clients that write until they are told to stop; what was begun is
// brought to its end.
type load struct {
	s         *stand
	base      string
	client    *http.Client
	workflows []string
	// large is how many bytes each tenth checkpoint has.
	large int

	mu     sync.Mutex
	shots  []shot
	writes []*write
	done   int
}

func (s *stand) newLoad(base string) *load {
	s.t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	s.t.Cleanup(transport.CloseIdleConnections)
	l := &load{s: s, base: base, client: &http.Client{Timeout: 45 * time.Second, Transport: transport}, large: 700 << 10}
	for i := range 4 {
		id, err := l.create(s.t.Context(), fmt.Sprintf("shared %d", i))
		fleettest.OK(s.t, err)
		l.workflows = append(l.workflows, id)
	}
	return l
}

func (l *load) send(ctx context.Context, kind, method, path string, body any, headers ...string) shot {
	raw, err := json.Marshal(body)
	if err != nil {
		return shot{kind: kind, err: err}
	}
	req, err := http.NewRequestWithContext(ctx, method, l.base+path, bytes.NewReader(raw))
	if err != nil {
		return shot{kind: kind, err: err}
	}
	req.Header.Set("Authorization", "Bearer "+l.s.Token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	out := shot{kind: kind, began: time.Now()}
	res, err := l.client.Do(req)
	if err == nil {
		var answer []byte
		answer, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
		out.status, out.retryAfter, out.answer = res.StatusCode, res.Header.Get("Retry-After"), string(answer)
	}
	out.err, out.took = err, time.Since(out.began)
	l.note(func() { l.shots = append(l.shots, out) })
	return out
}

func (l *load) note(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// insist sends a request until it is done, as a client that heeds Retry-After
// would, only more often.
func (l *load) insist(ctx context.Context, w *write, method, path string, body any, headers ...string) (shot, error) {
	l.note(func() { l.writes = append(l.writes, w) })
	ctx, cancel := context.WithTimeout(ctx, 3*recovery)
	defer cancel()
	for {
		s := l.send(ctx, w.kind, method, path, body, headers...)
		switch {
		case s.err == nil && s.status < 300:
			l.note(func() { w.acknowledged, w.at = true, time.Now(); l.done++ })
			return s, nil
		case s.err == nil && s.status != http.StatusServiceUnavailable && s.status != http.StatusTooManyRequests:
			return s, fmt.Errorf("%s %s: %s", method, path, s)
		case ctx.Err() != nil:
			return s, fmt.Errorf("%s %s was never done: %s", method, path, s)
		}
		lasting(ctx, 100*time.Millisecond)
	}
}

const workflowsPath = fleettest.WorkflowsPath + "/workflows"

func (l *load) create(ctx context.Context, goal string) (string, error) {
	s, err := l.insist(ctx, &write{kind: trigger, id: goal}, http.MethodPost, workflowsPath, map[string]any{"goal": goal}, "Idempotency-Key", goal)
	if err != nil {
		return "", err
	}
	var w fleettest.WorkflowView
	err = json.Unmarshal([]byte(s.answer), &w)
	return w.UUID.String(), err
}

// checkpoint saves a step of a shared workflow, held or taken as a command.
func (l *load) checkpoint(ctx context.Context, kind, workflow string, bytes int) error {
	ts := uuid.Must(uuid.NewV7()).String()
	body := map[string]any{
		"thread_ts": ts, "metadata": map[string]any{"source": "loop"},
		"checkpoint": map[string]any{"channel_values": map[string]any{"text": noise(bytes)}},
	}
	headers := []string{"Idempotency-Key", ts}
	if kind == command {
		headers = append(headers, "Prefer", "respond-async")
	}
	_, err := l.insist(ctx, &write{kind: kind, workflow: workflow, id: ts}, http.MethodPost, workflowsPath+"/"+workflow+"/checkpoints", body, headers...)
	return err
}

// noise is text that does not compress to nothing.
func noise(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}

// begin starts the clients; the returned function ends them.
func (l *load) begin(clients int) (stop func()) {
	l.s.t.Helper()
	ctx, cancel := context.WithCancel(l.s.t.Context())
	group, ctx := errgroup.WithContext(ctx)
	for n := range clients {
		group.Go(func() error { return l.loop(ctx, n) })
	}
	return func() {
		l.s.t.Helper()
		cancel()
		fleettest.OK(l.s.t, group.Wait())
	}
}

// pace keeps a client from filling the machine.
const pace = 20 * time.Millisecond

func (l *load) loop(ctx context.Context, n int) error {
	work := context.WithoutCancel(ctx)
	for round := 0; ctx.Err() == nil; round++ {
		workflow, size := l.workflows[(n+round)%len(l.workflows)], 2<<10
		var err error
		switch (round + n) % 10 {
		case 3:
			_, err = l.create(work, uuid.NewString())
		case 5, 7:
			err = l.checkpoint(work, command, workflow, size)
		case 9:
			err = l.checkpoint(work, agentWrite, workflow, l.large)
		default:
			err = l.checkpoint(work, agentWrite, workflow, size)
		}
		if err != nil {
			return err
		}
		lasting(ctx, pace)
	}
	return nil
}

// progress waits for so many more writes that were begun after the call.
func (l *load) progress(more int) {
	l.s.t.Helper()
	done := func() (n int) { l.note(func() { n = l.done }); return n }
	goal := done() + more
	fleettest.Eventually(l.s.t, recovery, func() error {
		if n := done(); n < goal {
			return fmt.Errorf("%d of %d writes are done; the last answer was %s", n, goal, l.last())
		}
		return nil
	})
}

func (l *load) last() (s shot) {
	l.note(func() {
		if len(l.shots) > 0 {
			s = l.shots[len(l.shots)-1]
		}
	})
	return s
}

// since are the answers to requests that were sent after a time.
func (l *load) since(t time.Time) (out []shot) {
	l.note(func() {
		for _, s := range l.shots {
			if !s.began.Before(t) {
				out = append(out, s)
			}
		}
	})
	return out
}

// answered says that every request had an answer that clients can act on, within
// its time.
func answered(t *testing.T, shots []shot) {
	t.Helper()
	for _, s := range shots {
		switch {
		case s.err != nil:
			t.Errorf("no answer: %s", s)
		case s.status < 300:
		case s.status != http.StatusServiceUnavailable && s.status != http.StatusTooManyRequests:
			t.Errorf("no answer for a fault below: %s", s)
		case s.retryAfter == "":
			t.Errorf("no Retry-After: %s", s)
		}
		if s.took > limitOf(s.kind) {
			t.Errorf("it hung: %s", s)
		}
		if s.kind == agentWrite && s.status >= 300 && s.took < 20*time.Second {
			t.Errorf("an agent's write was not held: %s", s)
		}
	}
}
