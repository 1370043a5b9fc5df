package gitlab

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/engine"
)

const (
	// compositeKey is the masked variable that holds the run's composite token.
	compositeKey = "DUOLOG_COMPOSITE_TOKEN"
	// compositeLife is how long such a token may live at most: nothing but time ends
	// one that a crash left behind.
	compositeLife = time.Hour
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 64 << 10
)

// Composite obtains the tokens by which jobs act in GitLab itself: of the service
// account, for the person. GitLab takes one only for what both may do.
type Composite struct {
	// URL is the address of the instance.
	URL string
	// HTTP calls it. It MUST NOT follow redirects: the calls have secrets in them.
	HTTP *http.Client
	// For says whose runs get one: the tenants to whom the instance says who is who.
	For func(domain.Tenant) bool
	// Secret is what a service account shows to get a token. Its *domain.Error says
	// why there is none.
	Secret func(account string) (string, error)
}

// granted is an answer of GitLab's token endpoint, of either kind.
type granted struct {
	Token     string `json:"access_token"`
	Scope     string `json:"scope"`
	ExpiresIn int64  `json:"expires_in"`
	Error     string `json:"error"`
	Said      string `json:"error_description"`
}

// composite is a token for the person and the service account of a run, empty where
// its tenant gets none. An *engine.RefusedError says that there is none to be had; after any
// other error it may be tried again.
func (e *Engine) composite(ctx context.Context, s engine.Start) (string, error) {
	c := e.cfg.Composite
	if c == nil || !c.For(s.Tenant) {
		return "", nil
	}
	if s.ServiceAccount == "" {
		return "", without("the workflow has no service account that could act for "+s.User, "give the tenant a service_account, and start it again")
	}
	human, err := e.human(ctx, s.User)
	if err != nil {
		return "", err
	}
	secret, err := c.Secret(s.ServiceAccount)
	if refusal, refused := errors.AsType[*domain.Error](err); refused {
		return "", without(fmt.Sprintf("the service account %s cannot get a token: %s", s.ServiceAccount, refusal.Message), refusal.Fix)
	}
	if err != nil {
		return "", fmt.Errorf("read the secret of %s: %w", s.ServiceAccount, err)
	}
	return c.obtain(ctx, s, secret, "user:"+strconv.FormatInt(human.ID, 10))
}

// human is the account of the person in GitLab.
func (e *Engine) human(ctx context.Context, login string) (*gl.User, error) {
	found, _, err := e.cfg.Client.Users.ListUsers(&gl.ListUsersOptions{Username: &login}, gl.WithContext(ctx))
	if err != nil {
		err = refused("look up the user "+login, err)
		if refusal, ok := errors.AsType[*domain.Error](err); ok {
			return nil, &engine.RefusedError{Reason: engine.ReasonComposite, Err: refusal}
		}
		return nil, err
	}
	i := slices.IndexFunc(found, func(u *gl.User) bool { return strings.EqualFold(u.Username, login) })
	switch {
	case i < 0:
		return nil, without("GitLab knows no user "+login+", for whom the run would act", "give the person an account there, and resume the workflow")
	case found[i].State != "active":
		return nil, without(fmt.Sprintf("the user %s, for whom the run would act, is %s in GitLab", login, found[i].State), "an administrator of GitLab can unblock the account; then resume the workflow")
	}
	return found[i], nil
}

// obtain asks for the token and believes only one that is bound to the person.
func (c *Composite) obtain(ctx context.Context, s engine.Start, secret, scope string) (string, error) {
	status, got, err := c.post(ctx, "/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s.ServiceAccount}, "client_secret": {secret}, "scope": {"ai_workflows mcp " + scope},
	})
	who := fmt.Sprintf("the service account %s to act for %s", s.ServiceAccount, s.User)
	switch {
	case err != nil:
		return "", fmt.Errorf("get a token for %s: %w", who, err)
	case tryAgain(status) || status < 300 && got.Token == "":
		return "", fmt.Errorf("get a token for %s: GitLab answered %d and no token", who, status)
	case status >= 300:
		return "", without(
			strings.TrimSpace(fmt.Sprintf("GitLab gives no token for %s: %d %s %s", who, status, brief(got.Error), brief(got.Said))),
			"see that the account is not blocked and that its secret in the directory gitlab_accounts_dir is valid")
	}
	life := time.Duration(got.ExpiresIn) * time.Second
	if life > 0 && life <= compositeLife && slices.Contains(strings.Fields(got.Scope), scope) {
		return got.Token, nil
	}
	_ = c.revoke(ctx, s.ServiceAccount, got.Token) // it goes nowhere, and expires in any case
	return "", without(
		fmt.Sprintf("GitLab gave a token for %s that is not bound to that person, or lives longer than an hour", who),
		"let its application make tokens with the scope user:ID that expire within an hour")
}

// revoke ends a token before its time.
func (c *Composite) revoke(ctx context.Context, account, token string) error {
	secret, err := c.Secret(account)
	if err != nil {
		return fmt.Errorf("read the secret of %s: %w", account, err)
	}
	status, got, err := c.post(ctx, "/oauth/revoke", url.Values{"client_id": {account}, "client_secret": {secret}, "token": {token}})
	if err == nil && status >= 300 {
		err = fmt.Errorf("GitLab answered %d %s", status, brief(got.Error))
	}
	return err
}

// post sends a form. What is no JSON is an empty answer: neither it nor the form goes
// into an error.
func (c *Composite) post(ctx context.Context, path string, form url.Values) (int, granted, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.URL, "/")+path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, granted{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := c.HTTP.Do(req)
	if err != nil {
		return 0, granted{}, err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return 0, granted{}, err
	}
	var got granted
	_ = json.Unmarshal(body, &got) // its fields stay empty then
	return answer.StatusCode, got, nil
}

// dropComposite ends the composite token of a run that is over, where one was made. A
// token that cannot be revoked keeps no run from its end: it expires by itself.
func (e *Engine) dropComposite(ctx context.Context, r engine.Run) error {
	c, scope := e.cfg.Composite, environmentOf(r)
	if c == nil || !c.For(r.Tenant) {
		return nil
	}
	held, _, err := e.cfg.Client.ProjectVariables.GetVariable(r.Project, compositeKey, &gl.GetProjectVariableOptions{
		Filter: &gl.VariableFilter{EnvironmentScope: scope},
	}, gl.WithContext(ctx))
	if errors.Is(err, gl.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the composite token of run %s: %w", r.ID, err)
	}
	if err := c.revoke(ctx, r.ServiceAccount, held.Value); err != nil {
		e.cfg.Logger.WarnContext(ctx, "composite token not revoked", slog.String("run_id", r.ID.String()), slog.Any("error", err))
	}
	return e.dropVariable(ctx, r, compositeKey)
}

// without is the refusal of a run for which there is no composite token.
func without(message, fix string) error {
	return &engine.RefusedError{
		Reason: engine.ReasonComposite,
		Err:    &domain.Error{Code: domain.CodeForbidden, Message: message, Fix: cmp.Or(fix, "see docs/engine-gitlab.md")},
	}
}

// brief is the beginning of a word or sentence that GitLab said.
func brief(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if begin := domain.CleanText(s, 160); len(begin) < len(s) {
		return begin + "…"
	}
	return s
}
