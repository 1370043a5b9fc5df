package agent

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// renewBefore is how long before it expires a token is renewed: a step that takes
// longer than the rest still ends with one that works.
const renewBefore = 30 * time.Minute

// expiry is when a token stops to work; zero for one that does not say.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Expiry int64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(raw, &claims) != nil || claims.Expiry == 0 {
		return time.Time{}
	}
	return time.Unix(claims.Expiry, 0)
}

// keepFresh renews the token of the run when it is time. Where that fails the old one
// is shown: it may still work, and what it is refused with says more.
func (c *client) keepFresh(ctx context.Context) {
	expires := expiry(c.token)
	if expires.IsZero() || c.now().Before(expires.Add(-renewBefore)) {
		return
	}
	var fresh struct {
		Token string `json:"token"`
	}
	if err := c.send(ctx, http.MethodPost, c.base+"/v1/token/renew", nil, &fresh); err == nil && fresh.Token != "" {
		c.token = fresh.Token
	}
}
