package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// Agent is one connection with a workflow of its own: each of its POSTs is a
// checkpoint over the one before. It belongs to one goroutine at a time.
type Agent struct {
	// Workflow is the path of its workflow.
	Workflow string

	shape   Shape
	address string
	texts   Texts
	conn    net.Conn
	answers *bufio.Reader
	// request is built once; what changes is written over in place.
	request                  []byte
	ts, parent, headID, text int
	last                     string
}

// NewAgents makes workflows and posts each one's first checkpoint. The agents take
// the addresses of the nodes in turn.
func NewAgents(ctx context.Context, c Client, addresses []string, n int, shape Shape, from Texts) ([]*Agent, error) {
	agents := make([]*Agent, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range agents {
		group.Go(func() (err error) {
			agents[i], err = newAgent(ctx, c.At(addresses[i%len(addresses)]), shape, from)
			return err
		})
	}
	return agents, group.Wait()
}

func newAgent(ctx context.Context, c Client, shape Shape, from Texts) (*Agent, error) {
	path, err := c.Create(ctx)
	if err != nil {
		return nil, err
	}
	a := &Agent{Workflow: path, shape: shape, texts: from, last: NewTS(), address: c.Address}
	messages := shape.messages(from)
	first := checkpoint(a.last, "null", messages, string(from.Cut(shape.New)))
	if _, err := c.Post(ctx, path+"/checkpoints", []byte(first), http.StatusCreated); err != nil {
		return nil, err
	}
	a.build(path+"/checkpoints", c.Token, messages)
	return a, nil
}

// NewTS is the id of a checkpoint.
func NewTS() string { return uuid.Must(uuid.NewV7()).String() }

// Connect replaces the connection: the server ends one that is idle between
// measurements.
func (a *Agent) Connect(ctx context.Context) (err error) {
	a.Close()
	if a.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", a.address); err != nil {
		return fmt.Errorf("connect to %s: %w", a.address, err)
	}
	a.answers = bufio.NewReader(a.conn)
	return nil
}

// Close ends the connection.
func (a *Agent) Close() {
	if a.conn != nil {
		_ = a.conn.Close()
	}
}

// build makes the request and finds the places that change.
func (a *Agent) build(path, token, messages string) {
	ts, parent, text := strings.Repeat("t", len(a.last)), strings.Repeat("p", len(a.last)), strings.Repeat("x", a.shape.New)
	body := checkpoint(ts, `"`+parent+`"`, messages, text)
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, a.address, token, len(body))
	if a.shape.Async {
		head += "Prefer: respond-async\r\n"
	}
	head += "\r\n"
	a.request = []byte(head + body)
	a.ts, a.headID = len(head)+strings.Index(body, ts), len(head)+strings.LastIndex(body, ts)
	a.parent, a.text = len(head)+strings.Index(body, parent), len(head)+strings.Index(body, text)
}

// Post saves one checkpoint and returns when it is visible, or taken.
func (a *Agent) Post() error {
	ts := NewTS()
	copy(a.request[a.ts:], ts)
	copy(a.request[a.headID:], ts)
	copy(a.request[a.parent:], a.last)
	copy(a.request[a.text:], a.texts.Cut(a.shape.New))
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
	if err != nil || resp.StatusCode != a.shape.wants() {
		return fmt.Errorf("a checkpoint was answered %s: %s: %w", resp.Status, body.Bytes(), errors.Join(err, errAnswer))
	}
	a.last = ts
	return nil
}

func (s Shape) wants() int {
	if s.Async {
		return http.StatusAccepted
	}
	return http.StatusCreated
}

var errAnswer = errors.New("another answer was expected")
