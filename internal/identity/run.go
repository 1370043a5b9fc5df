package identity

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/internal/keystore"
)

// Audience is who the tokens of runs are for.
const Audience = "duolog"

const (
	// RunLife is how long the token of a run works before it has to be renewed: with
	// what clocks may differ less than an hour.
	RunLife = 55 * time.Minute
	// renewGrace is how long after that it may still be renewed, and nothing else: an
	// agent that waits for a model does not look at the clock.
	renewGrace = 10 * time.Minute
)

// Run is what the token of a run is bound to.
type Run struct {
	Tenant         domain.Tenant
	Workflow       uuid.UUID
	ID             uuid.UUID
	Epoch          int
	User           string
	ServiceAccount string
	// Engine is where the run is executed: the token is for it as well.
	Engine string
}

// Runs makes and checks the tokens of runs.
type Runs struct {
	Keys *keystore.Store
	// Issuer is the public address of this deployment.
	Issuer string
	Now    func() time.Time
}

// claims are what such a token says. The human is sub, the service account that acts
// for them act.sub.
type claims struct {
	jwt.Claims

	Actor    *actor        `json:"act,omitempty"`
	Scope    access.Scope  `json:"scope"`
	Workflow uuid.UUID     `json:"wid"`
	Run      uuid.UUID     `json:"run"`
	Epoch    int           `json:"epoch"`
	Tenant   domain.Tenant `json:"tenant"`
}

type actor struct {
	Subject string `json:"sub"`
}

// Mint makes the token of a run and says when it expires.
func (r Runs) Mint(ctx context.Context, run Run) (string, time.Time, error) {
	c := claims{
		Claims: jwt.Claims{Subject: run.User, Audience: jwt.Audience{Audience}},
		Scope:  access.ScopeWrite, Workflow: run.Workflow, Run: run.ID, Epoch: run.Epoch, Tenant: run.Tenant,
	}
	if run.Engine != "" {
		c.Audience = append(c.Audience, run.Engine)
	}
	if run.ServiceAccount != "" {
		c.Actor = &actor{Subject: run.ServiceAccount}
	}
	return r.sign(ctx, c)
}

// Renew makes a fresh token of one that still works, or did until a moment ago.
// Whether the run lives is for the caller to ask.
func (r Runs) Renew(ctx context.Context, bearer string) (entry.Renewal, error) {
	c, err := r.renewable(bearer)
	if err != nil {
		return entry.Renewal{}, err
	}
	token, expires, err := r.sign(ctx, c)
	return entry.Renewal{Caller: c.caller(), Token: token, Expires: expires}, err
}

func (r Runs) renewable(bearer string) (claims, error) {
	notRun := &domain.Error{Code: domain.CodeForbidden, Message: "only the token of a run is renewed", Fix: "make a person's token anew: duolog token create"}
	if !signed(bearer) {
		return claims{}, notRun
	}
	token, err := parse(bearer)
	if err != nil {
		return claims{}, err
	}
	key, ours, err := r.Keys.FindSigningKey(token.Headers[0].KeyID)
	if err != nil {
		return claims{}, err
	}
	if !ours {
		return claims{}, notRun
	}
	return r.read(token, key, renewGrace)
}

// caller is who shows a token that one of our keys has signed.
func (r Runs) caller(token *jwt.JSONWebToken, key keystore.SigningKey) (entry.Caller, error) {
	c, err := r.read(token, key, 0)
	return c.caller(), err
}

// read checks a token. Only the nodes of this deployment have the key, so that the
// issuer, under whatever address a node is known, says nothing more.
func (r Runs) read(token *jwt.JSONWebToken, key keystore.SigningKey, grace time.Duration) (claims, error) {
	var c claims
	if err := token.Claims(key.Private().Public(), &c); err != nil {
		return claims{}, invalid("the signature of the token does not fit", err)
	}
	fix := "renew it before it expires, with POST /v1/token/renew; later the run has to be resumed"
	if err := check(c.Claims, jwt.Expected{Time: r.Now()}, Audience, leeway+grace, fix); err != nil {
		return claims{}, err
	}
	if c.Workflow == uuid.Nil || c.Run == uuid.Nil || !c.Tenant.Valid() {
		return claims{}, invalid("the token is not that of a run", nil)
	}
	return c, nil
}

func (r Runs) sign(ctx context.Context, c claims) (string, time.Time, error) {
	key, err := r.Keys.SigningKey(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	now := r.Now().UTC().Truncate(time.Second)
	expires := now.Add(RunLife)
	c.Issuer, c.ID = r.Issuer, uuid.NewString()
	c.IssuedAt, c.Expiry = jwt.NewNumericDate(now), jwt.NewNumericDate(expires)
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: key.Private(), KeyID: key.ID}},
		(&jose.SignerOptions{}).WithType("JWT"),
	)
	if err != nil {
		return "", expires, fmt.Errorf("sign with key %s: %w", key.ID, err)
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		return "", expires, fmt.Errorf("sign the token of run %s: %w", c.Run, err)
	}
	return token, expires, nil
}

func (c claims) caller() entry.Caller {
	out := entry.Caller{Tenant: c.Tenant, User: c.Subject, Workflow: c.Workflow, Scope: c.Scope}
	if c.Run != uuid.Nil {
		out.Run = &domain.RunRef{ID: c.Run, Epoch: c.Epoch}
	}
	if c.Actor != nil {
		out.ServiceAccount = c.Actor.Subject
	}
	return out
}

// KeySet is what others check the tokens of runs with: the public halves of the keys
// that are believed.
func (r Runs) KeySet(ctx context.Context) ([]byte, error) {
	if _, err := r.Keys.SigningKey(ctx); err != nil {
		return nil, err
	}
	keys, err := r.Keys.SigningKeys()
	if err != nil {
		return nil, err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		public, ok := k.Private().Public().(ed25519.PublicKey)
		if !ok {
			continue
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: k.ID, Algorithm: string(jose.EdDSA), Use: "sig"})
	}
	return json.Marshal(set)
}
