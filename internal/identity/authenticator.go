package identity

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/internal/keystore"
)

// leeway is how much clocks may differ.
const leeway = time.Minute

// Authenticator tells who a bearer token belongs to. It is safe for concurrent use.
type Authenticator struct {
	Keys *keystore.Store
	Runs Runs
	// Providers are the company's own, by issuer; nil for none.
	Providers Providers
}

// Authenticate returns a *domain.Error for a token that lets nobody in.
func (a Authenticator) Authenticate(ctx context.Context, bearer string) (entry.Caller, error) {
	if !signed(bearer) {
		t, err := a.Keys.Lookup(ctx, keystore.Secret(bearer))
		if err != nil {
			return entry.Caller{}, err
		}
		return entry.Caller{Tenant: t.Tenant, User: cmp.Or(t.User, t.ServiceAccount), Scope: t.Scope}, nil
	}
	token, err := parse(bearer)
	if err != nil {
		return entry.Caller{}, err
	}
	key, ours, err := a.Keys.FindSigningKey(token.Headers[0].KeyID)
	if err != nil {
		return entry.Caller{}, err
	}
	if ours {
		return a.Runs.caller(token, key)
	}
	return a.Providers.caller(ctx, token)
}

// signed says whether a token looks like a JWT: three parts, and a header that begins
// as JSON does. Those of the keystore have no dots.
func signed(bearer string) bool {
	return strings.HasPrefix(bearer, "ey") && strings.Count(bearer, ".") == 2
}

// algorithms are the signatures that are taken: none that a public key could be
// misused for, and never "none".
func algorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.EdDSA, jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512}
}

func parse(bearer string) (*jwt.JSONWebToken, error) {
	token, err := jwt.ParseSigned(bearer, algorithms())
	if err != nil {
		return nil, invalid("the token is no signed JWT that is taken here: "+err.Error(), err)
	}
	return token, nil
}

// check holds what any signed token says of its audience and its times to what it
// must.
func check(c jwt.Claims, want jwt.Expected, audience string, leeway time.Duration, fix string) error {
	if !c.Audience.Contains(audience) {
		return wrongAudience(c.Audience, audience)
	}
	err := c.ValidateWithLeeway(want, leeway)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return &domain.Error{Code: domain.CodeTokenExpired, Message: "the token has expired", Fix: fix, Err: err}
	case err != nil:
		return invalid("the token is not valid yet: the clock of who made it is ahead", err)
	case c.Expiry == nil:
		return invalid("the token never expires", nil)
	}
	return nil
}

func invalid(message string, err error) error {
	return &domain.Error{Code: domain.CodeTokenInvalid, Message: message, Fix: "send the token as it was issued, or get another", Err: err}
}

func wrongAudience(got []string, want string) error {
	return &domain.Error{
		Code: domain.CodeWrongAudience, Message: "the token is for " + strings.Join(quoted(got), ", ") + ", not for " + want,
		Fix: "get a token whose audience is " + want,
	}
}

func quoted(list []string) []string {
	if len(list) == 0 {
		return []string{"nobody"}
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = `"` + strings.ToValidUTF8(s[:min(len(s), 80)], "") + `"`
	}
	return out
}
