package api

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/duolog/duolog/handlers/wait"
)

// Server-Sent Events, as browsers' EventSource reads them.
const (
	sseType = "text/event-stream"
	// lastEventID is the header in which a client that comes again sends the last id it
	// has read.
	lastEventID = "Last-Event-ID"
	// sseBeat is how often a stream with nothing to tell says that it is there:
	// proxies hang up on a silent connection.
	sseBeat = 15 * time.Second
	// ssePatience is how long a client may take to read what it is sent. A slower one
	// is hung up on, and comes again with the last id it has read: nothing is kept for it.
	ssePatience = 10 * time.Second
	// sseRetry is how many milliseconds a client waits before it comes again.
	sseRetry = "1000"
)

// wantsSSE says whether the client asks for a stream of events.
func wantsSSE(r *http.Request) bool {
	for _, accepted := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(accepted, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			if strings.EqualFold(strings.TrimSpace(kind), sseType) {
				return true
			}
		}
	}
	return false
}

// following reads what comes next, and writes it as events into b. It returns once
// there is something, or when ctx ends; its error ends the stream.
type following func(ctx context.Context, b *sse) error

// streamed is the answer that a stream follows.
func (s *Server) streamed(c *call, next following) (answer, error) {
	leave, err := s.followers.enter(c.who.Tenant)
	return answer{status: http.StatusOK, header: http.Header{"Content-Type": {sseType}}, follow: next, leave: leave}, err
}

// sse collects what is sent at once.
type sse struct{ b bytes.Buffer }

// event adds an event. Data is one line of JSON. An empty id leaves the last one: a
// client that is cut off between comes again from there.
func (s *sse) event(id, kind string, data []byte) {
	if id != "" {
		s.b.WriteString("id: " + id + "\n")
	}
	s.b.WriteString("event: " + kind + "\ndata: ")
	s.b.Write(data)
	s.b.WriteString("\n\n")
}

// place tells where to go on from, without an event.
func (s *sse) place(id string) { s.b.WriteString("id: " + id + "\n\n") }

// comment adds a line that clients take no notice of.
func (s *sse) comment(text string) { s.b.WriteString(": " + text + "\n\n") }

// streamTo sends what is followed until the client goes, is too slow, or the process
// begins to stop. ctx is without the deadline of other requests.
func (s *Server) streamTo(ctx context.Context, w http.ResponseWriter, next following) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.endWhenStopping(cancel)()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the next of its client is that it hangs up
	send := func(b *sse) bool {
		_ = control.SetWriteDeadline(s.cfg.Now().Add(ssePatience)) // not every writer has a connection
		_, err := w.Write(b.b.Bytes())
		b.b.Reset()
		return err == nil && control.Flush() == nil
	}
	var b sse
	b.b.WriteString("retry: " + sseRetry + "\n\n")
	for send(&b) {
		err := s.beat(ctx, &b, next)
		if err != nil {
			return
		}
		if b.b.Len() == 0 {
			b.comment("nothing new")
		}
	}
}

// beat waits for something to tell, no longer than a stream may be silent.
func (s *Server) beat(ctx context.Context, b *sse, next following) error {
	waiting, cancel := context.WithTimeout(ctx, sseBeat)
	defer cancel()
	if err := next(waiting, b); err != nil && waiting.Err() == nil {
		return err
	}
	if b.b.Len() > 0 {
		wait.For(ctx, breath)
	}
	return ctx.Err()
}
