package permission_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/directory"
	source "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/permission"
)

var asked = time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)

// cached is a directory whose answers are of different ages, and which may fail.
type cached struct{ err error }

func (c cached) User(_ context.Context, _ domain.Tenant, login string) (directory.User, source.Basis, error) {
	if login == "nobody" {
		return directory.User{}, source.Basis{}, &domain.Error{Code: domain.CodeNotFound, Message: "no such user"}
	}
	return directory.User{Login: login, Admin: login == "root"}, source.Basis{Source: "gitlab", At: asked.Add(time.Minute)}, c.err
}

func (c cached) Level(context.Context, domain.Tenant, string, string) (directory.Level, source.Basis, error) {
	return directory.Developer, source.Basis{Source: "gitlab", At: asked}, c.err
}

func (c cached) ServiceAccount(context.Context, domain.Tenant, string, string) (directory.User, source.Basis, error) {
	return directory.User{Login: "duo-developer"}, source.Basis{Source: "gitlab", At: asked}, c.err
}

func (cached) Place(_ context.Context, q permission.Question) (permission.Place, error) {
	return permission.Place{Flow: access.Flow{Reference: q.Flow, Enabled: true}}, nil
}

// TestFactsAreAsOldAsTheOldest: each source is named once, with the age of its oldest
// answer; a login that nobody knows is no member, and who cannot be asked lets nobody in.
func TestFactsAreAsOldAsTheOldest(t *testing.T) {
	t.Parallel()
	a := permission.Asker{Directory: cached{}, Places: cached{}}
	q := permission.Question{Tenant: "acme", User: "root", Action: access.Start, Path: "acme/site", Flow: "developer/v1"}
	got, err := a.Facts(t.Context(), q)
	want := access.Facts{
		Action: access.Start, Path: "acme/site", Human: access.Member{Login: "root", Level: directory.Developer, Admin: true},
		Account: access.Member{Login: "duo-developer", Level: directory.Developer}, Flow: access.Flow{Reference: "developer/v1", Enabled: true},
		Basis: []access.Basis{{Source: "gitlab", At: asked}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	q.User, q.Account = "nobody", "duo-reviewer"
	if got, err = a.Facts(t.Context(), q); err != nil || got.Human != (access.Member{Login: "nobody"}) || got.Account.Login != "duo-reviewer" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, broken := range []error{&domain.Error{Code: domain.CodeNotNow, Message: "away"}, errors.New("nonsense")} {
		if _, err := (permission.Asker{Directory: cached{broken}, Places: cached{}}).Facts(t.Context(), q); err == nil {
			t.Errorf("%v lets somebody in", broken)
		}
	}
}
