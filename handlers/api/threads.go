package api

import (
	"mime"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/values"
)

// threadsPath is where LangGraph's savers find their threads. The header is on each
// answer below it: a saver that finds another number, or none, talks to a server that
// it does not know.
const (
	threadsPath    = "/v1/threads/"
	threadsHeader  = "Duolog-Threads"
	threadsVersion = "1"
)

// threadRoutes adds what savers use. Threads are named in the body: their ids may be
// any text.
func (s *Server) threadRoutes() {
	limits := s.cfg.Limits
	s.threadReads(limits.OtherTime)
	s.route("POST "+threadsPath+"write", limits.AgentTime, s.writeThread)
	s.route("POST "+threadsPath+"delete", limits.AgentTime, s.deleteThread)
	s.route("POST "+threadsPath+"prune", limits.AgentTime, s.pruneThreads)
	s.route("POST "+threadsPath+"delete_runs", limits.AgentTime, s.deleteRuns)
	s.route("POST "+threadsPath+"copy", limits.AgentTime, s.copyThread)
	s.route("POST "+threadsPath+"retention", limits.AgentTime, s.setRetention)
}

// ofThreads says whether a path is one of the threads'.
func ofThreads(path string) bool { return strings.HasPrefix(path, threadsPath) }

// threadBody reads the body of a request about threads: its members, and the bytes of
// the values that they name.
func (s *Server) threadBody(c *call) (values.Body, *document.Fields, error) {
	raw, err := s.admitted(c, s.cfg.Limits.MaxBody)
	if err != nil {
		return values.Body{}, nil, err
	}
	body := values.Body{Head: raw}
	if kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type")); err == nil && kind == values.ContentType {
		body = values.Split(raw)
	}
	doc, err := document.Parse(body.Head, s.cfg.Limits.MaxDepth)
	return body, &document.Fields{Doc: doc}, err
}

// thread is the stream of the thread that a member names. For a run there is none but
// its own.
func (c *call) thread(f *document.Fields, name string) (thread string, stream domain.StreamID, err error) {
	if thread = f.Text(name); f.Err != nil {
		return thread, stream, f.Err
	}
	stream, err = c.threadNamed(name, thread)
	return thread, stream, err
}

// threadNamed is the stream of a thread; field is where its id came from.
func (c *call) threadNamed(field, thread string) (domain.StreamID, error) {
	if err := workflow.CheckThread(field, thread); err != nil {
		return domain.StreamID{}, err
	}
	stream := workflow.ThreadStream(c.who.Tenant, thread)
	if c.who.Run != nil && c.who.Workflow != stream.ID {
		return stream, noSuchThread()
	}
	about.Of(c.Context()).Touches(stream)
	return stream, nil
}

// noSuchThread is also what is said of other people's threads.
func noSuchThread() error { return notFound("thread", "check the id, and that the token is for it") }

// deleteThread answers POST threads/delete. A thread that is not there is gone.
func (s *Server) deleteThread(c *call) (answer, error) {
	_, f, err := s.threadBody(c)
	if err != nil {
		return answer{}, err
	}
	_, stream, err := c.thread(f, "thread_id")
	if err != nil {
		return answer{}, err
	}
	r, err := s.agentRequest(c, stream, &workflow.DeleteThread{}, []byte(stream.ID.String()))
	if err != nil {
		return answer{}, err
	}
	if _, err := s.do(c, r); err != nil {
		return answer{}, err
	}
	return ok([]byte(`{}`)), nil
}
