package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	owndirectory "github.com/duolog/duolog/handlers/directory/stored"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/internal/identity"
	"github.com/duolog/duolog/internal/keystore"
)

type madeToken struct {
	ID                       uuid.UUID
	Name, User, Scope, Token string
	Revoked                  bool
	ExpiresAt                *time.Time `json:"expires_at"`
}

// TestTokensOfServiceAccounts: an owner of a root group administers the tokens of its
// service accounts, with no more than their own token has; not those of its members, nor
// of an account whose login is somebody's, or stands in a group of others as well.
func TestTokensOfServiceAccounts(t *testing.T) {
	r := newRig(t)
	own := r.cfg.Directories.(*owndirectory.Directory) //nolint:forcetypeassert // it is that of the rig
	nobody := r
	r = r.with(func(c *api.Config) { c.OwnsAccount = own.OwnsAccount })
	r.send("you@acme", "POST", dirPath+"/apply", `{"users":[{"login":"you","admin":true},{"login":"noor"},{"login":"mia"}],"namespaces":[
		{"path":"acme","members":{"noor":"owner","mia":"maintainer"},"service_accounts":[{"login":"duo-developer","flow":"developer/v1"},{"login":"shared","flow":"code_review/v1"}]},
		{"path":"beta","members":{"mia":"owner"},"service_accounts":[{"login":"shared","flow":"code_review/v1"},{"login":"duo-beta","flow":"developer/v1"}]}]}`).want(http.StatusOK)
	tokenOf := func(user string, scope access.Scope) string {
		s, err := r.who.Keys.Add(t.Context(), keystore.Token{Kind: keystore.KindUser, Tenant: "acme", User: user, Scope: scope})
		must(t, err)
		return s.Reveal()
	}
	noor, mia := tokenOf("noor", ""), tokenOf("mia", "")
	var made madeToken
	r.send(noor, "POST", "/v1/tokens", `{"user":"duo-developer","name":"nightly"}`).want(http.StatusCreated).into(&made)
	if made.User != "duo-developer" || made.ExpiresAt == nil {
		t.Errorf("made %+v", made)
	}
	if body := string(r.send(noor, "GET", "/v1/tokens?user=duo-developer", nil).want(http.StatusOK).body); !strings.Contains(body, made.ID.String()) || strings.Contains(body, made.Token) {
		t.Errorf("its owner sees %s", body)
	}
	r.send(noor, "POST", "/v1/tokens", `{"user":"duo-developer","scope":"admin"}`).refused(403, domain.CodeScope, "")
	r.send(noor, "GET", "/v1/tokens?user=*", nil).refused(403, domain.CodeScope, "")
	for _, user := range []string{"mia", "you", "shared", "duo-beta", "nobody"} {
		r.send(noor, "POST", "/v1/tokens", `{"user":"`+user+`"}`).refused(403, domain.CodeScope, "")
		r.send(noor, "GET", "/v1/tokens?user="+user, nil).refused(403, domain.CodeScope, "")
	}
	r.send(mia, "POST", "/v1/tokens", `{"user":"duo-developer"}`).refused(403, domain.CodeScope, "") // maintains it
	r.send(mia, "DELETE", "/v1/tokens/"+made.ID.String(), nil).refused(404, domain.CodeNotFound, "")
	nobody.send(noor, "GET", "/v1/tokens?user=duo-developer", nil).refused(403, domain.CodeScope, "") // a directory that does not say
	r.send(noor, "DELETE", "/v1/tokens/"+made.ID.String(), nil).want(http.StatusOK)
	r.send(made.Token, "GET", base, nil).refused(401, domain.CodeTokenRevoked, "")
}

