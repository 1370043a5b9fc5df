package configured

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/directory"
)

// Source is what answers say they rest on.
const Source = "config"

// Tenant is what the configuration says of one.
type Tenant struct {
	Namespace entities.Container
	// Project is the zero value where workflows belong to the namespace.
	Project entities.Container
	// Flows are those that may be started, Flags the feature flags that are on.
	Flows, Flags []string
	// ServiceAccount acts for the users; empty where they act alone.
	ServiceAccount string
}

// Directory answers from the configuration. It is safe for concurrent use.
type Directory struct {
	find func(domain.Tenant) (Tenant, error)
	now  func() time.Time
}

// New makes a Directory of the tenants that find knows; its errors are *domain.Errors.
func New(find func(domain.Tenant) (Tenant, error), now func() time.Time) *Directory {
	return &Directory{find, now}
}

// tenant is one with the marks of its containers.
func (d *Directory) tenant(name domain.Tenant) (Tenant, error) {
	t, err := d.find(name)
	t.Namespace.Root, t.Namespace.Project = t.Namespace.Path, false
	if t.Project.Path != "" {
		t.Project.Root, t.Project.Project = t.Namespace.Path, true
	}
	return t, err
}

// basis is that of every answer.
func (d *Directory) basis() directory.Basis {
	return directory.Basis{Source: Source, At: d.now().UTC()}
}

// User is anybody: the tokens say who there is.
func (d *Directory) User(_ context.Context, tenant domain.Tenant, login string) (entities.User, directory.Basis, error) {
	t, err := d.tenant(tenant)
	if err == nil && login == "" {
		err = notFound("nobody has no login", "name a user")
	}
	if err != nil {
		return entities.User{}, d.basis(), err
	}
	account := login == t.ServiceAccount
	return entities.User{Login: login, Name: login, ServiceAccount: account, DefaultNamespace: t.Namespace.Path}, d.basis(), nil
}

// Container is the namespace or the project.
func (d *Directory) Container(_ context.Context, tenant domain.Tenant, ref string) (entities.Container, directory.Basis, error) {
	t, err := d.tenant(tenant)
	if err != nil {
		return entities.Container{}, d.basis(), err
	}
	for _, c := range []entities.Container{t.Namespace, t.Project} {
		if c.Path != "" && (c.Path == ref || c.ID != 0 && strconv.FormatInt(c.ID, 10) == ref) {
			return c, d.basis(), nil
		}
	}
	return entities.Container{}, d.basis(), notFound(fmt.Sprintf("the configuration has no group or project %.80q", ref), "use those of the tenant, or set directory: duolog")
}

// Level is developer for everybody, wherever the tenant's workflows are: also those
// that were begun when the configuration named another place.
func (d *Directory) Level(_ context.Context, tenant domain.Tenant, login, _ string) (entities.Level, directory.Basis, error) {
	if _, err := d.tenant(tenant); err != nil || login == "" {
		return entities.None, d.basis(), err
	}
	return entities.Developer, d.basis(), nil
}

// Flows are those of the configuration.
func (d *Directory) Flows(_ context.Context, tenant domain.Tenant, _ string) (entities.FlowSettings, directory.Basis, error) {
	t, err := d.tenant(tenant)
	return entities.FlowSettings{FoundationalAllowed: true, Enabled: slices.Clone(t.Flows)}, d.basis(), err
}

// ServiceAccount is the tenant's one account. It has no login where users act alone.
func (d *Directory) ServiceAccount(_ context.Context, tenant domain.Tenant, _, _ string) (entities.User, directory.Basis, error) {
	t, err := d.tenant(tenant)
	return entities.User{Login: t.ServiceAccount, Name: t.ServiceAccount, ServiceAccount: true}, d.basis(), err
}

// Flag is on for the whole tenant where the configuration lists it.
func (d *Directory) Flag(_ context.Context, tenant domain.Tenant, name, _ string) (bool, directory.Basis, error) {
	t, err := d.tenant(tenant)
	return slices.Contains(t.Flags, name), d.basis(), err
}

// EnsureProject is the project of the configuration, whatever its name; the zero
// value where there is none.
func (d *Directory) EnsureProject(_ context.Context, tenant domain.Tenant, _ domain.Principal, _, _ string) (entities.Container, error) {
	t, err := d.tenant(tenant)
	return t.Project, err
}

// EnsureMember is satisfied by developers, which all are.
func (d *Directory) EnsureMember(_ context.Context, tenant domain.Tenant, _ domain.Principal, _, login string, level entities.Level) error {
	if _, err := d.tenant(tenant); err != nil {
		return err
	}
	if level > entities.Developer {
		return notFound(fmt.Sprintf("the configuration makes %s no %s", login, level), "set directory: duolog and give it there")
	}
	return nil
}

func notFound(message, fix string) error {
	return &domain.Error{Code: domain.CodeNotFound, Message: message, Fix: fix}
}
