package gitlab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	port "github.com/duolog/duolog/handlers/directory"
	"github.com/duolog/duolog/handlers/directory/gitlab"
	"github.com/duolog/duolog/internal/fakegitlab"
)

const (
	tenant   = domain.Tenant("acme")
	botToken = "glpat-directory"
)

// rest is what GitLab is not asked: everybody works in acme, developer/v1 is on.
type rest struct{}

func (rest) User(_ context.Context, _ domain.Tenant, login string) (directory.User, port.Basis, error) {
	return directory.User{Login: login, DefaultNamespace: "acme"}, port.Basis{}, nil
}

func (rest) Container(context.Context, domain.Tenant, string) (directory.Container, port.Basis, error) {
	return directory.Container{}, port.Basis{}, &domain.Error{Code: domain.CodeNotFound}
}

func (rest) Level(context.Context, domain.Tenant, string, string) (directory.Level, port.Basis, error) {
	return directory.None, port.Basis{}, nil
}

func (rest) Flows(context.Context, domain.Tenant, string) (directory.FlowSettings, port.Basis, error) {
	return directory.FlowSettings{FoundationalAllowed: true, Enabled: []string{"developer/v1"}}, port.Basis{Source: "config"}, nil
}

func (rest) ServiceAccount(context.Context, domain.Tenant, string, string) (directory.User, port.Basis, error) {
	return directory.User{}, port.Basis{}, &domain.Error{Code: domain.CodeNotFound}
}

func (rest) Flag(context.Context, domain.Tenant, string, string) (bool, port.Basis, error) {
	return false, port.Basis{Source: "config"}, nil
}

