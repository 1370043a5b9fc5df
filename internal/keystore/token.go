package keystore

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
)

// Kind says whom a token stands for.
type Kind string

// KindUser is a person's, or a service's, own token.
const KindUser Kind = "user"

// kindRun is what earlier versions wrote for a run. Their lines are passed over:
// the tokens of runs are signed, and stand nowhere.
const kindRun Kind = "run"

// Token is what is known of a secret. It holds nothing that opens a door.
type Token struct {
	// ID names the token to revoke it; Add gives one.
	ID     uuid.UUID     `json:"id"`
	Kind   Kind          `json:"kind"`
	Tenant domain.Tenant `json:"tenant"`
	// User is whom the token stands for.
	User           string `json:"user,omitempty"`
	ServiceAccount string `json:"service_account,omitempty"`
	// Scope is how much of what the user may do the token carries; empty is all
	// of a member.
	Scope access.Scope `json:"scope,omitempty"`
	// Name is what the token is for, in its owner's words.
	Name string `json:"name,omitempty"`
	// CreatedAt is set by Add.
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when the token stops to work; zero is never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Revoked says that the token was taken back.
	Revoked bool `json:"revoked,omitempty"`
}

// maxName bounds the name of a token, in bytes.
const maxName = 128

// Validate says which field makes the token useless.
func (t Token) Validate() error {
	switch {
	case !t.Tenant.Valid():
		return domain.InvalidField("tenant", "the token names no valid tenant", "use the name of a tenant of the configuration")
	case t.Kind != KindUser:
		return domain.InvalidField("kind", "a token of the keystore is a user's", "use user")
	case t.User == "" && t.ServiceAccount == "":
		return domain.InvalidField("user", "the token stands for nobody", "name the user or the service account")
	}
	if err := domain.CheckText("name", t.Name, maxName); err != nil {
		return err
	}
	return t.Scope.Check()
}

func (t Token) expired(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// usable is the refusal of a token that is known and does not work any more.
func (t Token) usable(now time.Time) error {
	switch {
	case t.Revoked:
		return refused(domain.CodeTokenRevoked, "the token was revoked")
	case t.expired(now):
		return refused(domain.CodeTokenExpired, "the token has expired")
	}
	return nil
}

func refused(code domain.Code, message string) *domain.Error {
	return &domain.Error{Code: code, Message: message, Fix: "ask for a new token, or make one with duolog token create"}
}
