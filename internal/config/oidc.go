package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"

	"github.com/alecthomas/kong"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
)

// Provider is an identity provider of the company, whose tokens let its people in.
type Provider struct {
	// Issuer is its address, as its tokens name it.
	Issuer string `json:"issuer"`
	// Audience is what its tokens for Duolog are for.
	Audience string `json:"audience"`
	// Tenant is where its people belong.
	Tenant domain.Tenant `json:"tenant"`
	// LoginClaim holds the login; preferred_username by default.
	LoginClaim string `json:"login_claim"`
	// Scope is what its tokens may: read, write (default) or admin.
	Scope access.Scope `json:"scope"`
}

// Providers is the list of identity providers of the file.
type Providers []Provider

func (p Providers) withDefaults() Providers {
	out := slices.Clone(p)
	for i := range out {
		out[i].LoginClaim = cmp.Or(out[i].LoginClaim, "preferred_username")
		out[i].Scope = cmp.Or(out[i].Scope, access.ScopeWrite)
	}
	return out
}

// Decode takes the list from the file; a flag cannot hold it.
func (p *Providers) Decode(ctx *kong.DecodeContext) error {
	list, ok := ctx.Scan.Pop().Value.(Providers)
	if !ok {
		return errFileOnly
	}
	*p = list
	return nil
}

func (c Config) checkProviders(p *problems) {
	for i, o := range c.Providers {
		field := fmt.Sprintf("oidc[%d].", i)
		u, err := url.Parse(o.Issuer)
		p.want(err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "", field+"issuer",
			quote(o.Issuer)+" is not the address of an identity provider", "write it as its tokens do, like https://login.example.com")
		first := slices.IndexFunc(c.Providers, func(other Provider) bool { return other.Issuer == o.Issuer })
		p.want(first == i, field+"issuer", fmt.Sprintf("%s is oidc[%d] already", quote(o.Issuer), first), "name each provider once")
		p.want(o.Audience != "", field+"audience", "tokens that the provider made for others would be taken", "set the client id that Duolog has there")
		_, known := c.Tenants.Find(o.Tenant)
		p.want(known, field+"tenant", quote(string(o.Tenant))+" is none of the tenants", "use the name of one in the list tenants")
		p.want(o.Scope.Check() == nil, field+"scope", quote(string(o.Scope))+" is no scope", "use read, write or admin")
	}
}
