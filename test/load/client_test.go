//go:build load

package load_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/duolog/duolog/internal/fleettest"
)

// patience is what a client waits for an answer: more than the server holds one.
const patience = 45 * time.Second

// client is one connection, kept as long as the server does. net/http's client
// would take a part of the processors that the server needs.
type client struct {
	addr    string
	conn    net.Conn
	answers *bufio.Reader
}

func (c *client) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// do sends a request and reads its answer. After an error nobody knows what
// became of it.
func (c *client) do(ctx context.Context, request []byte) (res answer, body []byte, err error) {
	defer func() {
		if err != nil || res.last {
			c.close()
		}
	}()
	if c.conn == nil {
		if c.conn, err = (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", c.addr); err != nil {
			return res, nil, err
		}
		c.answers = bufio.NewReader(c.conn)
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return res, nil, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return res, nil, err
	}
	read, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return res, nil, err
	}
	defer func() { _ = read.Body.Close() }()
	body, err = io.ReadAll(read.Body)
	return answer{read.StatusCode, read.Header.Get("Retry-After"), read.Close}, body, err
}

// answer is what counts of an answer beside its body.
type answer struct {
	status     int
	retryAfter string
	// last says that the server hangs up now.
	last bool
}

// post is the bytes of a POST.
func post(f *fleettest.Fleet, path string, body []byte) []byte {
	head := fmt.Sprintf("POST %s%s HTTP/1.1\r\nHost: duolog\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		fleettest.WorkflowsPath, path, f.Token, len(body))
	return append([]byte(head), body...)
}

// texts is where new bytes are cut from: nothing in it repeats.
var texts = func() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for range 1 << 20 {
		b.WriteByte(alphabet[random.IntN(len(alphabet))])
	}
	return b.String()
}()

func cutText(size int) string {
	at := rand.IntN(len(texts) - size)
	return texts[at : at+size]
}

// agent writes checkpoints of a workflow of its own over a connection of its
// own, one after another, as agents do.
type agent struct {
	client

	fleet    *fleettest.Fleet
	workflow string
	size     int
	last     *uuid.UUID
	answered []uuid.UUID
	// lost are those whose answer did not come.
	lost []uuid.UUID
}

// newAgents makes agents whose checkpoints are of so many bytes, all new.
func newAgents(t *testing.T, s server, n, size int) []*agent {
	t.Helper()
	agents := make([]*agent, n)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range agents {
		group.Go(func() error {
			a := &agent{client: client{addr: s.API}, fleet: s.Fleet, size: size}
			agents[i] = a
			return a.create(ctx)
		})
	}
	fleettest.OK(t, group.Wait())
	t.Cleanup(func() { hangUp(agents) })
	return agents
}

func (a *agent) create(ctx context.Context) error {
	res, answer, err := a.do(ctx, post(a.fleet, "/workflows", []byte(`{"goal":"write under load"}`)))
	if err != nil {
		return err
	}
	var w fleettest.WorkflowView
	if err := json.Unmarshal(answer, &w); err != nil || res.status != http.StatusCreated {
		return fmt.Errorf("create: %d %s %w", res.status, answer, err)
	}
	a.workflow = w.UUID.String()
	return nil
}

// save writes the next checkpoint; an error that is no answer is one of the
// connection.
func (a *agent) save(ctx context.Context) error {
	ts := uuid.Must(uuid.NewV7())
	parent := "null"
	if a.last != nil {
		parent = `"` + a.last.String() + `"`
	}
	body := fmt.Sprintf(`{"thread_ts":"%s","parent_ts":%s,"checkpoint":{"v":4,"id":"%s","channel_values":{"state":"%s"}},"metadata":{"step":1}}`, ts, parent, ts, cutText(a.size))
	res, answer, err := a.do(ctx, post(a.fleet, "/workflows/"+a.workflow+"/checkpoints", []byte(body)))
	switch {
	case err != nil:
		a.lost = append(a.lost, ts)
		return err
	case res.status != http.StatusCreated:
		return refusal{res.status, string(answer)}
	}
	a.last, a.answered = &ts, append(a.answered, ts)
	return nil
}

// refusal is an answer that is none of success.
type refusal struct {
	status int
	answer string
}

func (r refusal) Error() string { return fmt.Sprintf("%d %s", r.status, r.answer) }

// answeredTo is what all of them were told is saved.
func answeredTo(agents []*agent) (all []uuid.UUID) {
	for _, a := range agents {
		all = append(all, a.answered...)
	}
	return all
}

// pool lends agents to callers, each to one at a time.
func pool(agents []*agent) chan *agent {
	free := make(chan *agent, len(agents))
	for _, a := range agents {
		free <- a
	}
	return free
}

// saving is a call that lets a free agent write.
func saving(free chan *agent) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		a := <-free
		defer func() { free <- a }()
		return a.save(ctx)
	}
}

func hangUp(agents []*agent) {
	for _, a := range agents {
		a.close()
	}
}

// warm lets each agent write once, all at the same time, and returns the
// goroutines of the process when they have gone: all its pools are as large as
// they become.
func warm(t *testing.T, s server, agents []*agent) float64 {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	for _, a := range agents {
		group.Go(func() error { return a.save(ctx) })
	}
	fleettest.OK(t, group.Wait())
	hangUp(agents)
	return s.goroutines()
}
