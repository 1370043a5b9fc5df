package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/internal/keystore"
)

// Book is the keystore as the API asks for it.
type Book struct{ Keys *keystore.Store }

// Create makes a token and tells its secret.
func (b Book) Create(ctx context.Context, tenant domain.Tenant, t entry.Token) (entry.Token, string, error) {
	secret, err := b.Keys.Add(ctx, keystore.Token{
		Kind: keystore.KindUser, Tenant: tenant, User: t.User, Name: t.Name, Scope: t.Scope, ExpiresAt: t.ExpiresAt,
	})
	if err != nil {
		return entry.Token{}, "", err
	}
	made, err := b.Keys.Lookup(ctx, secret)
	return tokenOf(made), secret.Reveal(), err
}

// List is what a tenant has, oldest first.
func (b Book) List(ctx context.Context, tenant domain.Tenant) ([]entry.Token, error) {
	all, err := b.Keys.Tokens(ctx)
	if err != nil {
		return nil, err
	}
	var out []entry.Token
	for _, t := range all {
		if t.Tenant == tenant {
			out = append(out, tokenOf(t))
		}
	}
	return out, nil
}

// Revoke ends a token on every node.
func (b Book) Revoke(ctx context.Context, id uuid.UUID) error { return b.Keys.Revoke(ctx, id) }

func tokenOf(t keystore.Token) entry.Token {
	return entry.Token{
		ID: t.ID, User: t.User, Name: t.Name, Scope: t.Scope, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, Revoked: t.Revoked,
	}
}
