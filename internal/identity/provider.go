package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/sync/semaphore"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/handlers/entry"
)

// ProviderConfig is an identity provider whose tokens are taken.
type ProviderConfig struct {
	// Issuer is its address, as its tokens name it.
	Issuer string
	// Audience is what its tokens for Duolog are for.
	Audience string
	// Tenant is where its people belong.
	Tenant domain.Tenant
	// LoginClaim holds the login: sub, preferred_username, email.
	LoginClaim string
	// Scope is what its tokens may; empty is all of a member.
	Scope access.Scope
}

// Providers are those of a deployment, by issuer. What was learned of them is kept in
// memory.
type Providers map[string]*provider

// provider is one of them. Nothing is asked of it before the first token comes.
type provider struct {
	cfg  ProviderConfig
	now  func() time.Time
	keys *providerKeys
}

// NewProviders makes the list. It asks nobody: a provider that is away must not keep a
// node from starting.
func NewProviders(list []ProviderConfig, now func() time.Time) Providers {
	out := Providers{}
	for _, cfg := range list {
		out[cfg.Issuer] = &provider{cfg: cfg, now: now, keys: &providerKeys{
			issuer: cfg.Issuer, now: now, client: &http.Client{Timeout: askTime}, asking: semaphore.NewWeighted(1),
		}}
	}
	return out
}

// caller is who a token of a provider stands for.
func (p Providers) caller(ctx context.Context, token *jwt.JSONWebToken) (entry.Caller, error) {
	var said jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&said); err != nil {
		return entry.Caller{}, invalid("the claims of the token cannot be read", err)
	}
	known, ok := p[said.Issuer]
	if !ok {
		return entry.Caller{}, &domain.Error{
			Code: domain.CodeUnknownIssuer, Message: fmt.Sprintf("tokens of the issuer %.120q are not taken here", said.Issuer),
			Fix: "use a token of Duolog, or add the issuer to oidc in the configuration; a run whose token this is has to be resumed",
		}
	}
	return known.caller(ctx, token)
}

func (p *provider) caller(ctx context.Context, token *jwt.JSONWebToken) (entry.Caller, error) {
	keys, err := p.keys.find(ctx, token.Headers[0].KeyID)
	if err != nil {
		return entry.Caller{}, err
	}
	var c jwt.Claims
	var said map[string]json.RawMessage
	confirmed := slices.ContainsFunc(keys, func(k key) bool { return token.Claims(k, &c, &said) == nil })
	if !confirmed {
		return entry.Caller{}, invalid("no key of "+p.cfg.Issuer+" confirms the token", nil)
	}
	if err := check(c, jwt.Expected{Time: p.now()}, p.cfg.Audience, leeway, "sign in again"); err != nil {
		return entry.Caller{}, err
	}
	login, err := p.login(said)
	return entry.Caller{Tenant: p.cfg.Tenant, User: login, Scope: p.cfg.Scope}, err
}

// maxLogin bounds a login, in bytes.
const maxLogin = 255

// login is who the token names. An address counts only where the provider has checked
// it.
func (p *provider) login(said map[string]json.RawMessage) (string, error) {
	claim := p.cfg.LoginClaim
	var login string
	if err := json.Unmarshal(said[claim], &login); err != nil || login == "" {
		return "", invalid("the token names no login in "+claim, err)
	}
	if claim == "email" && string(said["email_verified"]) != "true" {
		return "", invalid("the provider has not verified the address in email", nil)
	}
	if err := domain.CheckText(claim, login, maxLogin); err != nil {
		return "", invalid("the login in "+claim+" cannot be one", err)
	}
	return login, nil
}
