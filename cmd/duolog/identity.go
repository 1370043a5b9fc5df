package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/internal/keystore"
)

// minter makes the tokens of runs.
type minter struct{ runs identity.Runs }

func (m minter) Mint(ctx context.Context, t effects.Token) (string, error) {
	token, _, err := m.runs.Mint(ctx, identity.Run{
		Tenant: t.Tenant, Workflow: t.Workflow, ID: t.Run, Epoch: t.Epoch, User: t.User, ServiceAccount: t.ServiceAccount, Engine: t.Engine,
	})
	return token, err
}

// callers is who knows the tokens that are shown.
func callers(keys *keystore.Store, providers config.Providers, url string, now func() time.Time) identity.Authenticator {
	list := make([]identity.ProviderConfig, len(providers))
	for i, p := range providers {
		list[i] = identity.ProviderConfig{Issuer: p.Issuer, Audience: p.Audience, Tenant: p.Tenant, LoginClaim: p.LoginClaim, Scope: p.Scope}
	}
	return identity.Authenticator{
		Keys: keys, Runs: identity.Runs{Keys: keys, Issuer: url, Now: now}, Providers: identity.NewProviders(list, now),
	}
}

// declare makes the tokens of the configuration known; their secrets stay where
// they are.
func declare(keys *keystore.Store, tokens config.Tokens) error {
	for i, t := range tokens {
		hash, err := hashOf(t)
		if err != nil {
			return problem{fmt.Sprintf("tokens[%d] of %s: %v", i, t.User, err), "see duolog serve --help and the example configuration"}
		}
		err = keys.Declare(hash, keystore.Token{Kind: keystore.KindUser, Tenant: t.Tenant, User: t.User, ServiceAccount: t.ServiceAccount, Scope: t.Scope})
		if err != nil {
			return fmt.Errorf("tokens[%d] of %s: %w", i, t.User, err)
		}
	}
	return nil
}

func hashOf(t config.Token) (hash [32]byte, err error) {
	if t.TokenFile != "" {
		secret, err := keystore.ReadSecretFile(t.TokenFile)
		return secret.Hash(), err
	}
	b, err := hex.DecodeString(t.SHA256)
	if err != nil || len(b) != len(hash) {
		return hash, fmt.Errorf("sha256 is not 64 hexadecimal digits")
	}
	return [32]byte(b), nil
}

// tenants are the tenants of the configuration, as the handlers ask for them.
type tenants struct {
	list    config.Tenants
	catalog flow.Catalog
	// gitlab says that the engine gitlab is configured.
	gitlab bool
}

func (t tenants) find(name domain.Tenant) (config.Tenant, error) {
	found, ok := t.list.Find(name)
	if !ok {
		return found, &domain.Error{Code: domain.CodeNamespaceMissing, Message: fmt.Sprintf("No default Duo namespace configured for tenant %q", name), Fix: "add the tenant to the configuration"}
	}
	return found, nil
}

func (t tenants) allowRunless(name domain.Tenant) bool {
	found, ok := t.list.Find(name)
	return ok && found.AllowRunless
}

func (t tenants) fenceWriters(name domain.Tenant) bool {
	found, _ := t.list.Find(name)
	return found.Threads.Writers == config.WritersFence
}

// Tenant is what the API needs to know.
func (t tenants) Tenant(_ context.Context, name domain.Tenant) (entry.Tenant, error) {
	found, err := t.find(name)
	if err != nil {
		return entry.Tenant{}, err
	}
	return entry.Tenant{
		Namespace: container(found.Namespace), Project: container(found.Project), ServiceAccount: found.ServiceAccount,
		Engine: found.Engine,
	}, nil
}

func container(c workflow.Container) *workflow.Container {
	if c.Path == "" {
		return nil
	}
	return &c
}
