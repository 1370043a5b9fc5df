package fakegitlab

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// compositeLives is how long a composite token lets anybody in.
const compositeLives = time.Hour

// The tokens of composite identities. GitLab makes them within itself; here a
// service account gets them as an OAuth application would: its name and a
// personal access token of it are the client's id and secret.
func oauthRoutes() []route {
	return []route{
		{pattern: "POST /oauth/token", handle: mintToken, open: true},
		{pattern: "POST /oauth/revoke", handle: revokeToken, open: true},
		{pattern: "GET /oauth/token/info", handle: tokenInfo},
	}
}

// applicant is the service account that a token is asked for as.
func (c *call) applicant() (*instance.User, error) {
	id, password, basic := c.BasicAuth()
	if !basic {
		id, password = c.str("client_id"), c.str("client_secret")
	}
	t := c.s.state.Token(password)
	if t == nil || !t.Active(c.now) || t.For != 0 || t.Job != 0 {
		return nil, errorWord(http.StatusUnauthorized, "invalid_client", "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.")
	}
	u := c.s.user(t.User)
	if u == nil || u.Blocked || !u.ServiceAccount || !strings.EqualFold(u.Username, id) {
		return nil, errorWord(http.StatusUnauthorized, "invalid_client", "The client is no service account that may get tokens.")
	}
	return u, nil
}

// human is the person of the scope user:<id>, and the scopes beside it.
func (c *call) human(asked []string) (*instance.User, error) {
	var human *instance.User
	for _, scope := range asked {
		id, found := strings.CutPrefix(scope, instance.ScopeUser)
		n, err := strconv.ParseInt(id, 10, 64)
		switch {
		case found && err == nil && human == nil && c.s.user(n) != nil && !c.s.user(n).ServiceAccount:
			human = c.s.user(n)
		case !found && slices.Contains([]string{instance.ScopeAIWorkflows, instance.ScopeMCP, instance.ScopeAPI}, scope):
		default:
			return nil, errorWord(http.StatusBadRequest, "invalid_scope", "The requested scope is invalid, unknown, or malformed.")
		}
	}
	if human == nil {
		return nil, errorWord(http.StatusBadRequest, "invalid_scope", "A service account acts for a person: the scope user:<id> is missing.")
	}
	return human, nil
}

func mintToken(c *call) (any, error) {
	if kind := c.str("grant_type"); kind != "client_credentials" {
		return nil, errorWord(http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server.")
	}
	account, err := c.applicant()
	if err != nil {
		return nil, err
	}
	scopes := c.list("scope")
	human, err := c.human(scopes)
	if err != nil {
		return nil, err
	}
	c.s.state.ForgetComposite(c.now.Add(-compositeLives))
	until := c.now.Add(compositeLives)
	t := c.s.state.AddToken(instance.Token{Value: newToken("gloas-"), User: account.ID, For: human.ID, Scopes: scopes, ExpiresAt: &until}, c.now)
	return map[string]any{
		"access_token": t.Value, "token_type": "Bearer", "expires_in": int(compositeLives.Seconds()),
		"scope": strings.Join(scopes, " "), "created_at": c.now.Unix(),
	}, nil
}

// revokeToken answers the same whether there was such a token, as RFC 7009 says.
func revokeToken(c *call) (any, error) {
	account, err := c.applicant()
	if err != nil {
		return nil, err
	}
	if t := c.s.state.Token(c.str("token")); t != nil && t.User == account.ID {
		t.Revoked = true
	}
	return map[string]any{}, nil
}

func tokenInfo(c *call) (any, error) {
	t := c.actor.token
	out := map[string]any{
		"resource_owner_id": t.User, "scope": t.Scopes, "expires_in": nil, "created_at": t.CreatedAt.Unix(),
		"application": map[string]any{"uid": c.actor.user.Username},
	}
	if t.ExpiresAt != nil {
		out["expires_in"] = int(t.ExpiresAt.Sub(c.now).Seconds())
	}
	return out, nil
}
