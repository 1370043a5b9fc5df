package api

import (
	"context"
	"net/http"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/entry"
)

// RunTokens makes fresh tokens for runs. Renew takes a token that works, or did until
// a moment ago, and returns a *domain.Error for any other; whether the run lives is
// asked here. Keys is the JWK set that others check such tokens with.
type RunTokens interface {
	Renew(ctx context.Context, bearer string) (entry.Renewal, error)
	KeySet(ctx context.Context) ([]byte, error)
}

// renewToken answers POST /v1/token/renew, with the token itself as the one that
// counts.
func (s *Server) renewToken(c *call) (answer, error) {
	token := bearer(c.Request)
	if token == "" {
		return answer{}, noToken()
	}
	fresh, err := s.cfg.RunTokens.Renew(c.Context(), token)
	if err != nil {
		return answer{}, err
	}
	if err := s.living(c, fresh.Caller); err != nil {
		return answer{}, err
	}
	if err := s.standsBehind(c.Context(), fresh.Caller); err != nil {
		return answer{}, err
	}
	var o object
	o.text("token", fresh.Token)
	o.time("expires_at", fresh.Expires)
	return ok(o.end()), nil
}

// standsBehind refuses a run whose human is gone or blocked: it goes on for as long as
// its token does.
func (s *Server) standsBehind(ctx context.Context, run entry.Caller) error {
	if run.User == "" {
		return nil
	}
	user, _, err := s.cfg.Directories.User(ctx, run.Tenant, run.User)
	switch {
	case err != nil && domain.CodeOf(err) != domain.CodeNotFound:
		return err
	case err == nil && !user.Blocked:
		return nil
	}
	return &domain.Error{Code: domain.CodeForbidden, Message: run.User + ", whom the run acts for, is gone or blocked", Fix: "stop this agent"}
}

// getKeySet answers GET /.well-known/jwks.json.
func (s *Server) getKeySet(c *call) (answer, error) {
	set, err := s.cfg.RunTokens.KeySet(c.Context())
	out := ok(set)
	out.header = http.Header{"Content-Type": {"application/jwk-set+json"}}
	return out, err
}