// TestTokens: people make, see and end tokens of their own, with no more than they have;
// administrators those of others.
func TestTokens(t *testing.T) {
	r := newRig(t)
	secretOf := func(user string, scope access.Scope) string {
		s, err := r.who.Keys.Add(t.Context(), keystore.Token{Kind: keystore.KindUser, Tenant: "acme", User: user, Scope: scope})
		must(t, err)
		return s.Reveal()
	}
	mia, sam, root, reader := secretOf("mia", ""), secretOf("sam", ""), secretOf("root", access.ScopeAdmin), secretOf("mia", access.ScopeRead)

	var made, listed madeToken
	r.send(mia, "POST", "/v1/tokens", `{"name":"laptop","scope":"read"}`).want(http.StatusCreated).into(&made)
	if made.User != "mia" || made.Scope != "read" || made.ExpiresAt == nil || time.Until(*made.ExpiresAt) > 91*24*time.Hour {
		t.Fatalf("made %+v", made)
	}
	r.send(made.Token, "GET", base, nil).want(http.StatusOK)
	r.send(made.Token, "POST", base, `{"goal":"x"}`).refused(403, domain.CodeScope, "")

	list := r.send(mia, "GET", "/v1/tokens", nil).want(http.StatusOK)
	if strings.Contains(string(list.body), made.Token) || !strings.Contains(string(list.body), made.ID.String()) {
		t.Errorf("the list is %s", list.body)
	}
	for token, wants := range map[string]bool{sam: false, root: true} {
		if got := strings.Contains(string(r.send(token, "GET", "/v1/tokens?user="+map[bool]string{true: "*", false: ""}[wants], nil).want(http.StatusOK).body), made.ID.String()); got != wants {
			t.Errorf("sees mia's: %t", got)
		}
	}
	r.send(sam, "GET", "/v1/tokens?user=mia", nil).refused(403, domain.CodeScope, "")
	r.send(sam, "POST", "/v1/tokens", `{"user":"mia"}`).refused(403, domain.CodeScope, "")
	r.send(sam, "POST", "/v1/tokens", `{"scope":"admin"}`).refused(403, domain.CodeScope, "")
	r.send(reader, "POST", "/v1/tokens", `{"scope":"read"}`).refused(403, domain.CodeScope, "")
	r.send(sam, "DELETE", "/v1/tokens/"+made.ID.String(), nil).refused(404, domain.CodeNotFound, "")
	r.send(sam, "DELETE", "/v1/tokens/"+uuid.NewString(), nil).refused(404, domain.CodeNotFound, "")
	r.send(sam, "DELETE", "/v1/tokens/x", nil).refused(400, domain.CodeInvalidField, "id")
	for body, field := range map[string]string{
		`{"scope":"root"}`: "scope", `{"name":"` + strings.Repeat("x", 129) + `"}`: "name", `{"expires_at":"tomorrow"}`: "expires_at",
		`{"expires_at":"2020-01-01T00:00:00Z"}`: "expires_at", `{"expires_at":"2999-01-01T00:00:00Z"}`: "expires_at",
	} {
		a := r.send(mia, "POST", "/v1/tokens", body)
		if e := a.refusal(); e.Field != field || e.Fix == "" && field != "name" {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	r.send(root, "POST", "/v1/tokens", `{"user":"sam","scope":"write"}`).want(http.StatusCreated).into(&listed)
	if listed.User != "sam" {
		t.Errorf("made for %+v", listed)
	}
	r.send(mia, "DELETE", "/v1/tokens/"+made.ID.String(), nil).want(http.StatusOK).into(&listed)
	if !listed.Revoked {
		t.Error("it is not shown as revoked")
	}
	r.send(made.Token, "GET", base, nil).refused(401, domain.CodeTokenRevoked, "")
}

// TestE4ATokenEndsWithItsRun: while the run lives its token reads and is renewed; when it
// has ended neither, and the fresh one that was got before does no more.
func TestE4ATokenEndsWithItsRun(t *testing.T) {
	r := newRig(t)
	c := r.create("mia@acme", `{"goal":"x","start_workflow":true}`)
	token, _, err := r.who.Runs.Mint(t.Context(), identity.Run{Tenant: "acme", Workflow: c.UUID, ID: c.Run.ID, Epoch: 1, User: "mia", ServiceAccount: "duo-developer"})
	must(t, err)
	var fresh struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	r.send(token, "POST", "/v1/token/renew", nil).want(http.StatusOK).into(&fresh)
	if until := time.Until(fresh.ExpiresAt); until > time.Hour || until < 50*time.Minute {
		t.Errorf("it lives %s", until)
	}
	r.send(fresh.Token, "GET", c.path(""), nil).want(http.StatusOK)
	_, err = r.node.Dispatch.Do(t.Context(), dispatch.Request{
		Stream:    domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID},
		Workflow:  &workflow.FinishWorkload{Run: c.Run.ID, Epoch: 1, Status: workflow.WorkloadFailed, Reason: "lost"},
		CommandID: uuid.New(), Principal: domain.Principal{System: "engine"},
	})
	must(t, err)
	for _, token := range []string{token, fresh.Token} {
		r.send(token, "GET", c.path(""), nil).refused(409, domain.CodeStaleRun, "")
		r.send(token, "POST", "/v1/threads/get", map[string]any{"thread_id": c.UUID}).refused(409, domain.CodeStaleRun, "")
		r.send(token, "POST", "/v1/token/renew", nil).refused(409, domain.CodeStaleRun, "")
	}
	r.send("", "POST", "/v1/token/renew", nil).refused(401, domain.CodeUnauthenticated, "")
}
