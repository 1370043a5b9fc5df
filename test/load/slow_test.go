//go:build load

package load_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/duolog/duolog/internal/fleettest"
	"github.com/duolog/duolog/internal/openloop"
)

// TestSlowClients: many connections that trickle their headers, trickle their
// bodies, or do not read their answers, beside agents at a steady rate. The
// agents' p99 moves by at most 1.5 times (the median over the seconds of one run,
// with and without slow clients by turns), none of their writes fails, and the server hangs
// up on those that trickle. What does not read is let go with its process.
func TestSlowClients(t *testing.T) {
	f := fleettest.NewFleet(t, 0)
	s := serve(t, f)
	agents := newAgents(t, s, 32, 2000)
	rest := warm(t, s, agents)
	n := form(300, 1000)
	var without, with []time.Duration
	for range form(3, 8) {
		without = append(without, steady(t, agents)...)
		slow := trickle(t, s, n)
		with = append(with, steady(t, agents)...)
		t.Logf("the server hung up on all of %d slow clients within %s", n, slow.gone(t).Round(time.Millisecond))
	}
	before, beside := median(without), median(with)
	t.Logf("the p99 of a second is %s without, and %s with slow clients", before, beside)
	if ratio := float64(beside) / float64(before); ratio > 1.5 {
		t.Errorf("slow clients make the p99 %.2f times as long", ratio)
	}
	deaf := unread(t, s, agents[0], n)
	steady(t, agents)
	for _, c := range deaf {
		_ = c.Close()
	}
	shows(t, f, answeredTo(agents))
	hangUp(agents)
	s.settles(rest)
}

// steady lets agents write at a steady rate for some seconds and returns the p99
// of each: what else the machine does for a moment is in some of them alone.
func steady(t *testing.T, agents []*agent) (p99 []time.Duration) {
	t.Helper()
	for range 4 {
		r := openloop.Run(t.Context(), openloop.Load{Rate: 100, For: time.Second, Workers: len(agents), Do: saving(pool(agents))})
		if r.Failed > 0 {
			t.Errorf("%d writes failed beside slow clients: %v", r.Failed, r.First)
		}
		p99 = append(p99, r.Quantile(.99))
	}
	return p99
}

// tricklers send a byte each second, until the server hangs up.
type tricklers struct {
	began time.Time
	done  chan struct{}
	mu    sync.Mutex
	lived []time.Duration
	kept  error
}

// trickle connects so many of them: every other one trickles its headers, the
// rest a body that they said is long.
func trickle(t *testing.T, s server, n int) *tricklers {
	t.Helper()
	tr := &tricklers{began: time.Now(), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	var group sync.WaitGroup
	for i := range n {
		conn, err := net.Dial("tcp", s.API)
		fleettest.OK(t, err)
		group.Go(func() { tr.drip(ctx, conn, head(s, i)) })
	}
	go func() {
		defer close(tr.done)
		defer cancel()
		group.Wait()
	}()
	return tr
}

func head(s server, i int) string {
	h := fmt.Sprintf("POST %s/workflows HTTP/1.1\r\nHost: duolog\r\n", fleettest.WorkflowsPath)
	if i%2 == 0 {
		return h
	}
	return h + "Authorization: Bearer " + s.Fleet.Token + "\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n{"
}

// drip sends the head, then a byte each second, and notes when the server hung
// up.
func (tr *tricklers) drip(ctx context.Context, conn net.Conn, head string) {
	defer func() { _ = conn.Close() }()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		_, _ = io.Copy(io.Discard, conn) // ends when the server hangs up
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	_, err := io.WriteString(conn, head)
	for err == nil {
		select {
		case <-tick.C:
			_, err = io.WriteString(conn, "x")
		case <-heard:
			err = io.EOF
		case <-ctx.Done():
			err = os.ErrDeadlineExceeded
		}
	}
	tr.mu.Lock()
	tr.lived = append(tr.lived, time.Since(tr.began))
	if ctx.Err() != nil {
		tr.kept = err
	}
	tr.mu.Unlock()
	_ = conn.Close()
	<-heard
}

// gone waits until the server has hung up on all of them.
func (tr *tricklers) gone(t *testing.T) time.Duration {
	t.Helper()
	<-tr.done
	if tr.kept != nil {
		t.Error("the server keeps connections that trickle for a minute")
	}
	return slices.Max(tr.lived)
}

// unread asks for much on many connections and reads none of it.
func unread(t *testing.T, s server, a *agent, n int) (conns []net.Conn) {
	t.Helper()
	request := fmt.Sprintf("GET %s/workflows/%s/checkpoints?per_page=100 HTTP/1.1\r\nHost: duolog\r\nAuthorization: Bearer %s\r\n\r\n", fleettest.WorkflowsPath, a.workflow, s.Fleet.Token)
	for range n {
		conn, err := net.Dial("tcp", s.API)
		fleettest.OK(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		fleettest.OK(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
		_, err = io.WriteString(conn, request)
		fleettest.OK(t, err)
		conns = append(conns, conn)
	}
	return conns
}
