package api_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/duolog/duolog/handlers/api"
)

// stream is one connection of a client that follows.
type stream struct {
	t      *testing.T
	res    *http.Response
	lines  *bufio.Scanner
	lastID string
}

// listen serves the API over TCP: streams need a connection.
func (r *rig) listen() (address string) {
	r.t.Helper()
	server := api.NewHTTPServer(r.api)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(r.t, err)
	go func() { _ = server.Serve(l) }()
	r.t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String()
}

// follow asks for a stream, from the last id that was read of another one.
func follow(t *testing.T, url, who, lastID string) *stream {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+who)
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return &stream{t: t, res: res, lines: bufio.NewScanner(res.Body), lastID: lastID}
}

// next reads one event as EventSource does; false at the end of the stream.
func (s *stream) next() (kind string, e event, more bool) {
	s.t.Helper()
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			s.lastID = value
		case "event":
			kind = value
		case "data":
			must(s.t, json.Unmarshal([]byte(value), &e))
		case "":
			if kind != "" {
				return kind, e, true
			}
		}
	}
	return "", e, false
}

// TestTimelineAsAStream: what happened, and then what happens, in order; a client
// that was cut off goes on after the last id it has read, with nothing twice and
// nothing left out, and one in the middle of a commit gets that commit again.
func TestTimelineAsAStream(t *testing.T) {
	r := newRig(t)
	url := r.listen()
	c := r.create("mia@acme", map[string]any{"goal": "follow me", "start_workflow": true})
	s := follow(t, url+c.path("/timeline"), "mia@acme", "")
	if got := s.res.Header.Get("Content-Type"); s.res.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%d %s", s.res.StatusCode, got)
	}
	read := func(s *stream, kind string) event {
		t.Helper()
		got, e, more := s.next()
		if !more || got != kind || e.Type != kind {
			t.Fatalf("instead of %s comes %q %+v", kind, got, e)
		}
		return e
	}
	read(s, "workflow.created")
	if s.lastID != "" {
		t.Errorf("the first event of a commit of four has the id %s: the others would be lost", s.lastID)
	}
	read(s, "workflow.triggered")
	read(s, "workflow.engine_chosen")
	requested := read(s, "workflow.run_requested")
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
	if s.lastID != requested.Position+"@"+r.cfg.Log.String() {
		t.Errorf("the id is %s", s.lastID)
	}
	again := follow(t, url+c.path("/timeline?after="+r.timeline(c, "").Next), "mia@acme", s.lastID)
	read(s, "workflow.status_changed")
	read(again, "workflow.status_changed")
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"pause"}`).want(http.StatusOK)
	read(s, "workflow.status_changed")
	read(again, "workflow.status_changed")
}

// TestAStreamIsRefusedAsAnythingElse: with a status, before it begins.
func TestAStreamIsRefusedAsAnythingElse(t *testing.T) {
	r := newRig(t)
	url := r.listen()
	c := r.create("mia@acme", map[string]any{"goal": "not yours"})
	for _, q := range []struct {
		path, who, last string
		status          int
	}{
		{c.path("/timeline"), "eve@globex", "", http.StatusNotFound},
		{c.path("/timeline"), "", "", http.StatusUnauthorized},
		{c.path("/timeline"), "mia@acme", "soon", http.StatusBadRequest},
		{c.path("/timeline?limit=0"), "mia@acme", "", http.StatusBadRequest},
	} {
		if s := follow(t, url+q.path, q.who, q.last); s.res.StatusCode != q.status || s.res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s for %q: %d %s", q.path, q.who, s.res.StatusCode, s.res.Header.Get("Content-Type"))
		}
	}
}

// TestAStreamEndsWithTheProcess: its client comes again, to another node.
func TestAStreamEndsWithTheProcess(t *testing.T) {
	stopping := make(chan struct{})
	r := newRig(t).with(func(c *api.Config) { c.Stopping = stopping })
	url := r.listen()
	c := r.create("mia@acme", map[string]any{"goal": "wait"})
	s := follow(t, url+c.path("/timeline"), "mia@acme", "")
	for range 3 { // created, triggered, engine_chosen
		if _, _, more := s.next(); !more {
			t.Fatal("the stream is empty")
		}
	}
	began := time.Now()
	close(stopping)
	if _, e, more := s.next(); more || time.Since(began) > 10*time.Second {
		t.Errorf("after the process began to stop comes %+v, %s later", e, time.Since(began))
	}
}

// stuck is a client that does not read: what is written to it is not taken in time.
type stuck struct {
	*httptest.ResponseRecorder

	until time.Time
}

func (s *stuck) SetWriteDeadline(at time.Time) error { s.until = at; return nil }

func (s *stuck) Write([]byte) (int, error) {
	if s.until.IsZero() {
		return 0, errors.New("it may take for ever")
	}
	return 0, os.ErrDeadlineExceeded
}

// TestAStreamThatIsNotReadEnds: nothing is kept for a client that does not read.
func TestAStreamThatIsNotReadEnds(t *testing.T) {
	r := newRig(t)
	c := r.create("mia@acme", map[string]any{"goal": "nobody reads"})
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path("/timeline"), http.NoBody)
	req.Header.Set("Authorization", "Bearer mia@acme")
	req.Header.Set("Accept", "text/event-stream")
	w := &stuck{ResponseRecorder: httptest.NewRecorder()}
	r.api.ServeHTTP(w, req)
	if left := time.Until(w.until); left <= 0 || left > 20*time.Second {
		t.Errorf("it may take until %s", w.until)
	}
}

// TestATenantFollowsSoManyStreams: one more is refused, another tenant's is not, and
// when one ends there is room again.
func TestATenantFollowsSoManyStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t).with(func(c *api.Config) { c.Limits.TenantStreams = 2 })
	url := r.listen() + "/v1/events"
	first := follow(t, url, "mia@acme", "")
	follow(t, url, "mia@acme", "")
	if s := follow(t, url, "mia@acme", ""); s.res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the third is answered %d", s.res.StatusCode)
	}
	if s := follow(t, url, "eve@evil", ""); s.res.StatusCode != http.StatusOK {
		t.Errorf("another tenant's is answered %d", s.res.StatusCode)
	}
	_ = first.res.Body.Close()
	for r.api.Streams() != 2 {
		if t.Context().Err() != nil {
			t.Fatal("the stream that was closed still counts")
		}
		runtime.Gosched()
	}
	if s := follow(t, url, "mia@acme", ""); s.res.StatusCode != http.StatusOK {
		t.Errorf("when there is room it is answered %d", s.res.StatusCode)
	}
}
