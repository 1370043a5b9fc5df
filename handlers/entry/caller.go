package entry

import (
	"context"
	"crypto/sha256"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/handlers/dispatch"
)

// Authenticator tells who a bearer token belongs to. It returns a domain.Error for one
// that lets nobody in: unauthenticated where it is not known.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (Caller, error)
}

// Caller is who asks for something.
type Caller struct {
	Tenant domain.Tenant
	User   string
	// Scope is how much of what they may do they ask with; empty is all of a member.
	Scope access.Scope
	// Run is set for the token of a run, which may only touch Workflow and acts as
	// ServiceAccount.
	Run            *domain.RunRef
	Workflow       uuid.UUID
	ServiceAccount string
}

// Principal is who stands behind the commands of the caller: the person, and for
// an agent the run and the service account that acts for the person.
func (c Caller) Principal(serviceAccount string) domain.Principal {
	return domain.Principal{User: c.User, ServiceAccount: serviceAccount, Run: c.Run}
}

// UserOnly refuses the tokens of runs: they may only touch their own workflow.
func (c Caller) UserOnly() error {
	if c.Run == nil {
		return nil
	}
	return &domain.Error{Code: domain.CodeForbidden, Message: "the token of a run may only touch its own workflow", Fix: "use a person's token"}
}

// RunOnly refuses everybody but a run.
func (c Caller) RunOnly() error {
	if c.Run != nil {
		return nil
	}
	return &domain.Error{Code: domain.CodeForbidden, Message: "this is for the run of a workflow alone", Fix: "use the token of a run, which its engine gives it"}
}

// CommandID is the id of what the caller's own key names. Every run of a workflow
// may repeat what the one before it sent: the keys are the person's.
func (c Caller) CommandID(key string) uuid.UUID {
	return dispatch.CommandID(c.Tenant, domain.Principal{User: c.User}, key)
}

// Named is the id of something that a command with that key makes, so that a
// repeat names the same.
func (c Caller) Named(what, key string) uuid.UUID {
	return uuid.NewSHA1(c.CommandID(key), []byte(what))
}

// Identify names the command of a request: by the caller's key, with the hash of
// what came under it, or by a new id where there is no key.
func (c Caller) Identify(r *dispatch.Request, key string, body []byte, newID func() uuid.UUID) {
	r.Scope = c.Scope
	if key == "" {
		r.CommandID, r.Fresh = newID(), true
		return
	}
	r.CommandID, r.Hash = c.CommandID(key), journal.Hash(sha256.Sum256(body))
}
