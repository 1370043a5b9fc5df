package fakegitlab

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
)

// handle answers a call with what becomes JSON, or an error.
type handle func(c *call) (any, error)

// route is one line of the table below.
type route struct {
	pattern string
	handle  handle
	// git routes run programs and lock the state themselves.
	git bool
	// open routes need no token of the API.
	open bool
}

const api = "/api/v4"

// routes is all of GitLab's API that there is.
func routes() []route {
	var all []route
	for _, some := range [][]route{accountRoutes(), containerRoutes(), memberRoutes(), repositoryRoutes(), pipelineRoutes(), talkRoutes(), hookRoutes(), oauthRoutes(), faultRoutes(), runnerRoutes()} {
		all = append(all, some...)
	}
	return all
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.Handle(r.pattern, s.endpoint(r))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if g, ok := parseGit(r); ok {
			s.serveGit(w, r, g)
			return
		}
		if s.pipelinePage(w, r) {
			return
		}
		s.answer(w, http.StatusNotFound, map[string]any{"error": "404 Not Found"})
	})
	return s.faulty(mux)
}

// endpoint is a route for requests: who calls, the call, the answer.
func (s *Server) endpoint(r route) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		c := &call{Request: request, s: s, w: w, now: s.now(), status: http.StatusOK}
		value, err := c.do(r)
		var refused *refusal
		switch {
		case errors.As(err, &refused):
			s.answer(w, refused.status, refused.body)
		case err != nil:
			s.cfg.Logger.ErrorContext(request.Context(), "fake GitLab: request failed",
				slog.String("method", request.Method), slog.String("path", request.URL.Path), slog.Any("error", err))
			s.answer(w, http.StatusInternalServerError, map[string]any{"message": "500 Internal Server Error"})
		case value == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			s.answer(w, c.status, value)
		}
	}
}

func (c *call) do(r route) (any, error) {
	if err := c.readParams(); err != nil {
		return nil, err
	}
	if !r.open {
		if err := c.locked(c.authenticate); err != nil {
			return nil, err
		}
	}
	if r.git {
		return r.handle(c)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	value, err := r.handle(c)
	if err == nil && c.Method != http.MethodGet {
		c.s.touched()
	}
	return value, err
}

// raw is an answer that is no JSON.
type raw []byte

func (s *Server) answer(w http.ResponseWriter, status int, value any) {
	if text, ok := value.(raw); ok {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = w.Write(text) // the caller is gone, or has it
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the caller is gone, or has it
}
