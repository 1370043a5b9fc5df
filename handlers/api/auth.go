package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/entry"
)

// authenticate finds out who makes a request.
func (s *Server) authenticate(r *http.Request) (entry.Caller, error) {
	token := bearer(r)
	if token == "" {
		return entry.Caller{}, noToken()
	}
	return s.cfg.Auth.Authenticate(r.Context(), token)
}

func noToken() error {
	return &domain.Error{Code: domain.CodeUnauthenticated, Message: "the request has no token", Fix: "send Authorization: Bearer <token>"}
}

// bearer is the token of a request, from either header that clients use.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
		return token
	}
	return strings.TrimSpace(r.Header.Get("Private-Token"))
}

// gate holds a read back until it would show what this process has answered.
func (s *Server) gate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Limits.GateTime)
	defer cancel()
	if err := s.cfg.Gate.Ready(ctx); err != nil {
		refused := notNow("the read models are catching up with the log")
		refused.Err = err
		return refused
	}
	return nil
}
