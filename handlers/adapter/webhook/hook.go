package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

// Hook is one address that is told of events.
type Hook struct {
	Name string
	URL  *url.URL
	// Keys sign: two while one is replaced by the other.
	Keys []standard.Key
	// Events are the types it is told of for every workflow; a workflow may name
	// it besides.
	Events []string
	// Within limits that to the workflows of a namespace or project and what is
	// below it; empty is all.
	Within string
	// Disabled hooks are told nothing.
	Disabled bool
	// Revision is part of what a hook is: another one begins anew after the hook
	// was gone.
	Revision string
}

// Target names the hook in the log: what it is called, where it is, and a
// fingerprint of its whole address. The path and the query, which may hold a
// secret, are not in it.
func (h Hook) Target() string {
	sum := sha256.Sum256([]byte(h.URL.String() + "\n" + h.Revision))
	return h.Name + " " + h.URL.Scheme + "://" + h.URL.Host + " " + hex.EncodeToString(sum[:8])
}

// redact takes out of an answer what of the hook's address may be a secret:
// receivers like to say what they were asked.
func (h Hook) redact(answer string) string {
	password, _ := h.URL.User.Password()
	secrets := []string{h.URL.RawQuery, h.URL.EscapedPath(), h.URL.Path, password}
	for _, values := range h.URL.Query() {
		secrets = append(secrets, values...)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if len(s) >= leastSecret {
			answer = strings.ReplaceAll(answer, s, "[redacted]")
		}
	}
	return answer
}

// leastSecret is how long a part of an address is that may be a secret.
const leastSecret = 4

// covers says whether a workflow at one of these paths is the hook's.
func (h Hook) covers(paths []string) bool {
	return h.Within == "" || slices.ContainsFunc(paths, func(p string) bool {
		return p == h.Within || strings.HasPrefix(p, h.Within+"/")
	})
}

// Book has the hooks of all tenants. It is not changed once made.
type Book map[domain.Tenant][]Hook

// Has says whether the tenant has any hook.
func (b Book) Has(tenant domain.Tenant) bool { return len(b[tenant]) > 0 }

// Find is the hook of that name.
func (b Book) Find(tenant domain.Tenant, name string) (Hook, bool) {
	i := slices.IndexFunc(b[tenant], func(h Hook) bool { return h.Name == name })
	if i < 0 {
		return Hook{}, false
	}
	return b[tenant][i], true
}

// Enabled says whether there is such a hook and it is not disabled.
func (b Book) Enabled(tenant domain.Tenant, name string) bool {
	h, known := b.Find(tenant, name)
	return known && !h.Disabled
}

// Subscribed are the names of the hooks that are told of an event of a workflow
// at one of these paths.
func (b Book) Subscribed(tenant domain.Tenant, event string, paths ...string) []string {
	var out []string
	for _, h := range b[tenant] {
		if !h.Disabled && slices.Contains(h.Events, event) && h.covers(paths) {
			out = append(out, h.Name)
		}
	}
	return out
}

// Wants says whether any hook is told of an event.
func (b Book) Wants(event string) bool {
	for tenant := range b {
		for _, h := range b[tenant] {
			if !h.Disabled && slices.Contains(h.Events, event) {
				return true
			}
		}
	}
	return false
}
