package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/api"
)

// slow is a request whose body has begun and does not end until it is told to.
type slow struct {
	t    *testing.T
	conn net.Conn
	rest string
}

// begin sends the head of a request and the beginning of its body.
func begin(t *testing.T, addr, who, path, body string) slow {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: duolog\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n{", path, who, len(body))
	must(t, err)
	return slow{t, conn, body[1:]}
}

func (s slow) end() int {
	s.t.Helper()
	_, err := io.WriteString(s.conn, s.rest)
	must(s.t, err)
	res, err := http.ReadResponse(bufio.NewReader(s.conn), nil)
	must(s.t, err)
	_ = res.Body.Close()
	return res.StatusCode
}

// deadlines keeps the deadline that a connection is given.
type deadlines struct {
	*httptest.ResponseRecorder

	read time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error { d.read = at; return nil }

// TestTheBodyOfARefusedRequestMayNotTakeLong: what is refused before its body is
// read keeps its connection for seconds, however slowly the rest comes.
func TestTheBodyOfARefusedRequestMayNotTakeLong(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{base, "/none"} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader("{}"))
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r.api.ServeHTTP(w, req)
		if w.Code < 400 || w.read.IsZero() || time.Until(w.read) > 20*time.Second {
			t.Errorf("POST %s: %d, its body may take until %s", path, w.Code, w.read)
		}
	}
}

// TestBodiesAreCountedBeforeTheyAreRead: a body that is on its way has its room
// already. Beyond what a tenant may have, a new trigger is told to come again,
// an agent's write waits until there is room, and another tenant does not notice.
func TestBodiesAreCountedBeforeTheyAreRead(t *testing.T) {
	r := newRig(t)
	w := r.create("mia@acme", map[string]any{"goal": "wait"})
	small := r.with(func(c *api.Config) {
		c.Limits.TenantBytes = 32 << 10
		c.Limits.AgentTime = 2 * time.Second
	})
	server := api.NewHTTPServer(small.api)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })

	large := fmt.Sprintf(`{"thread_ts":"none of these%s"}`, strings.Repeat(" ", 28<<10)) // refused in the end
	held := begin(t, l.Addr().String(), "mia@acme", w.path("/checkpoints"), large)
	goal := map[string]any{"goal": "one more"}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if status := small.send("mia@acme", "POST", base, goal).status; status == http.StatusTooManyRequests {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("a trigger beside a body that fills the quota: %d", status)
		}
	}
	refused := small.send("mia@acme", "POST", base, goal)
	refused.refused(http.StatusTooManyRequests, domain.CodeRateLimited, "")
	if refused.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	save := map[string]any{"thread_ts": newTS(), "checkpoint": map[string]any{"v": 4}, "metadata": map[string]any{}}
	small.send("mia@acme", "POST", w.path("/checkpoints"), save).refused(http.StatusServiceUnavailable, domain.CodeNotNow, "")
	small.create("mia@globex", goal)

	agent := make(chan reply)
	go func() { agent <- small.send("mia@acme", "POST", w.path("/checkpoints"), save) }()
	if status := held.end(); status != http.StatusBadRequest {
		t.Errorf("the large request: %d", status)
	}
	if a := <-agent; a.status != http.StatusCreated {
		t.Errorf("the agent's write when there was room: %d %s", a.status, a.body)
	}
}
