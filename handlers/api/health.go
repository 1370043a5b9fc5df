package api

import (
	"errors"
	"net/http"

	"github.com/duolog/duolog/domain"
)

// healthz says that the process serves.
func (s *Server) healthz(*call) (answer, error) { return ok([]byte(`{"status":"ok"}`)), nil }

// readyz says whether this node can do its work, and why not.
func (s *Server) readyz(c *call) (answer, error) {
	err := s.cfg.Ready(c.Context())
	if err == nil {
		var o object
		o.text("status", "ready")
		if s.cfg.ReadOnly != "" {
			o.text("read_only", s.cfg.ReadOnly)
		}
		return ok(o.end()), nil
	}
	reason, is := errors.AsType[*domain.Error](err)
	if !is {
		reason = &domain.Error{Code: domain.CodeNotNow, Message: err.Error(), Fix: "duolog doctor says what to do"}
	}
	return answer{
		status: http.StatusServiceUnavailable, header: http.Header{"Retry-After": {"1"}},
		body: errorBody(reason, c.Header.Get(requestIDHeader)),
	}, nil
}
