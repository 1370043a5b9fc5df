package entry

import (
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/access"
)

// Token is what is known of a token that a person made; its secret is not.
type Token struct {
	ID    uuid.UUID
	User  string
	Name  string
	Scope access.Scope
	// ExpiresAt is zero where it never does.
	CreatedAt, ExpiresAt time.Time
	Revoked              bool
}

// Renewal is a fresh token of a run.
type Renewal struct {
	Caller  Caller
	Token   string
	Expires time.Time
}
