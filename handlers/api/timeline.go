package api

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/wait"
	"github.com/duolog/duolog/projections/queries/timeline"
)

// Bounds of a long poll and of a timeline.
const (
	// maxWait is how many seconds a long poll may take.
	maxWait         = 25
	defaultTimeline = 100
	maxTimeline     = 500
	// breath is how long a woken poll waits before it reads again: a busy
	// partition would otherwise make every waiter read at each of its batches.
	breath = 25 * time.Millisecond
)

// getTimeline answers GET workflows/:id/timeline: what happened after a
// position, at once or as soon as there is something.
func (s *Server) getTimeline(c *call) (answer, error) {
	stream, err := s.stream(c)
	if err != nil {
		return answer{}, err
	}
	return s.timelineOf(c, stream)
}

// timelineOf is the timeline of any stream.
func (s *Server) timelineOf(c *call, stream domain.StreamID) (answer, error) {
	after, err := s.after(c, stream)
	if err != nil {
		return answer{}, err
	}
	limit, err := c.queryInt("limit", defaultTimeline, 1, maxTimeline)
	if err != nil {
		return answer{}, err
	}
	at, err := s.at(c)
	if err != nil {
		return answer{}, err
	}
	if wantsSSE(c.Request) && at.Set() {
		return answer{}, domain.InvalidField("at", "what is read as of a moment ends there and cannot be followed", "leave out at, or ask for application/json")
	}
	if wantsSSE(c.Request) {
		return s.followTimeline(c, stream, after, limit)
	}
	var page timeline.Page
	err = s.poll(c, func() (next domain.Position, done bool, err error) {
		page, err = s.cfg.Timeline.At(at).After(c.Context(), stream, after, limit)
		return page.Next, at.Set() || len(page.Events) > 0, err
	})
	if err != nil {
		return answer{}, err
	}
	items := make([][]byte, len(page.Events))
	for i, e := range page.Events {
		items[i] = eventRow(e)
	}
	var o object
	o.raw("events", list(items))
	o.text("next", page.Last.Token(s.cfg.Log))
	return ok(o.end()), nil
}

// getTimelineEvent answers GET workflows/:id/timeline/:position/:index: one event with
// its texts in full. It is what an event links to.
func (s *Server) getTimelineEvent(c *call) (answer, error) {
	stream, err := s.stream(c)
	if err != nil {
		return answer{}, err
	}
	return s.timelineEventOf(c, stream)
}

// timelineEventOf is one event of any stream.
func (s *Server) timelineEventOf(c *call, stream domain.StreamID) (answer, error) {
	at, err := domain.ParsePosition(c.PathValue("position"))
	if err != nil {
		return answer{}, document.InvalidField("position", fmt.Sprintf("position must be like 3:1042, got %.40q", c.PathValue("position")), "take the link from the event", err)
	}
	index, err := strconv.Atoi(c.PathValue("index"))
	if err != nil {
		return answer{}, document.InvalidField("index", fmt.Sprintf("index must be a number, got %.40q", c.PathValue("index")), "take the link from the event", err)
	}
	if err := s.gate(c.Context()); err != nil {
		return answer{}, err
	}
	e, err := s.cfg.Timeline.One(c.Context(), stream, at, index)
	return ok(eventRow(e)), err
}

func (s *Server) after(c *call, stream domain.StreamID) (domain.Position, error) {
	text, err := c.query("after")
	if last := c.Header.Get(lastEventID); last != "" && wantsSSE(c.Request) {
		text = last // what the client has read since it asked for the first time
	}
	if err != nil || text == "" {
		return s.cfg.Timeline.Start(stream), err
	}
	at, err := domain.ParseToken(text, s.cfg.Log)
	if err != nil {
		return at, document.InvalidField("after", fmt.Sprintf("after must be a position of this log, such as 3:1042, got %.80q", text), "send the next of the answer before, or none to begin anew", err)
	}
	return at, nil
}

// poll reads until there is something to tell, or the seconds the client waits
// are over. What is read last is the answer either way.
func (s *Server) poll(c *call, read func() (next domain.Position, done bool, err error)) error {
	seconds, err := c.queryInt("wait", 0, 0, maxWait)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context(), time.Duration(seconds)*time.Second)
	defer cancel()
	if seconds > 0 {
		defer s.endWhenStopping(cancel)()
	}
	for {
		if err := s.gate(c.Context()); err != nil {
			return err
		}
		next, done, err := read()
		if err != nil || done || seconds == 0 {
			return err
		}
		if !s.comes(ctx, next) {
			return nil
		}
	}
}

// comes waits until the read models show a position; false when ctx ends before.
func (s *Server) comes(ctx context.Context, next domain.Position) bool {
	return s.cfg.Changes.Wait(ctx, next) == nil && wait.For(ctx, breath)
}

// endWhenStopping ends a long poll when the process begins to stop; the returned
// function ends the watch.
func (s *Server) endWhenStopping(end func()) (done func()) {
	over := make(chan struct{})
	go func() {
		select {
		case <-s.cfg.Stopping:
			end()
		case <-over:
		}
	}()
	return func() { close(over) }
}

// followTimeline is the timeline as a stream. The id of an event is the position to
// go on from, which the last event of a commit has: one is never cut.
func (s *Server) followTimeline(c *call, stream domain.StreamID, after domain.Position, limit int) (answer, error) {
	if _, err := s.cfg.Timeline.After(c.Context(), stream, after, 1); err != nil {
		return answer{}, err // what is wrong with the question has a status still
	}
	return s.streamed(c, func(ctx context.Context, b *sse) error {
		for {
			if err := s.gate(ctx); err != nil {
				return err
			}
			page, err := s.cfg.Timeline.After(ctx, stream, after, limit)
			if err != nil {
				return err
			}
			after = page.Last
			for i, e := range page.Events {
				id := ""
				if i+1 == len(page.Events) || page.Events[i+1].Position != e.Position {
					id = e.Position.Token(s.cfg.Log)
				}
				b.event(id, e.Type, eventRow(e))
			}
			if len(page.Events) > 0 || !s.comes(ctx, page.Next) {
				return nil
			}
		}
	})
}

func eventRow(e timeline.Event) []byte {
	var command, o object
	command.text("id", e.Command.ID.String())
	command.text("type", e.Command.Type)
	o.text("position", e.Position.String())
	o.int("index", int64(e.Index))
	o.text("id", fmt.Sprintf("%s/%d", e.Commit, e.Index))
	o.time("time", e.Time)
	o.text("type", e.Type)
	o.int("v", int64(e.V))
	o.raw("principal", principalOf(e.Principal))
	o.raw("command", command.end())
	o.raw("data", e.Data)
	if e.Text == nil {
		o.raw("text", []byte("{}"))
	} else {
		o.value("text", e.Text)
	}
	if len(e.Gone) > 0 {
		o.value("gone", e.Gone)
	}
	return o.end()
}
