package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/internal/keystore"
)

// authenticator knows callers by the tokens of the keystore.
type authenticator struct{ keys *keystore.Store }

func (a authenticator) Authenticate(ctx context.Context, bearer string) (entry.Caller, error) {
	t, err := a.keys.Lookup(ctx, keystore.Secret(bearer))
	if err != nil {
		return entry.Caller{}, err
	}
	return entry.Caller{Tenant: t.Tenant, User: t.User, Run: t.Principal().Run, Workflow: t.Workflow}, nil
}

// runTokenLife is how long a run may call back with its token.
const runTokenLife = 24 * time.Hour

// minter makes the tokens of runs.
type minter struct {
	keys *keystore.Store
	now  func() time.Time
}

func (m minter) Mint(ctx context.Context, t effects.Token) (string, error) {
	secret, err := m.keys.Add(ctx, keystore.Token{
		Kind: keystore.KindRun, Tenant: t.Tenant, User: t.User, ServiceAccount: t.ServiceAccount,
		Workflow: t.Workflow, Run: t.Run, Epoch: t.Epoch, ExpiresAt: m.now().Add(runTokenLife),
	})
	return secret.Reveal(), err
}

// declare makes the tokens of the configuration known; their secrets stay where
// they are.
func declare(keys *keystore.Store, tokens config.Tokens) error {
	for i, t := range tokens {
		hash, err := hashOf(t)
		if err != nil {
			return problem{fmt.Sprintf("tokens[%d] of %s: %v", i, t.User, err), "see duolog serve --help and the example configuration"}
		}
		err = keys.Declare(hash, keystore.Token{Kind: keystore.KindUser, Tenant: t.Tenant, User: t.User, ServiceAccount: t.ServiceAccount})
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
type tenants struct{ list config.Tenants }

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
		Engine: found.Engine, Flow: found.Flow,
		ResolveFlow: func(reference string) (workflow.Flow, error) { return resolveFlow(found, reference) },
	}, nil
}

func container(c workflow.Container) *workflow.Container {
	if c.Path == "" {
		return nil
	}
	return &c
}

// resolveFlow pins the version of a flow of the tenant's list.
func resolveFlow(t config.Tenant, reference string) (workflow.Flow, error) {
	if reference == "" || reference == t.Flow.Definition {
		return t.Flow, nil
	}
	if !slices.Contains(t.Flows, reference) {
		return workflow.Flow{}, &domain.Error{
			Code: domain.CodeFlowNotEnabled, Field: "workflow_definition",
			Message: fmt.Sprintf("the %s flow is not enabled in %s", reference, t.Namespace.Path),
			Fix:     "add it to the tenant's flows, or ask for one of them",
		}
	}
	return workflow.Flow{Definition: reference}, nil
}
