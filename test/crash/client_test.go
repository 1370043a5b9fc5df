//go:build crash

package crash_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/test/crash/history"
)

// client makes requests, one after another, and logs the answers.
type client struct {
	w    *world
	n    int
	rng  *rand.Rand
	user *fleettest.User
	made int
}

// patience is how long a client that insists sends a request again.
const patience = 60 * time.Second

// run makes requests until ctx ends; what was begun is brought to its answer.
func (c *client) run(ctx context.Context) {
	work := context.WithoutCancel(ctx)
	for ctx.Err() == nil {
		s, fresh := c.w.active.pick(c.rng)
		r := c.next(s)
		if fresh {
			r = c.create(s)
		}
		if c.rng.IntN(60) == 0 && !fresh {
			c.race(work, s)
			continue
		}
		insist := fresh || r.op.Kind.Reads() || r.op.Repeat || c.rng.IntN(100) < 90
		c.send(work, s, r, insist)
	}
}

// racers are how many write to one place at once: more than there are nodes, so
// that some are decided in one batch.
const racers = 9

// race lets many write to one place, which only the first of them gets, and
// reads who that was.
func (c *client) race(ctx context.Context, s *shared) {
	under := c.save(s)
	if c.send(ctx, s, under, true) != history.Done {
		return // the workflow is not there yet
	}
	c.made++
	place := history.Operation{Kind: history.Write, TS: under.op.TS, Task: fmt.Sprint(raced, c.n), Idx: c.made, Place: fmt.Sprintf("race %d.%d", c.n, c.made)}
	var all sync.WaitGroup
	for range racers {
		o := place
		o.Data = c.data()
		r := c.recording(s, o)
		all.Go(func() { c.send(ctx, s, r, true) })
	}
	all.Wait()
	r := read(s, place.TS)
	r.op.Place = place.Place
	r.seen = func(answer []byte) (string, error) {
		var found row
		err := json.Unmarshal(answer, &found)
		for _, w := range found.Writes {
			if w.Task == place.Task && w.Idx == place.Idx {
				return history.ShownWrite(w.Task, w.Idx, w.Data), err
			}
		}
		return "", err
	}
	c.send(ctx, s, r, true)
}

// raced leads the tasks of races.
const raced = "race"

// send takes a request to its answer, or to no answer, and logs it.
func (c *client) send(ctx context.Context, s *shared, r request, insist bool) history.Outcome {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	o := r.op
	o.Client, o.By, o.Sent = c.n, c.user.Base, c.w.now()
	for {
		o.Tries++
		status, answer, err := c.user.Call(ctx, r.method, r.path, r.body, r.headers...)
		c.judge(&o, r, status, answer, err)
		if o.Outcome != history.Unknown || !insist || ctx.Err() != nil {
			break
		}
		pass(ctx, 50*time.Millisecond)
	}
	o.Answered = c.w.now()
	s.note(r, o)
	c.w.log.Add(o)
	return o.Outcome
}

// judge says what an answer means.
func (c *client) judge(o *history.Operation, r request, status int, answer []byte, err error) {
	o.Outcome = history.Unknown
	switch {
	case err != nil, status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
	case status == http.StatusBadGateway: // of the round-robin: the node is away
	case status == http.StatusAccepted && r.async:
		o.Outcome = history.Accepted
	case status == http.StatusOK, status == http.StatusCreated:
		o.Outcome = history.Done
		if r.seen != nil {
			if o.Seen, err = r.seen(answer); err != nil {
				c.w.violated("answers can be read", "%s %s: %v in %s", r.method, r.path, err, answer)
			}
		}
	case status == http.StatusNotFound:
		o.Outcome = history.Refused
	case status == http.StatusBadRequest && o.Kind == history.Change:
		o.Outcome = history.Refused
		if m := refusal.FindSubmatch(answer); m != nil {
			o.Seen = string(m[1])
		}
	default:
		c.w.violated("no unexpected answer", "%s %s: %d %s", r.method, r.path, status, tail(string(answer)))
	}
}

var refusal = regexp.MustCompile(`workflow that has status ([a-z_]+)`)

// request is what is sent, and the operation it is.
type request struct {
	op           history.Operation
	method, path string
	body         any
	headers      []string
	async, small bool
	seen         func([]byte) (string, error)
}

// next draws the next request on a workflow.
func (c *client) next(s *shared) request {
	n := c.rng.IntN(100)
	if c.w.calm.Load() && c.rng.IntN(3) > 0 {
		n = 60 + n%40
	}
	switch {
	case n < 18:
		return c.save(s)
	case n < 40:
		return c.write(s)
	case n < 55:
		return c.change(s)
	case n < 60:
		if r, ok := s.repeat(c.rng); ok {
			return r
		}
		return c.save(s)
	case n < 75:
		return get(s)
	case n < 88:
		return list(s, 1)
	default:
		return read(s, s.ts[c.rng.IntN(len(s.ts))])
	}
}

// keyed makes a command under a key of its own.
func (c *client) keyed(s *shared, o history.Operation, method, path string, body any) request {
	key := fmt.Sprintf("%d/%d of %d", c.n, c.made, c.w.seed)
	o.Workflow, o.Command = s.id, commandOf(key)
	return request{op: o, method: method, path: "/workflows/" + s.id.String() + path, body: body, headers: []string{"Idempotency-Key", key}, small: true}
}

