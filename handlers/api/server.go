package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/about"
	"github.com/duolog/duolog/handlers/directory/admin"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/feed"
	"github.com/duolog/duolog/handlers/quota"
	"github.com/duolog/duolog/handlers/values"
	"github.com/duolog/duolog/projections/queries/cut"
)

// Server answers the API. It is an http.Handler and safe for concurrent use.
type Server struct {
	cfg Config
	mux *http.ServeMux
	// rules say who may use the routes, which are listed as they are added.
	rules  map[string]Rule
	served []string
	// reads answers what may be large, compressed where that is worth it.
	reads http.Handler
	// bodies are those of the requests under way.
	bodies    *quota.Tenants
	followers *followers
	// recent are values of threads that came lately.
	recent *values.Recent
	// directory changes the directory.
	directory *admin.Service
}

// compressAbove is the size from which an answer is compressed.
const compressAbove = 1 << 10

// New makes a Server. It starts nothing.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.Observe == nil {
		cfg.Observe = func(string, int, time.Duration) {}
	}
	if cfg.PermissionsAt == nil {
		cfg.PermissionsAt = func(domain.Tenant, cut.At) (Permissions, bool) { return nil, false }
	}
	if cfg.OwnsAccount == nil {
		cfg.OwnsAccount = func(context.Context, domain.Tenant, string, string) (bool, error) { return false, nil }
	}
	s := &Server{cfg: cfg, mux: http.NewServeMux(), rules: Rules(), recent: values.NewRecent(recentBytes), followers: newFollowers(cfg.Limits.TenantStreams), bodies: quota.New(quota.Bounds{Bytes: cfg.Limits.TenantBytes, Rate: cfg.Limits.TenantRate, Refused: cfg.Refused})}
	s.directory = admin.New(cfg.Directory, cfg.Dispatch, cfg.Tokens, cfg.NewID)
	s.routes()
	if err := complete(s.rules, s.served); err != nil {
		return nil, err
	}
	zip, err := gzhttp.NewWrapper(gzhttp.MinSize(compressAbove), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s.reads = zip(http.HandlerFunc(s.serve))
	return s, nil
}

// Streams is how many clients follow events over a connection that stays open.
func (s *Server) Streams() int64 { return s.followers.count() }

// NewHTTPServer is an http.Server whose limits go with those of the API: bodies
// are read before the deadlines begin, and the longest answer is a long poll.
func NewHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if worthCompressing(r) {
		s.reads.ServeHTTP(w, r)
		return
	}
	s.serve(w, r)
}

// worthCompressing says whether the answer of a request is compressed where the client
// takes that. What savers read is not on its way to the same machine: there it is
// transferred in less time than it takes to compress and to decompress it.
func worthCompressing(r *http.Request) bool {
	if ofThreads(r.URL.Path) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		return err != nil || !peer.Addr().Unmap().IsLoopback()
	}
	return r.Method == http.MethodGet && !wantsSSE(r)
}

// workflowsPath is where the Duo Workflow API has them.
const workflowsPath = feed.WorkflowsPath

