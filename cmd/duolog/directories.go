package main

import (
	"context"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	port "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/configured"
	"github.com/duolog/duolog/handlers/directory/gitlab"
	"github.com/duolog/duolog/handlers/directory/stored"
	"github.com/duolog/duolog/internal/config"
	"github.com/duolog/duolog/projections/queries/cut"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// aDirectory is one place that says who is who, and takes what a trigger needs.
type aDirectory interface {
	port.Directory
	port.Changer
}

// directories are those of all tenants: each is asked where its tenant's setting says.
type directories struct {
	tenants    tenants
	stored     *stored.Directory
	configured *configured.Directory
	// gitlab is nil where no instance is known.
	gitlab *gitlab.Directory
}

// newDirectories makes them. Close what is stored.
func newDirectories(ctx context.Context, t tenants, own stored.Config, instance *gitlabSettings) (directories, error) {
	d := directories{tenants: t, configured: configured.New(t.configuredDirectory, own.Now)}
	var err error
	if instance != nil {
		d.gitlab, err = gitlab.New(gitlab.Config{Client: instance.engine.Client, Rest: d.configured, Now: own.Now})
		if err != nil {
			return d, err
		}
	}
	d.stored, err = stored.New(ctx, own)
	return d, err
}

func (d directories) of(name domain.Tenant) aDirectory {
	found, _ := d.tenants.list.Find(name)
	switch {
	case found.Directory == config.DirectoryDuolog:
		return d.stored
	case found.Directory == config.DirectoryGitLab && d.gitlab != nil:
		return d.gitlab
	}
	return d.configured
}

// configuredDirectory is what the configuration says of a tenant.
func (t tenants) configuredDirectory(name domain.Tenant) (configured.Tenant, error) {
	found, err := t.find(name)
	if err != nil {
		return configured.Tenant{}, err
	}
	return configured.Tenant{
		Namespace: directory.Container{ID: found.Namespace.ID, Path: found.Namespace.Path},
		Project:   directory.Container{ID: found.Project.ID, Path: found.Project.Path},
		Flows:     found.Flows, Flags: found.Flags, ServiceAccount: found.ServiceAccount,
	}, nil
}

// wireDirectory makes the directories of the tenants.
func (n *node) wireDirectory(ctx context.Context) error {
	var err error
	n.directory, err = newDirectories(ctx, n.cfg.tenants, stored.Config{
		Queries: querying.New(cut.DB{Pool: n.db.Read, Partitions: n.partitions}), Dispatch: n.dispatch, Gate: n.visible,
		Log: n.log.Genesis().Log, Now: n.cfg.now, NewID: newID,
	}, n.cfg.gitlab)
	if err == nil {
		n.closers = append(n.closers, func() { _ = n.directory.stored.Close(context.WithoutCancel(ctx)) })
	}
	return err
}

// User asks the tenant's own directory. So do all.
func (d directories) User(ctx context.Context, tenant domain.Tenant, login string) (directory.User, port.Basis, error) {
	return d.of(tenant).User(ctx, tenant, login)
}

// Container asks the tenant's own directory.
func (d directories) Container(ctx context.Context, tenant domain.Tenant, ref string) (directory.Container, port.Basis, error) {
	return d.of(tenant).Container(ctx, tenant, ref)
}

// Level asks the tenant's own directory.
func (d directories) Level(ctx context.Context, tenant domain.Tenant, login, path string) (directory.Level, port.Basis, error) {
	return d.of(tenant).Level(ctx, tenant, login, path)
}

// Flows asks the tenant's own directory.
func (d directories) Flows(ctx context.Context, tenant domain.Tenant, path string) (directory.FlowSettings, port.Basis, error) {
	return d.of(tenant).Flows(ctx, tenant, path)
}

// ServiceAccount asks the tenant's own directory.
func (d directories) ServiceAccount(ctx context.Context, tenant domain.Tenant, path, flow string) (directory.User, port.Basis, error) {
	return d.of(tenant).ServiceAccount(ctx, tenant, path, flow)
}

// Flag asks the tenant's own directory.
func (d directories) Flag(ctx context.Context, tenant domain.Tenant, name, path string) (bool, port.Basis, error) {
	return d.of(tenant).Flag(ctx, tenant, name, path)
}

// EnsureProject changes the tenant's own directory.
func (d directories) EnsureProject(ctx context.Context, tenant domain.Tenant, who domain.Principal, group, name string) (directory.Container, error) {
	return d.of(tenant).EnsureProject(ctx, tenant, who, group, name)
}

// EnsureMember changes the tenant's own directory.
func (d directories) EnsureMember(ctx context.Context, tenant domain.Tenant, who domain.Principal, path, login string, level directory.Level) error {
	return d.of(tenant).EnsureMember(ctx, tenant, who, path, login, level)
}
