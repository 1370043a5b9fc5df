package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// newBytes is what a checkpoint brings, a row holds and a record carries: just
// below where Postgres moves a row's text out of line, which would slow the
// baseline down.
const newBytes = 2000

// texts is where new bytes are cut from. They do not compress further than
// their alphabet.
func texts() []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same bytes in each run
	out := make([]byte, 1<<20)
	for i := range out {
		out[i] = alphabet[random.IntN(len(alphabet))]
	}
	return out
}

// cutText is some new bytes.
func cutText(from []byte) []byte {
	at := rand.IntN(len(from) - newBytes) //nolint:gosec // keeps no secret
	return from[at : at+newBytes]
}

// agent is one connection with a workflow of its own: each of its POSTs is a
// checkpoint over the one before.
type agent struct {
	host    string
	conn    net.Conn
	answers *bufio.Reader
	texts   []byte
	// request is built once; what changes is written over in place.
	request                  []byte
	ts, parent, headID, text int
	last                     string
}

// newAgents makes workflows and posts each one's first checkpoint.
func newAgents(ctx context.Context, p *product, n int, from []byte) ([]*agent, error) {
	agents := make([]*agent, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range agents {
		group.Go(func() (err error) {
			agents[i], err = newAgent(ctx, p, from)
			return err
		})
	}
	return agents, group.Wait()
}

func newAgent(ctx context.Context, p *product, from []byte) (*agent, error) {
	number, err := p.create(ctx)
	if err != nil {
		return nil, err
	}
	path := fmt.Sprintf("%s/%d/checkpoints", workflowsPath, number)
	a := &agent{texts: from, last: newTS()}
	first := checkpointBody(a.last, "null", string(cutText(from)))
	if _, err := p.post(ctx, path, []byte(first)); err != nil {
		return nil, err
	}
	a.host = strings.TrimPrefix(p.API, "http://")
	a.build(path, p.token)
	return a, nil
}

// connect replaces the connection: the server ends one that is idle between
// measurements.
func (a *agent) connect(ctx context.Context) (err error) {
	a.close()
	if a.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", a.host); err != nil {
		return fmt.Errorf("connect to %s: %w", a.host, err)
	}
	a.answers = bufio.NewReader(a.conn)
	return nil
}

func (a *agent) close() {
	if a.conn != nil {
		_ = a.conn.Close()
	}
}

func newTS() string { return uuid.Must(uuid.NewV7()).String() }

// checkpointBody is a checkpoint with one channel, as LangGraph's savers send
// it. The parent comes with its quotes.
func checkpointBody(ts, parent, text string) string {
	return `{"thread_ts":"` + ts + `","parent_ts":` + parent + `,"checkpoint":{"v":4,"id":"` + ts +
		`","channel_values":{"state":"` + text + `"},"channel_versions":{"state":"00000000000000000000000000000002.0.1"},"versions_seen":{}},` +
		`"metadata":{"source":"loop","step":1,"parents":{}}}`
}

// build makes the request and finds the places that change.
func (a *agent) build(path, token string) {
	ts, parent, text := strings.Repeat("t", len(a.last)), strings.Repeat("p", len(a.last)), strings.Repeat("x", newBytes)
	body := checkpointBody(ts, `"`+parent+`"`, text)
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, a.host, token, len(body))
	a.request = []byte(head + body)
	a.ts, a.headID = len(head)+strings.Index(body, ts), len(head)+strings.LastIndex(body, ts)
	a.parent, a.text = len(head)+strings.Index(body, parent), len(head)+strings.Index(body, text)
}

// post saves one checkpoint and returns when it is visible.
func (a *agent) post() error {
	ts := newTS()
	copy(a.request[a.ts:], ts)
	copy(a.request[a.headID:], ts)
	copy(a.request[a.parent:], a.last)
	copy(a.request[a.text:], cutText(a.texts))
	if _, err := a.conn.Write(a.request); err != nil {
		return fmt.Errorf("post a checkpoint: %w", err)
	}
	resp, err := http.ReadResponse(a.answers, nil)
	if err != nil {
		return fmt.Errorf("read the answer to a checkpoint: %w", err)
	}
	var body bytes.Buffer
	_, err = io.Copy(&body, resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("a checkpoint was answered %s: %s: %w", resp.Status, body.Bytes(), errors.Join(err, errNotCreated))
	}
	a.last = ts
	return nil
}

var errNotCreated = errors.New("201 was expected")

// drive calls each of the callers one after another for as long as the
// measurement takes, and returns calls per second.
func drive(ctx context.Context, o options, callers []func() error) (float64, error) {
	var done atomic.Int64
	var over atomic.Bool
	began := o.now()
	timer := time.AfterFunc(o.length, func() { over.Store(true) })
	defer timer.Stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, call := range callers {
		group.Go(func() error {
			for !over.Load() && ctx.Err() == nil {
				if err := call(); err != nil {
					return err
				}
				done.Add(1)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	return float64(done.Load()) / o.now().Sub(began).Seconds(), err
}

func callersOf(agents []*agent) []func() error {
	out := make([]func() error, len(agents))
	for i, a := range agents {
		out[i] = a.post
	}
	return out
}