func (s *Server) routes() {
	limits := s.cfg.Limits
	agent, other, long := limits.AgentTime, limits.OtherTime, limits.OtherTime+maxWait*time.Second
	const one = workflowsPath + "/{id}"
	s.route("POST "+workflowsPath, other, s.createWorkflow)
	s.route("GET "+workflowsPath, other, s.listWorkflows)
	s.route("GET "+workflowsPath+"/agent_privileges", other, s.listPrivileges)
	s.route("GET "+one, other, s.getWorkflow)
	s.route("PATCH "+one, agent, s.updateStatus)
	s.route("POST "+one+"/resume", agent, s.resumeWorkflow)
	s.route("POST "+one+"/checkpoints", agent, s.saveCheckpoint)
	s.route("GET "+one+"/checkpoints", other, s.listCheckpoints)
	s.route("GET "+one+"/checkpoints/by_thread_ts", other, s.getCheckpointByThreadTS)
	s.route("GET "+one+"/checkpoints/{checkpoint_id}", other, s.getCheckpoint)
	s.route("POST "+one+"/checkpoint_writes_batch", agent, s.recordWrites)
	s.route("POST "+one+"/tool_calls", agent, s.askForTool)
	s.route("POST "+one+"/fork", agent, s.forkWorkflow)
	s.route("POST "+one+"/branch", agent, s.branchWorkflow)
	s.route("GET "+one+"/fork_preview", other, s.previewFork)
	s.route("GET "+one+"/export", other, s.exportWorkflow)
	s.route("POST /v1/workflows/import", importTime, s.importWorkflow)
	s.route("POST "+one+"/events", agent, s.queueEvent)
	s.route("GET "+one+"/events", other, s.listEvents)
	s.route("PUT "+one+"/events/{event_id}", agent, s.markEvent)
	s.route("GET "+one+"/as_of", other, s.getMoment)
	s.route("GET "+one+"/diff", other, s.getDifference)
	s.route("GET "+one+"/timeline", long, s.getTimeline)
	s.route("GET "+one+"/timeline/{position}/{index}", other, s.getTimelineEvent)
	s.route("GET /v1/events", other, s.getEvents)
	s.route("GET /v1/flows", other, s.listFlows)
	s.route("GET /v1/flows/{reference}", other, s.getFlow)
	s.route("GET /v1/flows/{reference}/resolve", other, s.resolveFlow)
	s.route("POST /v1/messages", other, s.sendMessage)
	s.route("GET /v1/conversations/{id}", long, s.getConversation)
	s.route("POST /v1/conversations/{id}/retry", other, s.retryMessage)
	s.deliveryRoutes(other, agent)
	s.directoryRoutes(other)
	s.threadRoutes()
	s.open("POST /v1/gitlab/hooks", other, s.takeGitLab)
	s.tokenRoutes(other)
	s.route("GET /v1/access/explain", other, s.explainAccess)
	s.open("GET /schemas/{path...}", other, s.getSchema)
	s.open("GET /healthz", other, s.healthz)
	s.open("GET /readyz", other, s.readyz)
	s.handle("GET /metrics", s.cfg.Metrics.ServeHTTP)
}

// endpoint answers one kind of request.
type endpoint func(*call) (answer, error)

// route adds an endpoint for those who are known.
func (s *Server) route(pattern string, limit time.Duration, serve endpoint) {
	s.open(pattern, limit, func(c *call) (answer, error) {
		var err error
		if c.who, err = s.authenticate(c.Request); err != nil {
			return answer{}, err
		}
		if err := s.admit(c, s.rules[pattern]); err != nil {
			return answer{}, err
		}
		return serve(c)
	})
}

// open adds an endpoint for everybody.
func (s *Server) open(pattern string, limit time.Duration, serve endpoint) {
	s.handle(pattern, func(w http.ResponseWriter, r *http.Request) {
		began := s.cfg.Now()
		ctx, done := s.begin(r, pattern)
		limited, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		c := &call{Request: r.WithContext(limited), w: w}
		defer c.end()
		out, err := try(serve, c)
		if err != nil {
			s.leaveBody(c)
			out = refuse(w, r, err)
		}
		write(w, out)
		s.report(ctx, r, pattern, out.status, began, err)
		done(out.status, err)
		if out.rest != nil {
			s.writeRest(ctx, w, out.rest)
		}
		if out.follow != nil {
			defer out.leave()
			s.streamTo(ctx, w, out.follow)
		}
	})
}

// serve finds the endpoint. What has none is refused in the same shape as
// everything else.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	r.Header.Set(requestIDHeader, s.requestID(r))
	w.Header().Set(requestIDHeader, r.Header.Get(requestIDHeader))
	if ofThreads(r.URL.Path) {
		w.Header().Set(threadsHeader, threadsVersion)
	}
	began := s.cfg.Now()
	m := &match{ResponseWriter: w}
	if path.Clean(r.URL.Path) == r.URL.Path {
		s.mux.ServeHTTP(m, r)
	}
	if m.found {
		return
	}
	s.leaveBody(&call{Request: r, w: w})
	err := m.refusal(r)
	out := refuse(w, r, err)
	write(w, out)
	ctx, _ := about.Begin(r.Context(), r.Header.Get(requestIDHeader))
	s.report(ctx, r, "", out.status, began, err)
}

