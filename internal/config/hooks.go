package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/duolog/duolog/handlers/adapter/webhook/payload"
)

const (
	// maxHooks bounds the hooks of a tenant: each event may be a delivery to each.
	maxHooks = 20
	// maxSecrets is how many keys sign at once.
	maxSecrets = 2
)

// AllowedNetworks are the networks of webhook_allow, which were checked.
func (c Config) AllowedNetworks() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range c.WebhookAllow {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

func (c Config) checkWebhooks(p *problems) {
	for _, s := range c.WebhookAllow {
		_, err := netip.ParsePrefix(s)
		p.want(err == nil, "webhook_allow", quote(s)+" is no network", "write it like 10.1.0.0/16, or 10.1.2.3/32 for one address")
	}
}

func (t Tenant) checkHooks(p *problems, field string) {
	p.want(len(t.Hooks) <= maxHooks, field+"hooks", fmt.Sprintf("%d hooks are too many", len(t.Hooks)), fmt.Sprintf("use at most %d", maxHooks))
	for i, h := range t.Hooks {
		at := fmt.Sprintf("%shooks[%d].", field, i)
		h.check(p, at)
		first := slices.IndexFunc(t.Hooks, func(o Hook) bool { return o.Name == h.Name })
		p.want(first == i, at+"name", fmt.Sprintf("%s is hooks[%d] already", quote(h.Name), first), "give each hook its own name")
	}
}

func (h Hook) check(p *problems, at string) {
	p.want(regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`).MatchString(h.Name), at+"name", quote(h.Name)+" cannot name a hook",
		`use 1 to 40 of a-z, 0-9, "-" and "_", the first a letter or digit`)
	u, err := url.Parse(h.URL) // the error would show what may be a secret
	p.want(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.Fragment == "", at+"url",
		"the hook's address is not a URL that can be called", "write it like https://ci.example.com/duolog; http only reaches webhook_allow")
	p.want(len(h.SecretFiles) > 0, at+"secret_files", "the hook has no key to sign with",
		"name a file, mode 0600, that holds whsec_ and the base64 of 32 random bytes: duolog delivery secret prints one")
	p.want(len(h.SecretFiles) <= maxSecrets, at+"secret_files", "more than two keys sign at once", "keep the new one and the one before it")
	p.want(!slices.Contains(h.SecretFiles, ""), at+"secret_files", "a file has no name", "name it, or leave it out")
	for _, e := range h.Events {
		p.want(slices.Contains(payload.Types(), e), at+"events", "there is no event "+quote(e), "use "+strings.Join(payload.Types(), ", "))
	}
	p.want(len(h.Revision) <= 64, at+"revision", "the revision is too long", "use a number or a date")
}