// rig is a directory on a GitLab with a small company.
type rig struct {
	*gitlab.Directory

	t      *testing.T
	server *fakegitlab.Server
	client *gl.Client
	ahead  atomic.Int64
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := fakegitlab.Start(fakegitlab.Config{
		StateDir: t.TempDir(), Now: time.Now,
		Seed: fakegitlab.Seed{
			Users: []fakegitlab.SeedUser{
				{Username: "bot", Admin: true, Token: botToken}, {Username: "mia"}, {Username: "gus"}, {Username: "bo", Blocked: true},
			},
			Groups: []fakegitlab.SeedGroup{
				{Path: "acme", Members: map[string]int{"mia": 30, "bo": 40}, ServiceAccounts: []fakegitlab.SeedUser{{Username: "duo-developer-acme"}}},
				{Path: "acme/tools"},
			},
			Projects: []fakegitlab.SeedProject{{Path: "acme/tools/site", Members: map[string]int{"gus": 10}, Files: map[string]string{"README.md": "# Site\n"}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r := &rig{t: t, server: s}
	r.client, err = gl.NewClient(botToken, gl.WithBaseURL(s.URL()), gl.WithHTTPClient(&http.Client{Transport: transport}), gl.WithCustomRetryMax(0))
	if err != nil {
		t.Fatal(err)
	}
	r.Directory, err = gitlab.New(gitlab.Config{Client: r.client, Rest: rest{}, Now: func() time.Time { return time.Now().Add(time.Duration(r.ahead.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) level(login, path string) directory.Level {
	r.t.Helper()
	level, basis, err := r.Level(context.WithoutCancel(r.t.Context()), tenant, login, path)
	if err != nil || basis.Source != "gitlab" || basis.At.IsZero() {
		r.t.Errorf("level of %s in %s: %v, %+v", login, path, err, basis)
	}
	return level
}

// fails makes every request fail in one way.
func (r *rig) fails(rule map[string]any) {
	r.t.Helper()
	body, err := json.Marshal(rule)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.server.URL()+"/_fake/faults", bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = answer.Body.Close()
}

// TestT8OfGitLab: access is inherited down the tree, administrators pass, and who is
// blocked has none.
func TestT8OfGitLab(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for who, want := range map[[2]string]directory.Level{
		{"mia", "acme"}: directory.Developer, {"mia", "acme/tools/site"}: directory.Developer,
		{"gus", "acme/tools/site"}: directory.Guest, {"gus", "acme"}: directory.None,
		{"bo", "acme"}: directory.None, {"bot", "acme/tools/site"}: directory.Owner, {"nobody", "acme"}: directory.None, {"mia", "acme/nowhere"}: directory.None,
	} {
		if got := r.level(who[0], who[1]); got != want {
			t.Errorf("%s has %d, want %d", who, got, want)
		}
	}
	u, _, err := r.User(t.Context(), tenant, "mia")
	if err != nil || u.DefaultNamespace != "acme" || u.ID == 0 {
		t.Errorf("mia is %+v, %v", u, err)
	}
	account, _, err := r.ServiceAccount(t.Context(), tenant, "acme/tools/site", "developer/v1")
	if err != nil || account.Login != "duo-developer-acme" || !account.ServiceAccount {
		t.Errorf("the account is %+v, %v", account, err)
	}
	if _, _, err := r.User(t.Context(), tenant, "nobody"); domain.CodeOf(err) != domain.CodeNotFound {
		t.Errorf("nobody: %v", err)
	}
}

// TestAnswersAge: what changed in GitLab is seen after the age that answers may have.
func TestAnswersAge(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if got := r.level("gus", "acme"); got != directory.None {
		t.Fatalf("gus has %d", got)
	}
	u, _, err := r.User(t.Context(), tenant, "gus")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.client.GroupMembers.AddGroupMember("acme", &gl.AddGroupMemberOptions{UserID: &u.ID, AccessLevel: new(gl.MaintainerPermissions)}); err != nil {
		t.Fatal(err)
	}
	if got := r.level("gus", "acme"); got != directory.None {
		t.Errorf("a moment later gus has %d", got)
	}
	r.ahead.Store(int64(2 * time.Minute))
	if got := r.level("gus", "acme"); got != directory.Maintainer {
		t.Errorf("two minutes later gus has %d", got)
	}
}

// TestEnsureIsOnce: many at once make one project and one membership.
func TestEnsureIsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			ctx := context.WithoutCancel(t.Context())
			p, err := r.EnsureProject(ctx, tenant, domain.Principal{User: "mia"}, "acme", "duo-workspace")
			if err != nil || p.Path != "acme/duo-workspace" || !p.Project {
				t.Errorf("project %+v, %v", p, err)
				return
			}
			if err := r.EnsureMember(ctx, tenant, domain.Principal{User: "mia"}, p.Path, "duo-developer-acme", directory.Developer); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := r.level("duo-developer-acme", "acme/duo-workspace"); got != directory.Developer {
		t.Errorf("the account has %d", got)
	}
	p, _, err := r.client.Projects.GetProject("acme/duo-workspace", nil)
	if err != nil || p.Visibility != gl.PrivateVisibility || p.DefaultBranch == "" {
		t.Errorf("project %+v, %v", p, err)
	}
	if err := r.EnsureMember(t.Context(), tenant, domain.Principal{}, "acme/tools/site", "bo", directory.Developer); domain.CodeOf(err) != domain.CodeForbidden {
		t.Errorf("a blocked account: %v", err)
	}
}

// TestGitLabAway: an instance that gives no answer is not now, and nothing of it is
// remembered.
func TestGitLabAway(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]map[string]any{
		"rate limited": {"kind": "status", "status": 429, "retry_after": 1}, "broken": {"kind": "status", "status": 502}, "nonsense": {"kind": "nonsense"},
		"refuses the token": {"kind": "status", "status": 401},
	} {
		r := newRig(t)
		rule["path"], rule["times"] = "/api/*", 1
		r.fails(rule)
		if _, _, err := r.User(t.Context(), tenant, "mia"); domain.CodeOf(err) != domain.CodeNotNow {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := r.User(t.Context(), tenant, "mia"); err != nil {
			t.Errorf("%s, and well again: %v", name, err)
		}
	}
}

// TestGitLabSlow: who does not wait any longer is told that GitLab gives no answer.
func TestGitLabSlow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.fails(map[string]any{"kind": "slow", "delay_ms": 60_000, "path": "/api/*", "times": 1})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := r.User(ctx, tenant, "mia"); domain.CodeOf(err) != domain.CodeNotNow || !strings.Contains(err.Error(), "GitLab gives no answer") {
		t.Errorf("%v", err)
	}
}
