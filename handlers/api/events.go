package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/wait"
	"github.com/duolog/duolog/projections"
)

// feedBreath is how often a follower of a tenant looks whether there is more: its
// events are in any partition.
const feedBreath = 100 * time.Millisecond

// getEvents answers GET /v1/events: what happened to everything of the tenant.
func (s *Server) getEvents(c *call) (answer, error) {
	f, err := s.feedOf(c)
	if err != nil {
		return answer{}, err
	}
	if wantsSSE(c.Request) {
		return s.streamed(c, f.follow)
	}
	rows, err := f.page(c.Context())
	if err != nil {
		return answer{}, err
	}
	items := make([][]byte, len(rows))
	for i, r := range rows {
		items[i] = r.data
	}
	var o object
	o.raw("events", list(items))
	o.text("next", f.after.Token(s.cfg.Log))
	o.bool("more", f.more)
	return ok(o.end()), nil
}

// feedReader reads a feed from place to place.
type feedReader struct {
	s      *Server
	tenant domain.Tenant
	types  []string
	limit  int
	after  domain.Cut
	more   bool
}

// feedRow is an event as it is sent; id is the place to go on from, empty where that
// would leave out the rest of its commit.
type feedRow struct {
	id, kind string
	data     []byte
}

func (s *Server) feedOf(c *call) (*feedReader, error) {
	f := &feedReader{s: s, tenant: c.who.Tenant, types: c.URL.Query()["type"]}
	var err error
	if f.limit, err = c.queryInt("limit", defaultTimeline, 1, maxTimeline); err != nil {
		return nil, err
	}
	place, err := c.query("after")
	if last := c.Header.Get(lastEventID); last != "" && wantsSSE(c.Request) {
		place = last
	}
	switch {
	case err != nil:
		return nil, err
	case place == "end":
		if err := s.gate(c.Context()); err != nil {
			return nil, err
		}
		f.after, err = s.cfg.Commits.End(c.Context())
	case place != "":
		if f.after, err = domain.ParseCut(place, s.cfg.Log, s.cfg.Commits.Partitions()); err != nil {
			return nil, document.InvalidField("after", fmt.Sprintf("after must be a place that this feed returned, or end, got %.80q", place), "send the next of the answer before, or none to begin anew", err)
		}
	}
	return f, err
}

// page reads what follows the place and moves it.
func (f *feedReader) page(ctx context.Context) ([]feedRow, error) {
	if err := f.s.gate(ctx); err != nil {
		return nil, err
	}
	before := f.after
	page, err := f.s.cfg.Commits.After(ctx, f.tenant, before, f.limit)
	if err != nil {
		return nil, err
	}
	f.after, f.more = page.Last, page.More
	return f.rows(before, page.Commits), nil
}

// rows are the events that were asked for. Within a page the place moves with each
// commit of its partition alone, and with the last event that is sent of it: a client
// that is cut off in the middle goes on with the rest.
func (f *feedReader) rows(place domain.Cut, commits []projections.Accepted) []feedRow {
	at := domain.Cut{}
	maps.Copy(at, place)
	var out []feedRow
	for _, c := range commits {
		at[c.Position.Partition] = c.Position.Offset
		before := len(out)
		for _, e := range feed.Of(c.Commit, c.Position) {
			if len(f.types) == 0 || slices.Contains(f.types, e.Type) {
				out = append(out, feedRow{kind: e.Type, data: feedEvent(e)})
			}
		}
		if len(out) > before {
			out[len(out)-1].id = at.Token(f.s.cfg.Log)
		}
	}
	return out
}

// follow is the feed as a stream.
func (f *feedReader) follow(ctx context.Context, b *sse) error {
	for {
		rows, err := f.page(ctx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			b.event(r.id, r.kind, r.data)
		}
		if len(rows) > 0 {
			b.place(f.after.Token(f.s.cfg.Log))
			return nil
		}
		for !f.more && !f.moved() {
			if !wait.For(ctx, feedBreath) {
				b.place(f.after.Token(f.s.cfg.Log))
				return nil
			}
		}
	}
}

// moved says whether the read models show more than was looked at, without asking
// them.
func (f *feedReader) moved() bool {
	for p := range f.s.cfg.Commits.Partitions() {
		seen := int64(0)
		if at, ok := f.after[p]; ok {
			seen = at + 1
		}
		if f.s.cfg.Changes.Next(p) > seen {
			return true
		}
	}
	return false
}

// feedEvent is what the events topic says of an event, with its id, which is a header
// there.
func feedEvent(e feed.Event) []byte {
	return e.AppendJSON(append(domain.AppendText([]byte(`{"id":`), e.ID), ','))
}
