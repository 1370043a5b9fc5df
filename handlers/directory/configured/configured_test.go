package configured_test

import (
	"testing"
	"time"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/configured"
)

var _ interface {
	directory.Directory
	directory.Changer
} = (*configured.Directory)(nil)

func acme(project string) *configured.Directory {
	return configured.New(func(name domain.Tenant) (configured.Tenant, error) {
		if name != "acme" {
			return configured.Tenant{}, &domain.Error{Code: domain.CodeNamespaceMissing, Message: "no such tenant", Fix: "add it"}
		}
		return configured.Tenant{
			Namespace: entities.Container{ID: 7, Path: "acme"}, Project: entities.Container{ID: 42, Path: project},
			Flows: []string{"developer/v1"}, Flags: []string{"next"}, ServiceAccount: "duo-developer",
		}, nil
	}, func() time.Time { return time.Unix(0, 0) })
}

func TestWhatIsConfigured(t *testing.T) {
	t.Parallel()
	d, ctx := acme("acme/web"), t.Context()
	if u, b, err := d.User(ctx, "acme", "mia"); err != nil || u.DefaultNamespace != "acme" || u.ServiceAccount || u.Blocked || b.Source != "config" || !b.At.Equal(time.Unix(0, 0)) {
		t.Errorf("%+v, %+v, %v", u, b, err)
	}
	for ref, want := range map[string]entities.Container{
		"acme": {ID: 7, Path: "acme", Root: "acme"}, "7": {ID: 7, Path: "acme", Root: "acme"},
		"acme/web": {ID: 42, Path: "acme/web", Root: "acme", Project: true}, "42": {ID: 42, Path: "acme/web", Root: "acme", Project: true},
	} {
		if got, _, err := d.Container(ctx, "acme", ref); err != nil || got != want {
			t.Errorf("%s is %+v, %v", ref, got, err)
		}
	}
	for _, ref := range []string{"", "0", "acme/duo-workspace", "other"} {
		if _, _, err := d.Container(ctx, "acme", ref); domain.CodeOf(err) != domain.CodeNotFound {
			t.Errorf("%q: %v", ref, err)
		}
	}
	if level, _, err := d.Level(ctx, "acme", "anybody", "acme/web"); err != nil || level != entities.Developer {
		t.Errorf("%d, %v", level, err)
	}
	if f, _, err := d.Flows(ctx, "acme", "acme"); err != nil || !f.FoundationalAllowed || len(f.Enabled) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if u, _, err := d.ServiceAccount(ctx, "acme", "acme", "developer/v1"); err != nil || u.Login != "duo-developer" || !u.ServiceAccount {
		t.Errorf("%+v, %v", u, err)
	}
	on, _, err := d.Flag(ctx, "acme", "next", "acme/web")
	if off, _, other := d.Flag(ctx, "acme", "other", "acme/web"); !on || off || err != nil || other != nil {
		t.Errorf("flags are %t and %t: %v, %v", on, off, err, other)
	}
	if _, _, err := d.User(ctx, "acme", ""); domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("nobody: %v", err)
	}
	member := d.EnsureMember(ctx, "acme", domain.Principal{}, "acme", "mia", entities.Developer)
	if owner := d.EnsureMember(ctx, "acme", domain.Principal{}, "acme", "mia", entities.Owner); member != nil || domain.CodeOf(owner) != domain.CodeNotFound {
		t.Errorf("members: %v, %v", member, owner)
	}
	// What is configured satisfies what a trigger ensures, whatever its name.
	if p, err := d.EnsureProject(ctx, "acme", domain.Principal{User: "mia"}, "acme", "duo-workspace"); err != nil || p.Path != "acme/web" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWhatIsNotConfigured(t *testing.T) {
	t.Parallel()
	d, ctx := acme(""), t.Context()
	if p, err := d.EnsureProject(ctx, "acme", domain.Principal{}, "acme", "duo-workspace"); err != nil || p != (entities.Container{}) && p.Path != "" {
		t.Errorf("%+v, %v", p, err)
	}
	_, _, user := d.User(ctx, "nobody", "mia")
	_, _, container := d.Container(ctx, "nobody", "acme")
	_, _, level := d.Level(ctx, "nobody", "mia", "acme")
	_, _, flows := d.Flows(ctx, "nobody", "acme")
	_, _, account := d.ServiceAccount(ctx, "nobody", "acme", "developer/v1")
	_, project := d.EnsureProject(ctx, "nobody", domain.Principal{}, "acme", "duo-workspace")
	for i, err := range []error{user, container, level, flows, account, project} {
		if domain.CodeOf(err) != domain.CodeNamespaceMissing {
			t.Errorf("question %d of a tenant that is not there: %v", i, err)
		}
	}
}
