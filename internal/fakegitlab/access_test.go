package fakegitlab_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/internal/fakegitlab"
)

// request is one request without the client, for what it does not do.
func request(t *testing.T, method, address, token, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestWhoMayWhat: without a token 401, no member of a private project 404, a
// level too low 403.
func TestWhoMayWhat(t *testing.T) {
	t.Parallel()
	s := start(t, func(c *fakegitlab.Config) {
		c.Seed.Users = append(c.Seed.Users, fakegitlab.SeedUser{Username: "gast", Token: "glpat-gast"}, fakegitlab.SeedUser{Username: "bo", Blocked: true, Token: "glpat-bo"})
		c.Seed.Groups[0].Members["gast"] = 10
	})
	site := s.URL() + "/api/v4/projects/acme%2Ftools%2Fsite"
	for _, c := range []struct {
		token, method, address, body string
		want                         int
	}{
		{"", "GET", site, "", 401},
		{"wrong", "GET", site, "", 401},
		{"glpat-bo", "GET", site, "", 403},
		{"glpat-guy", "GET", site, "", 404},
		{"glpat-gast", "GET", site, "", 200},
		{"glpat-gast", "GET", site + "/pipelines", "", 403},
		{"glpat-gast", "POST", site + "/issues", `{"title":"x"}`, 201},
		{devToken, "GET", site + "/pipelines", "", 200},
		{devToken, "GET", site + "/variables", "", 403},
		{devToken, "POST", site + "/hooks", `{"url":"http://127.0.0.1:1/"}`, 403},
		{devToken, "DELETE", site, "", 403},
		{"glpat-olga", "GET", site + "/variables", "", 200},
		{rootToken, "GET", site + "/variables", "", 200},
		{devToken, "GET", s.URL() + "/api/v4/projects/4711", "", 404},
		{devToken, "GET", s.URL() + "/api/v4/nothing", "", 404},
		{devToken, "POST", s.URL() + "/api/v4/groups", `{"path":"x"}`, 400},
		{devToken, "POST", s.URL() + "/api/v4/groups", `{"path":`, 400},
		{devToken, "POST", s.URL() + "/api/v4/users", `{"username":"eve"}`, 403},
	} {
		if got, text := request(t, c.method, c.address, c.token, c.body); got != c.want {
			t.Errorf("%s %s as %q: %d, not %d: %s", c.method, strings.TrimPrefix(c.address, s.URL()), c.token, got, c.want, text)
		}
	}
}

// mint asks for a composite token of the company's service account.
func mint(t *testing.T, s *fakegitlab.Server, scope string) (int, map[string]any) {
	t.Helper()
	answer, err := http.PostForm(s.URL()+"/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"duo-developer-acme"}, "client_secret": {"glpat-duo"}, "scope": {scope},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	http.DefaultClient.CloseIdleConnections()
	var out map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, out
}

// TestCompositeIdentity: a composite token may what both its service account and
// its person may.
func TestCompositeIdentity(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := start(t, func(c *fakegitlab.Config) {
		c.Now = clock.now
		c.Seed.Projects = append(c.Seed.Projects, fakegitlab.SeedProject{Path: "acme/both", Members: map[string]int{"duo-developer-acme": 30}}, fakegitlab.SeedProject{Path: "acme/account", Members: map[string]int{"duo-developer-acme": 40}})
	})
	scope := func(username string) string {
		u := must[[]*gitlab.User](t)(client(t, s, rootToken).Users.ListUsers(&gitlab.ListUsersOptions{Username: &username}))
		return "ai_workflows mcp user:" + strconv.FormatInt(u[0].ID, 10)
	}
	code, minted := mint(t, s, scope("dana"))
	dana, _ := minted["access_token"].(string)
	if code != 200 || dana == "" || minted["token_type"] != "Bearer" || minted["expires_in"] != 3600.0 {
		t.Fatalf("minted %d %v", code, minted)
	}
	_, other := mint(t, s, scope("guy"))
	guy, _ := other["access_token"].(string)
	for _, c := range []struct {
		token, method, path, body string
		want                      int
	}{
		{dana, "GET", "/projects/acme%2Fboth", "", 200},                                      // both may
		{dana, "POST", "/projects/acme%2Fboth/issues", `{"title":"x"}`, 201},                 // both may
		{dana, "GET", "/projects/acme%2Ftools%2Fsite", "", 403},                              // the account is no member
		{dana, "GET", "/projects/acme%2Faccount/variables", "", 403},                         // the account is a maintainer, the person a developer
		{guy, "GET", "/projects/acme%2Fboth", "", 403},                                       // the person is no member
		{guy, "GET", "/projects/acme%2Ftools%2Fsite", "", 404},                               // neither is
		{dana, "POST", "/users", `{"username":"eve"}`, 403},                                  // nobody is an administrator
		{dana, "GET", "/user", "", 200},                                                      // as the service account
		{"glpat-duo", "GET", "/projects/acme%2Faccount/variables", "", 200},                  // the account alone
		{dana, "POST", "/projects/acme%2Fboth/repository/commits", `{"branch":"main"}`, 400}, // may, but says too little
		{guy, "POST", "/projects/acme%2Fboth/repository/commits", `{"branch":"main"}`, 403},  // may not
		{dana, "DELETE", "/projects/acme%2Fboth/members/2", "", 403},                         // developers do not manage
	} {
		if got, text := request(t, c.method, s.URL()+"/api/v4"+c.path, c.token, c.body); got != c.want {
			t.Errorf("%s %s: %d, not %d: %s", c.method, c.path, got, c.want, text)
		}
	}
	for _, bad := range []string{"ai_workflows", "ai_workflows user:4711", "everything user:2", ""} {
		if code, out := mint(t, s, bad); code != 400 || out["error"] != "invalid_scope" {
			t.Errorf("scope %q: %d %v", bad, code, out)
		}
	}
	clock.advance(time.Hour)
	if got, text := request(t, "GET", s.URL()+"/api/v4/user", dana, ""); got != 401 || !strings.Contains(text, "invalid_token") {
		t.Errorf("an expired token: %d %s", got, text)
	}
}

// TestRevokedTokenLetsNobodyIn revokes a composite token.
func TestRevokedTokenLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, minted := mint(t, s, "ai_workflows user:2")
	token, _ := minted["access_token"].(string)
	body := `{"client_id":"duo-developer-acme","client_secret":"glpat-duo","token":"` + token + `"}`
	before, info := request(t, "GET", s.URL()+"/oauth/token/info", token, "")
	revoked, _ := request(t, "POST", s.URL()+"/oauth/revoke", "", body)
	again, _ := request(t, "POST", s.URL()+"/oauth/revoke", "", body)
	after, _ := request(t, "GET", s.URL()+"/api/v4/user", token, "")
	if before != 200 || !strings.Contains(info, `"user:2"`) || revoked != 200 || again != 200 || after != 401 {
		t.Errorf("before %d %s, revoked %d, again %d, after %d", before, info, revoked, again, after)
	}
}
