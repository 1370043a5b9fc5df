package fakegitlab

import (
	"slices"
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// tokenWire is a personal access token; its value goes out once.
type tokenWire struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	Revoked   bool      `json:"revoked"`
	Active    bool      `json:"active"`
	Scopes    []string  `json:"scopes"`
	UserID    int64     `json:"user_id"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt string    `json:"expires_at,omitempty"`
	Token     string    `json:"token,omitempty"`
}

func (c *call) tokenWire(t *instance.Token) tokenWire {
	out := tokenWire{ID: t.ID, Name: t.Name, Revoked: t.Revoked, Active: t.Active(c.now), Scopes: t.Scopes, UserID: t.User, CreatedAt: t.CreatedAt}
	if t.ExpiresAt != nil {
		out.ExpiresAt = t.ExpiresAt.Format(time.DateOnly)
	}
	return out
}

// addToken makes a personal access token from the call's parameters.
func (c *call) addToken(u *instance.User) (any, error) {
	name, err := c.need("name")
	if err != nil {
		return nil, err
	}
	scopes := c.list("scopes")
	if len(scopes) == 0 {
		return nil, &refusal{400, map[string]any{"error": "scopes is missing"}}
	}
	known := []string{instance.ScopeAPI, instance.ScopeReadAPI, instance.ScopeReadUser, instance.ScopeReadRepo, instance.ScopeWriteRepo, instance.ScopeAIWorkflows, instance.ScopeMCP}
	for _, scope := range scopes {
		if !slices.Contains(known, scope) {
			return nil, &refusal{400, map[string]any{"error": "scopes does not have a valid value"}}
		}
	}
	t := instance.Token{Value: newToken("glpat-"), User: u.ID, Name: name, Scopes: scopes}
	if day := c.str("expires_at"); day != "" {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return nil, &refusal{400, map[string]any{"error": "expires_at is invalid"}}
		}
		t.ExpiresAt = &at
	}
	added := c.s.state.AddToken(t, c.now)
	out := c.tokenWire(added)
	out.Token = added.Value
	c.created()
	return out, nil
}
