package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/duolog/duolog/bench/lab"
	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/bench/report"
)

// window is how many late steps are compared with how many early ones.
const window = 100

// growth runs conversations that grow by 1 KB a step and are sent whole each time.
// An old one is grown to the window before its last step; then its steps and those
// 100 to 200 of young ones take turns, so that both meet the same machine.
func (b *bench) growth(ctx context.Context) (out []report.Result, err error) {
	f, err := b.fleet(ctx, 1, lab.FleetConfig{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	client := load.NewClient(f.Nodes[0].Address, f.Token)
	defer client.Close()
	old, err := b.grown(ctx, client, b.steps-window)
	if err != nil {
		return nil, err
	}
	young, err := b.grown(ctx, client, window)
	if err != nil {
		return nil, err
	}
	floor, stop, err := b.floor(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	var times, floors []report.Pair
	profiled := b.startProfile(ctx, f, "P9", b.length)
	for part := range turns {
		b.say("P9, turn %d of %d", part+1, turns)
		var p report.Pair
		if p.Baseline, err = b.steady(ctx, young, window/turns); err != nil {
			return nil, err
		}
		if p.Value, err = b.steady(ctx, old, window/turns); err != nil {
			return nil, err
		}
		times = append(times, p)
		if p.Baseline, err = b.steady(ctx, floor(young), window/turns); err != nil {
			return nil, err
		}
		if p.Value, err = b.steady(ctx, floor(old), window/turns); err != nil {
			return nil, err
		}
		floors = append(floors, p)
	}
	if err := profiled(); err != nil {
		return nil, err
	}
	bytes, err := addedBytes(f.Broker.Address, old, young)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("steps %d to %d of a conversation growing 1 KB a step", b.steps-window, b.steps)
	base := fmt.Sprintf("steps %d to %d", window, 2*window)
	return []report.Result{
		report.Result{
			ID: "P9-time", What: "median time of a visible POST, " + what + ", all of it sent", Baseline: base, Goal: 1.5, Better: report.Lower, Unit: "ms",
		}.Ratios(times),
		report.Result{
			ID: "P9-floor", What: "median time of the same POSTs to a server that reads the body and does nothing", Baseline: base, Better: report.Lower, Unit: "ms",
		}.Ratios(floors),
		report.Result{ID: "P9-bytes", What: "log bytes a step, " + what, Baseline: base, Goal: 1.2, Better: report.Lower, Unit: "B"}.Ratios(bytes),
	}, nil
}

// turns is how often old and young take turns within the window.
const turns = 10

// grown is a conversation after that many steps.
func (b *bench) grown(ctx context.Context, client load.Client, steps int) (*conversation, error) {
	path, err := client.Create(ctx)
	if err != nil {
		return nil, err
	}
	c := &conversation{client: client, texts: b.texts, path: path + "/checkpoints", parent: "null"}
	for i := range steps {
		if i%500 == 0 {
			b.say("P9, step %d of %d", i, steps)
		}
		if err := c.post(ctx, c.next()); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
	}
	return c, nil
}

// steady is the median time of some steps, in milliseconds.
func (b *bench) steady(ctx context.Context, c *conversation, steps int) (float64, error) {
	took := make([]float64, steps)
	for i := range took {
		body := c.next()
		began := b.now()
		if err := c.post(ctx, body); err != nil {
			return 0, err
		}
		took[i] = float64(b.now().Sub(began)) / float64(time.Millisecond)
	}
	return report.Median(took), nil
}

// floor is a server that reads bodies and does nothing with them: what sending all
// of a state costs by itself. A conversation with it goes on where the other is, and
// leaves that as it was.
func (b *bench) floor(ctx context.Context) (with func(*conversation) *conversation, stop func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, r.ContentLength)); err == nil {
			w.WriteHeader(http.StatusCreated)
		}
	})}
	go server.Serve(l) //nolint:errcheck // ends with Close
	client := load.NewClient(l.Addr().String(), "")
	with = func(c *conversation) *conversation {
		other := &conversation{client: client, path: c.path, parent: c.parent, texts: c.texts}
		other.items.Write(c.items.Bytes())
		return other
	}
	return with, func() { client.Close(); _ = server.Close() }, nil
}

// conversation is sent whole at each step.
type conversation struct {
	client load.Client
	path   string
	parent string
	texts  load.Texts
	items  bytes.Buffer
	// ids are its checkpoints.
	ids []string
}

const newItem = 1000

// next is the body of the next step.
func (c *conversation) next() []byte {
	if c.items.Len() > 0 {
		c.items.WriteByte(',')
	}
	fmt.Fprintf(&c.items, `{"type":"human","content":"%s"}`, c.texts.Cut(newItem))
	ts := load.NewTS()
	var body bytes.Buffer
	body.Grow(c.items.Len() + 512)
	fmt.Fprintf(&body, `{"thread_ts":"%s","parent_ts":%s,"metadata":{"source":"loop"},"checkpoint":{"v":4,"id":"%s","channel_versions":{},"channel_values":{"messages":[`, ts, c.parent, ts)
	body.Write(c.items.Bytes())
	body.WriteString(`]}}}`)
	c.parent, c.ids = `"`+ts+`"`, append(c.ids, ts)
	return body.Bytes()
}

func (c *conversation) post(ctx context.Context, body []byte) error {
	_, err := c.client.Post(ctx, c.path, body, http.StatusCreated)
	return err
}

// addedBytes are what the last steps of both conversations took in the log, in as
// many parts as they took turns: commits and the records of bytes ahead of them,
// without framing and before compression.
func addedBytes(broker string, old, young *conversation) ([]report.Pair, error) {
	by, err := bytesOf(broker)
	if err != nil {
		return nil, err
	}
	pairs := make([]report.Pair, turns)
	for i := range pairs {
		if pairs[i].Value, err = old.mean(by, i); err != nil {
			return nil, err
		}
		if pairs[i].Baseline, err = young.mean(by, i); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// mean counts the steps that write a node of a list as well.
func (c *conversation) mean(by map[string]float64, turn int) (float64, error) {
	const steps = window / turns
	begin := len(c.ids) - window + turn*steps
	sum := 0.0
	for _, id := range c.ids[begin : begin+steps] {
		n, ok := by[id]
		if !ok {
			return 0, fmt.Errorf("checkpoint %s is not in the journal", id)
		}
		sum += n
	}
	return sum / steps, nil
}
