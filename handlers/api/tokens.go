package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/entry"
)

// Tokens keeps the tokens of people. What Create returned, or Revoke ended, MUST
// outlive the process; the secret is told once and kept nowhere.
type Tokens interface {
	Create(ctx context.Context, tenant domain.Tenant, t entry.Token) (entry.Token, string, error)
	// List is oldest first, revoked and expired ones included.
	List(ctx context.Context, tenant domain.Tenant) ([]entry.Token, error)
	Revoke(ctx context.Context, id uuid.UUID) error
}

// How long a token lives that is made here.
const (
	tokenLife    = 90 * 24 * time.Hour
	maxTokenLife = 366 * 24 * time.Hour
)

func (s *Server) tokenRoutes(limit time.Duration) {
	s.route("POST /v1/tokens", limit, s.createToken)
	s.route("GET /v1/tokens", limit, s.listTokens)
	s.route("DELETE /v1/tokens/{id}", limit, s.revokeToken)
	s.open("POST /v1/token/renew", limit, s.renewToken)
	s.open("GET /.well-known/jwks.json", limit, s.getKeySet)
}

// createToken answers POST /v1/tokens. A token has at most what the one has that asks.
func (s *Server) createToken(c *call) (answer, error) {
	_, doc, err := s.document(c, maxSmallBody)
	if err != nil {
		return answer{}, err
	}
	t, err := s.newToken(c, doc)
	if err != nil {
		return answer{}, err
	}
	t, secret, err := s.cfg.Tokens.Create(c.Context(), c.who.Tenant, t)
	if err != nil {
		return answer{}, err
	}
	o := tokenOf(t)
	o.text("token", secret)
	return created(o.end()), nil
}

func (s *Server) newToken(c *call, doc document.Object) (entry.Token, error) {
	f := &document.Fields{Doc: doc}
	now := s.cfg.Now()
	t := entry.Token{
		Name: f.Text("name"), User: cmp.Or(f.Text("user"), c.who.User),
		Scope: access.Scope(cmp.Or(f.Text("scope"), string(access.ScopeWrite))),
	}
	expires := f.Text("expires_at")
	if f.Err != nil {
		return t, f.Err
	}
	if err := t.Scope.Check(); err != nil {
		return t, err
	}
	if err := c.who.Scope.Require(t.Scope); err != nil {
		return t, err
	}
	if err := s.mayManage(c, t.User); err != nil {
		return t, err
	}
	var err error
	t.ExpiresAt, err = expiryOf(expires, now)
	return t, err
}

func expiryOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.Add(tokenLife), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, document.InvalidField("expires_at", "expires_at must be a time such as 2027-01-31T10:00:00Z", "send one, or leave it out for 90 days", err)
	}
	if !at.After(now) || at.After(now.Add(maxTokenLife)) {
		return at, domain.InvalidField("expires_at", "expires_at must be in the future, and within a year", "send such a time, or leave it out for 90 days")
	}
	return at, nil
}

// mayManage refuses what is done with the tokens of another, unless by an administrator,
// or by an owner of the service account that it is.
func (s *Server) mayManage(c *call, login string) error {
	refused := c.ownOrAdmin(login)
	if refused == nil || login == allUsers {
		return refused
	}
	owns, err := s.cfg.OwnsAccount(c.Context(), c.who.Tenant, c.who.User, login)
	if err == nil && !owns {
		err = refused
	}
	return err
}

// ownOrAdmin refuses what is done with the tokens of another person.
func (c *call) ownOrAdmin(user string) error {
	if user == c.who.User {
		return nil
	}
	return c.who.Scope.Require(access.ScopeAdmin)
}

// allUsers is what asks for everybody's tokens.
const allUsers = "*"

// listTokens answers GET /v1/tokens: the caller's own, a service account's for
// its owner, or another's for an administrator.
func (s *Server) listTokens(c *call) (answer, error) {
	user, err := c.query("user")
	if err != nil {
		return answer{}, err
	}
	user = cmp.Or(user, c.who.User)
	if err := s.mayManage(c, user); err != nil {
		return answer{}, err
	}
	tokens, err := s.cfg.Tokens.List(c.Context(), c.who.Tenant)
	if err != nil {
		return answer{}, err
	}
	items := [][]byte{}
	for _, t := range tokens {
		if user == allUsers || t.User == user {
			o := tokenOf(t)
			items = append(items, o.end())
		}
	}
	return ok(list(items)), nil
}

// revokeToken answers DELETE /v1/tokens/:id. Another's is not there.
func (s *Server) revokeToken(c *call) (answer, error) {
	id, err := document.ParseUUID(c.PathValue("id"))
	if err != nil {
		return answer{}, document.InvalidField("id", fmt.Sprintf("id must be a UUID, got %.40q", c.PathValue("id")), "send the id that listing the tokens returned", err)
	}
	tokens, err := s.cfg.Tokens.List(c.Context(), c.who.Tenant)
	if err != nil {
		return answer{}, err
	}
	i := slices.IndexFunc(tokens, func(t entry.Token) bool { return t.ID == id })
	gone := notFound("token", "list yours; one that stands in the configuration is taken out there")
	if i < 0 {
		return answer{}, gone
	}
	if err := s.mayManage(c, tokens[i].User); domain.CodeOf(err) == domain.CodeScope {
		return answer{}, gone
	} else if err != nil {
		return answer{}, err
	}
	if err := s.cfg.Tokens.Revoke(c.Context(), id); err != nil {
		return answer{}, err
	}
	tokens[i].Revoked = true
	o := tokenOf(tokens[i])
	return ok(o.end()), nil
}

func tokenOf(t entry.Token) object {
	var o object
	o.text("id", t.ID.String())
	o.text("name", t.Name)
	o.text("user", t.User)
	o.text("scope", string(cmp.Or(t.Scope, access.ScopeWrite)))
	o.time("created_at", t.CreatedAt)
	if t.ExpiresAt.IsZero() {
		o.rawOrNull("expires_at", nil)
	} else {
		o.time("expires_at", t.ExpiresAt)
	}
	o.bool("revoked", t.Revoked)
	return o
}
