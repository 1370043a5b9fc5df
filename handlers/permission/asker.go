package permission

import (
	"context"
	"slices"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	source "github.com/duolog/duolog/handlers/directory"
)

// Directory is who is who, as source.Directory tells it: a login that is not there is
// not_found, and a source that cannot be asked is not_now.
type Directory interface {
	User(ctx context.Context, tenant domain.Tenant, login string) (directory.User, source.Basis, error)
	Level(ctx context.Context, tenant domain.Tenant, login, path string) (directory.Level, source.Basis, error)
	ServiceAccount(ctx context.Context, tenant domain.Tenant, path, flow string) (directory.User, source.Basis, error)
}

// Place is what holds for a flow in a project or group.
type Place struct {
	Flow access.Flow
	// Tenant is what the configuration denies to everybody, Group what the root group does.
	Tenant, Group access.Denial
}

// Places tells it.
type Places interface {
	Place(ctx context.Context, q Question) (Place, error)
}

// Question is who wants to do what where.
type Question struct {
	Tenant domain.Tenant
	User   string
	Action access.Action
	Path   string
	// Flow is the reference of the flow; empty is the one that the tenant starts where
	// nobody says otherwise.
	Flow string
	// Account is who acts for the user; empty is whoever does so there, but for what is
	// Recorded.
	Account string
	// Tool is what access.UseTool is about.
	Tool string
	// Recorded says that it is about a workflow that is there: what it was started with
	// holds. Elsewhere says that no engine here runs it, so that its flow is not ours.
	Recorded, Elsewhere bool
	// Starter says that the user's login started what it is about, which was at Began.
	Starter bool
	Began   time.Time
	Scope   access.Scope
}

// Asker gathers the facts of a decision.
type Asker struct {
	Directory Directory
	Places    Places
}

// Facts are what is known now. An error means that it could not be told: nobody is let
// through then.
func (a Asker) Facts(ctx context.Context, q Question) (access.Facts, error) {
	place, err := a.Places.Place(ctx, q)
	if err != nil {
		return access.Facts{}, err
	}
	f := access.Facts{Action: q.Action, Path: q.Path, Tool: q.Tool, Flow: place.Flow, Tenant: place.Tenant, Group: place.Group, Scope: q.Scope}
	var user directory.User
	if f.Human, user, err = a.member(ctx, q, q.User, &f.Basis); err != nil {
		return f, err
	}
	// Who has the login now may be somebody else than had it then.
	f.Starter = q.Starter && !f.Human.Gone && user.Had(q.Began)
	account, err := a.account(ctx, q, f.Flow.Reference)
	if err != nil {
		return f, err
	}
	f.Account, _, err = a.member(ctx, q, account, &f.Basis)
	return f, err
}

// account is the login that acts for the user; empty where nobody does.
func (a Asker) account(ctx context.Context, q Question, flow string) (string, error) {
	if q.Account != "" || q.Recorded {
		return q.Account, nil
	}
	account, _, err := a.Directory.ServiceAccount(ctx, q.Tenant, q.Path, flow)
	if absent(err) {
		return "", nil
	}
	return account.Login, err
}

// member is what is known of a login. One that nobody knows is no member anywhere.
func (a Asker) member(ctx context.Context, q Question, login string, basis *[]access.Basis) (m access.Member, user directory.User, err error) {
	m.Login = login
	if login == "" {
		return m, user, nil
	}
	user, of, err := a.Directory.User(ctx, q.Tenant, login)
	switch {
	case absent(err):
		m.Gone = true
		return m, user, nil
	case err != nil:
		return m, user, err
	}
	Note(basis, of)
	m.Admin, m.Blocked = user.Admin, user.Blocked
	level, of, err := a.Directory.Level(ctx, q.Tenant, login, q.Path)
	if err != nil && !absent(err) {
		return m, user, err
	}
	Note(basis, of)
	m.Level = level
	return m, user, nil
}

// absent says that there is no such login, or no such place.
func absent(err error) bool { return domain.CodeOf(err) == domain.CodeNotFound }

// Note adds a basis, each source once: facts are as old as the oldest of them.
func Note(list *[]access.Basis, of source.Basis) {
	b := access.Basis{Source: of.Source, Position: of.Position, At: of.At.UTC().Truncate(time.Microsecond)}
	i := slices.IndexFunc(*list, func(have access.Basis) bool { return have.Source == b.Source && have.Position == b.Position })
	switch {
	case i < 0:
		*list = append(*list, b)
	case b.At.Before((*list)[i].At):
		(*list)[i].At = b.At
	}
}
