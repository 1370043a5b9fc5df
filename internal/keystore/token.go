package keystore

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// Kind says whom a token stands for.
type Kind string

// The kinds of token.
const (
	// KindUser is a person's, or a service's, own token.
	KindUser Kind = "user"
	// KindRun is the token of one run of a workflow, bound to its epoch.
	KindRun Kind = "run"
)

// Token is what is known of a secret. It holds nothing that opens a door.
type Token struct {
	// ID names the token to revoke it; Add gives one.
	ID     uuid.UUID     `json:"id"`
	Kind   Kind          `json:"kind"`
	Tenant domain.Tenant `json:"tenant"`
	// User is the human the work is done for.
	User           string `json:"user,omitempty"`
	ServiceAccount string `json:"service_account,omitempty"`
	// Workflow, Run and Epoch bind a run's token to one execution.
	Workflow uuid.UUID `json:"workflow,omitzero"`
	Run      uuid.UUID `json:"run,omitzero"`
	Epoch    int       `json:"epoch,omitempty"`
	// CreatedAt is set by Add.
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is when the token stops to work; zero is never. A run's token
	// must have one, so that the file does not grow for ever.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// Revoked says that the token was taken back.
	Revoked bool `json:"revoked,omitempty"`
}

// Principal is who acts with the token.
func (t Token) Principal() domain.Principal {
	p := domain.Principal{User: t.User, ServiceAccount: t.ServiceAccount}
	if t.Kind == KindRun {
		p.Run = &domain.RunRef{ID: t.Run, Epoch: t.Epoch}
	}
	return p
}

// Validate says which field makes the token useless or too strong.
func (t Token) Validate() error {
	bound := t.Workflow != uuid.Nil && t.Run != uuid.Nil && t.Epoch > 0
	free := t.Workflow == uuid.Nil && t.Run == uuid.Nil && t.Epoch == 0
	switch {
	case !t.Tenant.Valid():
		return domain.InvalidField("tenant", "the token names no valid tenant", "use the name of a tenant of the configuration")
	case t.Kind != KindUser && t.Kind != KindRun:
		return domain.InvalidField("kind", "a token is a user's or a run's", "use user or run")
	case t.Kind == KindUser && t.User == "" && t.ServiceAccount == "":
		return domain.InvalidField("user", "the token stands for nobody", "name the user or the service account")
	case t.Kind == KindUser && !free:
		return domain.InvalidField("run", "a user's token is bound to no run", "leave workflow, run and epoch out")
	case t.Kind == KindRun && !bound:
		return domain.InvalidField("run", "a run's token names its workflow, run and epoch", "set all three")
	case t.Kind == KindRun && t.ExpiresAt.IsZero():
		return domain.InvalidField("expires_at", "a run's token has to expire", "set the time after which the run is over for sure")
	}
	return nil
}

func (t Token) expired(now time.Time) bool {
	return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt)
}

// usable is the refusal of a token that is known and does not work any more.
func (t Token) usable(now time.Time) error {
	switch {
	case t.Revoked:
		return unauthenticated("the token was revoked")
	case t.expired(now):
		return unauthenticated("the token has expired")
	}
	return nil
}

func unauthenticated(message string) *domain.Error {
	return &domain.Error{Code: domain.CodeUnauthenticated, Message: message, Fix: "ask for a new token"}
}