// handle adds a handler to the mux, which knows it by a match.
func (s *Server) handle(pattern string, h http.HandlerFunc) {
	s.served = append(s.served, pattern)
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		m, ok := w.(*match)
		if !ok {
			panic("a handler of the API without a match")
		}
		m.found = true
		h(m.ResponseWriter, r)
	})
}

// match is what the mux writes to: a handler it finds answers through what is in
// it. Of what the mux answers by itself the status alone is kept.
type match struct {
	http.ResponseWriter

	found  bool
	header http.Header
	status int
}

func (m *match) Write(b []byte) (int, error) { return len(b), nil }
func (m *match) WriteHeader(status int)      { m.status = status }

func (m *match) Header() http.Header {
	if m.header == nil {
		m.header = http.Header{}
	}
	return m.header
}

// refusal says whether path or method is unknown.
func (m *match) refusal(r *http.Request) error {
	if m.status != http.StatusMethodNotAllowed {
		return notFound("endpoint", "check the path; schemas/openapi.yaml lists them all")
	}
	allow := m.Header().Get("Allow")
	m.ResponseWriter.Header().Set("Allow", allow)
	return &domain.Error{Code: codeMethod, Message: "this path does not take " + r.Method, Fix: "use " + allow}
}

// try runs an endpoint and turns a panic into an error: it is logged once, with
// where it happened, and the client gets an internal error.
func try(serve endpoint, c *call) (out answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if _, err := url.ParseQuery(c.URL.RawQuery); err != nil {
		return answer{}, document.InvalidField("query", "the query of the URL cannot be read", "escape it", err)
	}
	return serve(c)
}

// refuse makes the answer of an error.
func refuse(w http.ResponseWriter, r *http.Request, err error) answer {
	e := refusalOf(err)
	if after := retryAfter(e.Code); after != "" {
		w.Header().Set("Retry-After", after)
	}
	if statusOf(e.Code) == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	return answer{status: statusOf(e.Code), body: errorBody(e, r.Header.Get(requestIDHeader))}
}

func write(w http.ResponseWriter, out answer) {
	w.Header().Set("Content-Type", "application/json")
	maps.Copy(w.Header(), out.header)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if len(out.tail) > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(out.body)+sizeOfAll(out.tail)))
	}
	w.WriteHeader(out.status)
	writeParts(w, append([][]byte{out.body}, out.tail...))
}

// writeParts writes small parts together, since each would wake the client.
func writeParts(w http.ResponseWriter, parts [][]byte) {
	for len(parts) > 0 {
		n, size := 1, len(parts[0])
		for n < len(parts) && size+len(parts[n]) <= writtenAtOnce {
			size += len(parts[n])
			n++
		}
		piece := parts[0]
		if n > 1 {
			piece = bytes.Join(parts[:n], nil)
		}
		_, _ = w.Write(piece) // the client is gone: there is nobody to tell
		parts = parts[n:]
	}
}

// writtenAtOnce is how much of an answer in parts is put together.
const writtenAtOnce = 2 << 20

func sizeOfAll(parts [][]byte) int {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	return n
}

// report logs and counts an answered request, once.
func (s *Server) report(ctx context.Context, r *http.Request, route string, status int, began time.Time, err error) {
	took := s.cfg.Now().Sub(began)
	s.cfg.Observe(route, status, took)
	level := slog.LevelDebug
	switch {
	case status == http.StatusServiceUnavailable && errors.Is(ctx.Err(), context.Canceled):
	case status == http.StatusServiceUnavailable:
		level = slog.LevelWarn
	case status >= http.StatusInternalServerError:
		level = slog.LevelError
	}
	if !s.cfg.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("status", status), slog.Float64("took_seconds", took.Seconds()),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.cfg.Logger.LogAttrs(ctx, level, "request answered", attrs...)
}

const requestIDHeader = "X-Request-Id"

// requestID is the client's own id where it is a plain one.
func (s *Server) requestID(r *http.Request) string {
	id := r.Header.Get(requestIDHeader)
	plain := !strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' })
	if id == "" || len(id) > 128 || !plain {
		return s.cfg.NewID().String()
	}
	return id
}
