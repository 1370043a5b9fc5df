// Package directory is where handlers ask who is who and what is switched on.
// There is one question and several places that can answer it: the
// configuration, Duolog's own directory, a GitLab instance.
package directory

import (
	"context"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
)

// Directory answers as of now. What is not there, or not visible, is a
// *domain.Error with not_found; a source that cannot be asked is not_now with
// what is wrong with it. Every answer says in Basis how fresh it is.
type Directory interface {
	// User finds a person or a service account by login.
	User(ctx context.Context, tenant domain.Tenant, login string) (directory.User, Basis, error)
	// Container finds a group or project by its path or, in decimal digits, its number.
	Container(ctx context.Context, tenant domain.Tenant, ref string) (directory.Container, Basis, error)
	// Level is the highest access of a login to a container, inherited ones
	// included. A blocked or unknown login has none.
	Level(ctx context.Context, tenant domain.Tenant, login, path string) (directory.Level, Basis, error)
	// Flows is what the root group of a path says of flows.
	Flows(ctx context.Context, tenant domain.Tenant, path string) (directory.FlowSettings, Basis, error)
	// ServiceAccount is the account of a flow in the root group of a path.
	ServiceAccount(ctx context.Context, tenant domain.Tenant, path, flow string) (directory.User, Basis, error)
	// Flag evaluates a feature flag for a project, or for a group.
	Flag(ctx context.Context, tenant domain.Tenant, name, path string) (bool, Basis, error)
}

// Changer makes what a trigger needs and finds missing. Both calls are safe to
// repeat: what is so already is left so.
type Changer interface {
	// EnsureProject finds or makes a project of a group: private, without a
	// registry or wiki, with one commit.
	EnsureProject(ctx context.Context, tenant domain.Tenant, who domain.Principal, group, name string) (directory.Container, error)
	// EnsureMember gives an account at least a level in a container.
	EnsureMember(ctx context.Context, tenant domain.Tenant, who domain.Principal, path, login string, level directory.Level) error
}

// Basis says what an answer rests on, for the record of a decision.
type Basis struct {
	// Source is config, directory or gitlab.
	Source string `json:"source"`
	// Position is the position in the log up to which the answer holds; empty for others.
	Position string `json:"position,omitempty"`
	// At is when the source was asked; a cached answer keeps the time it was asked.
	At time.Time `json:"at,omitzero"`
}