// data is a text that nobody else writes.
func (c *client) data() string {
	c.made++
	return fmt.Sprintf("%d.%d", c.n, c.made)
}

func (c *client) create(s *shared) request {
	o := history.Operation{Kind: history.Create, Workflow: s.id, Command: commandOf(s.key)}
	return request{op: o, method: http.MethodPost, path: "/workflows", body: map[string]any{"goal": s.key}, headers: []string{"Idempotency-Key", s.key}, small: true}
}

func (c *client) save(s *shared) request {
	i := c.rng.IntN(len(s.ts))
	o := history.Operation{Kind: history.Save, TS: s.ts[i], Data: c.data()}
	values := map[string]any{"who": o.Data, "steps": s.ts[:i], "plan": []string{"read", "think", "write"}}
	large := c.w.large.Load() && c.rng.IntN(8) == 0
	if large {
		values["pad"] = noise(c.rng, 700<<10)
	}
	body := map[string]any{"thread_ts": o.TS, "metadata": map[string]any{"step": i}, "checkpoint": map[string]any{"channel_values": values}}
	if i > 0 {
		body["parent_ts"] = s.ts[i-1]
	}
	r := c.keyed(s, o, http.MethodPost, "/checkpoints", body)
	r.small = !large
	return r
}

// noise is text that does not compress to nothing.
func noise(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(rng.IntN(26))
	}
	return string(b)
}

func (c *client) write(s *shared) request {
	o := history.Operation{Kind: history.Write, TS: s.ts[c.rng.IntN(len(s.ts))], Task: "t" + string('0'+rune(c.rng.IntN(2))), Idx: c.rng.IntN(4) - 1, Data: c.data()}
	return c.later(c.recording(s, o), o.Idx < 0 && s.there()) // an accepted write of a workflow that is not there is refused later
}

func (c *client) recording(s *shared, o history.Operation) request {
	body := map[string]any{"thread_ts": o.TS, "checkpoint_writes": []any{
		map[string]any{"task": o.Task, "idx": o.Idx, "channel": "answers", "write_type": "text", "data": o.Data},
	}}
	return c.keyed(s, o, http.MethodPost, "/checkpoint_writes_batch", body)
}

func (c *client) change(s *shared) request {
	events := []string{"start", "pause", "resume", "retry", "stop", "resume", "pause"}
	o := history.Operation{Kind: history.Change, Event: events[c.rng.IntN(len(events))], Data: c.data()}
	r := c.keyed(s, o, http.MethodPatch, "", map[string]any{"status_event": o.Event})
	return c.later(r, true)
}

// later makes some requests asynchronous.
func (c *client) later(r request, may bool) request {
	often := 25
	if c.w.later.Load() {
		often = 2
	}
	if may && c.rng.IntN(often) == 0 {
		r.async, r.headers = true, append(r.headers, "Prefer", "respond-async")
	}
	return r
}

func get(s *shared) request {
	return request{
		op: history.Operation{Kind: history.Get, Workflow: s.id}, method: http.MethodGet, path: "/workflows/" + s.id.String(),
		seen: func(answer []byte) (string, error) {
			var v fleettest.WorkflowView
			err := json.Unmarshal(answer, &v)
			return v.Status, err
		},
	}
}

func list(s *shared, limit int) request {
	return request{
		op: history.Operation{Kind: history.List, Workflow: s.id, Limit: limit}, method: http.MethodGet,
		path: fmt.Sprintf("/workflows/%s/checkpoints?per_page=%d", s.id, limit),
		seen: func(answer []byte) (string, error) {
			var rows []row
			err := json.Unmarshal(answer, &rows)
			return shown(rows...), err
		},
	}
}

func read(s *shared, ts string) request {
	return request{
		op: history.Operation{Kind: history.Read, Workflow: s.id, TS: ts}, method: http.MethodGet,
		path: fmt.Sprintf("/workflows/%s/checkpoints/by_thread_ts?thread_ts=%s", s.id, ts),
		seen: func(answer []byte) (string, error) {
			var r row
			err := json.Unmarshal(answer, &r)
			return shown(r), err
		},
	}
}

// row is a checkpoint as the API shows it.
type row struct {
	ThreadTS   string `json:"thread_ts"`
	Checkpoint struct {
		Values struct {
			Who string `json:"who"`
		} `json:"channel_values"`
	} `json:"checkpoint"`
	Writes []pending `json:"checkpoint_writes"`
}

// pending is a write of a checkpoint.
type pending struct {
	Task string `json:"task"`
	Idx  int    `json:"idx"`
	Data string `json:"data"`
}

func shown(rows ...row) string {
	var b strings.Builder
	for _, r := range rows {
		b.WriteString(history.Shown(r.ThreadTS, r.Checkpoint.Values.Who))
		slices.SortFunc(r.Writes, func(x, y pending) int { return cmp.Or(strings.Compare(x.Task, y.Task), x.Idx-y.Idx) })
		for _, w := range r.Writes {
			if strings.HasPrefix(w.Task, raced) {
				continue // checked apart
			}
			b.WriteString(history.ShownWrite(w.Task, w.Idx, w.Data))
		}
	}
	return b.String()
}
