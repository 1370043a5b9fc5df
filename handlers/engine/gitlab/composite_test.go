package gitlab_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/engine/gitlab"
)

// overheard are the tokens that GitLab gave.
type overheard struct {
	http.RoundTripper

	mu     sync.Mutex
	tokens []string
}

func (o *overheard) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := o.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	var got struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal(body, &got) == nil && got.Token != "" {
		o.mu.Lock()
		o.tokens = append(o.tokens, got.Token)
		o.mu.Unlock()
	}
	return answer, err
}

// composes lets the engine get composite tokens, of url, and hears them.
func (r *rig) composes(url string, secrets map[string]string) *overheard {
	r.t.Helper()
	transport := &http.Transport{}
	r.t.Cleanup(transport.CloseIdleConnections)
	heard := &overheard{RoundTripper: transport}
	r.anew(func(c *gitlab.Config) {
		c.Composite = &gitlab.Composite{
			URL: url, HTTP: &http.Client{Transport: heard},
			For: func(t domain.Tenant) bool { return t == "acme" },
			Secret: func(account string) (string, error) {
				if secret := secrets[account]; secret != "" {
					return secret, nil
				}
				return "", &domain.Error{Code: domain.CodeNotFound, Message: "there is no secret file " + account, Fix: "write one"}
			},
		}
	})
	return heard
}

// knows is GitLab's answer to a request with a token.
func (r *rig) knows(token string) int {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/oauth/token/info", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// failsOnce makes one request fail.
func (r *rig) failsOnce(path string, how map[string]any) {
	r.t.Helper()
	rule := map[string]any{"method": http.MethodPost, "path": path, "times": 1}
	maps.Copy(rule, how)
	r.fails(rule)
}

// TestE4CompositeToken: a job acts in GitLab as the service account for the person, with
// a token that is in no file, no log and no trace, and that ends with the run. Each run
// has its own, and Duolog's beside it.
func TestE4CompositeToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1,
		`test "$GITLAB_TOKEN" = "$GIT_PASSWORD" && test "$GITLAB_TOKEN" != "$DUOLOG_TOKEN" && test "$GITLAB_OAUTH_TOKEN" = "$DUOLOG_TOKEN"`,
		`echo "acts with $GITLAB_TOKEN at $DUO_WORKFLOW_GIT_HTTP_BASE_URL"`,
		`curl -sS -H "Authorization: Bearer $GITLAB_TOKEN" "$CI_SERVER_URL/oauth/token/info"`,
		`curl -sSf -o /dev/null -H "Authorization: Bearer $GITLAB_TOKEN" "$CI_API_V4_URL/projects/$CI_PROJECT_ID/repository/branches"`)
	heard := r.composes(r.url, map[string]string{account: accountSecret})
	for n := 1; n <= 2; n++ {
		s := order()
		s.Env["GITLAB_OAUTH_TOKEN"] = s.Env["DUOLOG_TOKEN"]
		r.start(s)
		file, _, err := r.client.RepositoryFiles.GetRawFile(project, ".gitlab-ci.yml", &gl.GetRawFileOptions{
			Ref: new("workloads/acme/" + s.Workflow.String() + "/" + s.RunID.String()),
		})
		if end := r.ends(s); end.Status != engine.StatusSuccess {
			t.Fatalf("ended %+v\n%s", end, r.log(s))
		}
		if len(heard.tokens) != n {
			t.Fatalf("GitLab gave %d tokens for %d runs", len(heard.tokens), n)
		}
		token, log := heard.tokens[n-1], r.log(s)
		if !strings.Contains(log, `"uid":"duo-developer"`) || !strings.Contains(log, "user:") || !strings.Contains(log, "acts with [MASKED] at "+r.url) {
			t.Errorf("the job's log:\n%s", log)
		}
		if err != nil || strings.Contains(string(file)+log+r.told.String(), token) {
			t.Errorf("the token is in plain sight, or the file is not to be read: %v\n%s\n%s\n%s", err, file, log, r.told.String())
		}
		if got := r.knows(token); got != http.StatusUnauthorized {
			t.Errorf("after the run GitLab answers its token with %d", got)
		}
	}
	r.clean()
}

