package admin_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/handlers/directory/admin"
	"github.com/duolog/duolog/handlers/entry"
	"github.com/duolog/duolog/internal/nodetest"
	querying "github.com/duolog/duolog/projections/queries/directory"
)

// book has the tokens of a tenant.
type book struct{ tokens []entry.Token }

func (b *book) List(context.Context, domain.Tenant) ([]entry.Token, error) { return b.tokens, nil }

func (b *book) Revoke(_ context.Context, id uuid.UUID) error {
	for i := range b.tokens {
		b.tokens[i].Revoked = b.tokens[i].Revoked || b.tokens[i].ID == id
	}
	return nil
}

// TestApplyRemovesUsers: only where that is asked for, and the plan says it before. Who
// is removed leaves every namespace, those that the document does not name among them.
func TestApplyRemovesUsers(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	tokens := &book{tokens: []entry.Token{{ID: uuid.New(), User: "mia"}, {ID: uuid.New(), User: "noor"}}}
	s := admin.New(queriesOf(n), n.Dispatch, tokens, uuid.New)
	apply(t, s, "acme", document(t, `{"users":[{"login":"noor","admin":true},{"login":"mia"},{"login":"kim"}],"namespaces":[
		{"path":"acme","members":{"noor":"owner","mia":"developer"}},{"path":"side","members":{"mia":"owner","noor":"guest"}},{"path":"third","members":{"kim":"owner"}}]}`), admin.Options{})
	less := document(t, `{"users":[{"login":"noor"},{"login":"kim"}]}`)
	all := admin.Options{Prune: true, RemoveUsers: true}

	refused := func(d admin.Document, o admin.Options, field, says string) {
		t.Helper()
		_, err := s.Apply(t.Context(), "acme", domain.Principal{User: "noor"}, d, o)
		if code := domain.CodeOf(err); err == nil || code != domain.CodeConflict && code != domain.CodeInvalidField || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", field, err)
		}
	}
	refused(less, admin.Options{RemoveUsers: true}, "without prune", "pruned")
	refused(less, all, "the last owner", "mia is the last owner of side")
	refused(document(t, `{"users":[{"login":"kim"},{"login":"mia"}]}`), all, "the last administrator", "noor is the last who administers")
	refused(document(t, `{"users":[{"login":"noor","admin":false}]}`), admin.Options{}, "demoted", "noor is the last who administers")

	// Another owner in the same document is enough.
	less = document(t, `{"users":[{"login":"noor"},{"login":"kim"}],"namespaces":[{"path":"side","members":{"noor":"owner"}}]}`)
	o := all
	o.DryRun = true
	var plan []string
	for _, step := range apply(t, s, "acme", less, o) {
		plan = append(plan, step.Action+" "+step.Kind+" "+step.Name+" "+step.In)
	}
	if got := strings.Join(plan, "\n"); got != "remove user mia \nchange member noor side\nremove member mia side" {
		t.Errorf("the plan is\n%s", got)
	}
	if tokens.tokens[0].Revoked {
		t.Error("a plan revokes tokens")
	}
	apply(t, s, "acme", less, all)
	if !tokens.tokens[0].Revoked || tokens.tokens[1].Revoked {
		t.Errorf("the tokens are %+v", tokens.tokens)
	}
	err := queriesOf(n).Read(t.Context(), "acme", func(v *querying.View) error {
		user, err := v.User(t.Context(), "mia")
		if err != nil {
			return err
		}
		left, err := v.MembershipsOf(t.Context(), "mia")
		if user.There() || len(left) > 0 {
			t.Errorf("mia is %+v with %+v", user, left)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if steps := apply(t, s, "acme", less, all); len(steps) > 0 {
		t.Errorf("again: %+v", steps)
	}
	// The login comes back as somebody else: what was made for it meanwhile goes.
	tokens.tokens = append(tokens.tokens, entry.Token{ID: uuid.New(), User: "mia"})
	apply(t, s, "acme", document(t, `{"users":[{"login":"mia"}]}`), admin.Options{})
	if !tokens.tokens[2].Revoked {
		t.Error("a token outlived the login's removal")
	}
}

// TestAMembershipOfBeforeGivesNothing: one that came while its user went does not come
// back with the login.
func TestAMembershipOfBeforeGivesNothing(t *testing.T) {
	t.Parallel()
	n := nodetest.NewCluster(t).Start(t, nodetest.Options{})
	s := service(n, &commits{})
	apply(t, s, "acme", document(t, company), admin.Options{})
	do := func(stream domain.StreamID, c directory.Command) {
		t.Helper()
		if _, err := n.Dispatch.Do(t.Context(), request(stream, c)); err != nil {
			t.Fatal(err)
		}
	}
	mia := directory.UserStream("acme", "mia")
	do(mia, &directory.RemoveUser{Login: "mia"}) // and nothing of what they have
	do(mia, &directory.ChangeUser{Login: "mia", Create: true})
	level := func() (got directory.Level) {
		t.Helper()
		err := queriesOf(n).Read(t.Context(), "acme", func(v *querying.View) error {
			standing, err := v.Standing(t.Context(), "mia", "acme/g/p")
			got = standing.Level()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := level(); got != directory.None {
		t.Errorf("the new mia is %s", got)
	}
	do(directory.NamespaceStream("acme", "acme"), &directory.ChangeNamespace{Root: "acme", Changes: []directory.Change{
		{SetMember: &directory.SetMember{Path: "acme", Login: "mia", Level: directory.Guest}},
	}})
	if got := level(); got != directory.Guest {
		t.Errorf("made a guest, the new mia is %s", got)
	}
}
