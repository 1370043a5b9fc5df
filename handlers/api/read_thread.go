package api

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/stored"
	"github.com/duolog/duolog/projections/queries/threads"
)

// getThread answers POST /v1/threads/get: one checkpoint, the newest where none is
// named.
func (s *Server) getThread(c *call) (answer, error) {
	f, of, err := s.checkpointAsked(c)
	if err != nil {
		return answer{}, err
	}
	w, read, err := s.threadsShown(c, f)
	if err != nil {
		return answer{}, err
	}
	thread, tuple, err := read.Get(c.Context(), of.stream, of.ns, of.id)
	if err != nil {
		return answer{}, err
	}
	var o object
	if tuple == nil {
		o.raw("checkpoint", []byte("null"))
	} else {
		o.raw("checkpoint", w.tuple(*tuple))
	}
	if thread.Incarnation > 0 {
		o.int("incarnation", int64(thread.Incarnation))
	}
	return w.answer(o.end()), nil
}

// listThreads answers POST /v1/threads/list.
func (s *Server) listThreads(c *call) (answer, error) {
	f, err := s.threadRead(c)
	if err != nil {
		return answer{}, err
	}
	listing, err := s.listing(c, f)
	if err != nil {
		return answer{}, err
	}
	w, read, err := s.threadsShown(c, f)
	if err != nil {
		return answer{}, err
	}
	if listing.Stream == nil && c.URL.Query().Get("at") != "" {
		return answer{}, domain.InvalidField("at", "at is of one thread", "send thread_id as well")
	}
	page, err := read.List(c.Context(), listing)
	if err != nil {
		return answer{}, err
	}
	items := make([][]byte, len(page.Tuples))
	for i, t := range page.Tuples {
		items[i] = w.tuple(t)
	}
	var o object
	o.raw("checkpoints", list(items))
	if page.Next == nil {
		o.raw("next", []byte("null"))
	} else {
		o.text("next", page.Next.String())
	}
	return w.answer(o.end()), nil
}

// checkpointOf is the checkpoint of a thread that a request names; the newest where id
// is nil.
type checkpointOf struct {
	stream domain.StreamID
	ns     string
	id     *uuid.UUID
}

// checkpointAsked reads a request about one checkpoint.
func (s *Server) checkpointAsked(c *call) (*document.Fields, checkpointOf, error) {
	f, err := s.threadRead(c)
	if err != nil {
		return f, checkpointOf{}, err
	}
	_, stream, err := c.thread(f, "thread_id")
	if err != nil {
		return f, checkpointOf{}, err
	}
	return f, checkpointOf{stream, orRoot(namespaceIn(f)), checkpointIn(f, "checkpoint_id")}, nil
}

// threadsShown reads threads as of when the request says, and writes their values as it
// wants them. What is wrong with the request so far is said here.
func (s *Server) threadsShown(c *call, f *document.Fields) (*writer, *threads.Queries, error) {
	w, err := writerOf(f)
	if err != nil {
		return nil, nil, err
	}
	at, err := s.at(c)
	if err != nil {
		return nil, nil, err
	}
	return w, s.cfg.Threads.At(at), s.gate(c.Context())
}

// maxThreadPage is how many checkpoints a page has at most.
const maxThreadPage = 100

// listing reads what is to be listed.
func (s *Server) listing(c *call, f *document.Fields) (threads.Listing, error) {
	l := threads.Listing{
		Tenant: c.who.Tenant, NS: namespaceIn(f), ID: checkpointIn(f, "checkpoint_id"), Before: checkpointIn(f, "before"),
		Limit: maxThreadPage, Bare: !f.Flag("values", true),
	}
	if f.Has("limit") {
		l.Limit = min(f.Integer("limit", 0), maxThreadPage)
	}
	filter, cursor := f.Object("filter"), f.Text("cursor")
	if f.Err != nil {
		return l, f.Err
	}
	var err error
	if filter != nil {
		if l.Filter, err = threads.NewFilter(filter); err != nil {
			return l, document.InvalidField("filter", "filter cannot be read", "send an object of metadata to look for", err)
		}
	}
	if cursor != "" {
		if l.After, err = threads.ParseCursor(cursor); err != nil {
			return l, err
		}
	}
	l.Stream, err = s.listed(c, f)
	return l, err
}

// listed is the one thread that is listed; nil for all of the tenant. A run has its
// own alone.
func (s *Server) listed(c *call, f *document.Fields) (*domain.StreamID, error) {
	if !f.Has("thread_id") {
		if c.who.Run == nil {
			return nil, nil //nolint:nilnil // no thread is an answer
		}
		return &domain.StreamID{Tenant: c.who.Tenant, Kind: domain.KindWorkflow, ID: c.who.Workflow}, nil
	}
	_, stream, err := c.thread(f, "thread_id")
	return &stream, err
}

// tuple is a checkpoint as savers see it, its bytes as they came.
func (w *writer) tuple(t threads.Tuple) []byte {
	o := object{b: make([]byte, 0, len(t.Header)+len(t.Metadata)+512+128*(len(t.Values)+len(t.Writes)))}
	o.text("thread_id", t.Thread)
	o.text("checkpoint_ns", t.NS)
	o.text("checkpoint_id", t.ThreadTS.String())
	o.uuidOrNull("parent_checkpoint_id", t.ParentTS)
	o.raw("checkpoint", t.Header)
	o.raw("metadata", t.Metadata)
	channels := make([][]byte, len(t.Values))
	for i, v := range t.Values {
		var o object
		o.text("channel", v.Channel)
		o.raw("value", w.value(v))
		channels[i] = o.end()
	}
	o.raw("values", list(channels))
	o.raw("writes", list(w.writes(t.Writes, true)))
	if len(t.Sends) > 0 {
		o.raw("pending_sends", list(w.writes(t.Sends, false)))
	}
	o.int("number", t.Number)
	o.time("created_at", t.CreatedAt)
	return o.end()
}

func (w *writer) writes(list []stored.Write, named bool) [][]byte {
	out := make([][]byte, len(list))
	for i, one := range list {
		var o object
		o.text("task_id", one.Task)
		o.text("task_path", one.TaskPath)
		o.int("idx", int64(one.Idx))
		if named {
			o.text("channel", one.Channel)
		}
		o.raw("value", w.written(one))
		out[i] = o.end()
	}
	return out
}