// TestE4NoCompositeToken: a run that cannot act for its person does not start, and says
// what to do; where GitLab only gave no answer it is tried again.
func TestE4NoCompositeToken(t *testing.T) {
	t.Parallel()
	all := map[string]string{account: accountSecret, "duo-other": "glpat-nothing"}
	for name, c := range map[string]struct {
		user, account string
		fault         map[string]any
		// says is what the refusal says, empty where it is none.
		says string
	}{
		"no such person":         {user: "eve", account: account, says: "GitLab knows no user eve"},
		"blocked person":         {user: "bo", account: account, says: "the user bo, for whom the run would act, is blocked"},
		"no service account":     {user: "mia", says: "no service account"},
		"no secret":              {user: "mia", account: "duo-third", says: "there is no secret file duo-third; write one"},
		"unknown account":        {user: "mia", account: "duo-other", says: "401 invalid_client"},
		"refused":                {user: "mia", account: account, fault: map[string]any{"kind": "status", "status": 403}, says: "403"},
		"rate limited":           {user: "mia", account: account, fault: map[string]any{"kind": "status", "status": 429}},
		"out of order":           {user: "mia", account: account, fault: map[string]any{"kind": "status", "status": 503}},
		"nonsense":               {user: "mia", account: account, fault: map[string]any{"kind": "nonsense"}},
		"an answer that is lost": {user: "mia", account: account, fault: map[string]any{"kind": "timeout_after_success"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 1, "true")
			r.composes(r.url, all)
			if c.fault != nil {
				r.failsOnce("/oauth/token", c.fault)
			}
			s := order()
			s.User, s.ServiceAccount = c.user, c.account
			_, err := r.Start(t.Context(), s)
			refusal, refused := errors.AsType[*engine.RefusedError](err)
			switch {
			case err == nil || refused != (c.says != ""):
				t.Fatalf("the start: %v", err)
			case refused && (refusal.Reason != engine.ReasonComposite || refusal.Err.Fix == "" || !strings.Contains(refusal.Err.Message+"; "+refusal.Err.Fix, c.says)):
				t.Errorf("refused with %+v", refusal.Err)
			}
			if len(r.pipelines(s)) != 0 || strings.Contains(err.Error(), accountSecret) {
				t.Errorf("%d pipelines were made after %v", len(r.pipelines(s)), err)
			}
			r.clean()
			if !refused {
				r.start(s)
				r.ends(s)
			}
		})
	}
}

// TestE4TokensThatAreNotComposite: a token that lets the account alone in, or that lives
// on, is handed to nobody.
func TestE4TokensThatAreNotComposite(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]string{
		"of the account alone": `"scope":"ai_workflows mcp","expires_in":3600`,
		"for somebody else":    `"scope":"ai_workflows mcp user:99999","expires_in":3600`,
		"for ever":             `"scope":"ai_workflows mcp user:%d"`,
		"for a day":            `"scope":"ai_workflows mcp user:%d","expires_in":86400`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 0)
			found, _, err := r.client.Users.ListUsers(&gl.ListUsersOptions{Username: new("mia")})
			if err != nil {
				t.Fatal(err)
			}
			var revoked []string
			other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path == "/oauth/revoke" {
					revoked = append(revoked, req.FormValue("token"))
				}
				_, _ = io.WriteString(w, `{"access_token":"gloas-wide",`+strings.ReplaceAll(scope, "%d", fmt.Sprint(found[0].ID))+`}`)
			}))
			t.Cleanup(other.Close)
			r.composes(other.URL, map[string]string{account: accountSecret})
			s := order()
			_, err = r.Start(t.Context(), s)
			if refusal, refused := errors.AsType[*engine.RefusedError](err); !refused || refusal.Reason != engine.ReasonComposite || strings.Contains(err.Error(), "gloas-") {
				t.Errorf("the start: %v", err)
			}
			if len(revoked) != 1 || revoked[0] != "gloas-wide" || len(r.pipelines(s)) != 0 {
				t.Errorf("revoked %v, %d pipelines", revoked, len(r.pipelines(s)))
			}
			r.clean()
		})
	}
}

// TestE4RefusedRunLeavesNoToken: GitLab takes the tokens and refuses the branch.
func TestE4RefusedRunLeavesNoToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0)
	heard := r.composes(r.url, map[string]string{account: accountSecret})
	r.failsOnce("*/repository/commits", map[string]any{"kind": "status", "status": 403})
	if _, err := r.Start(t.Context(), order()); domain.CodeOf(err) != domain.CodeForbidden {
		t.Errorf("the start: %v", err)
	}
	if len(heard.tokens) != 1 || r.knows(heard.tokens[0]) != http.StatusUnauthorized {
		t.Errorf("GitLab gave %d tokens, and the last still works", len(heard.tokens))
	}
	r.clean()
}
