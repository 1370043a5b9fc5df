package placement_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
)

// TestE10 is the choice of the engine: by what the flow needs, the tenant's order,
// what engines can do, and what was tried in vain.
func TestE10(t *testing.T) {
	t.Parallel()
	offers := map[string][]placement.Ability{
		"gitlab":   {placement.Repository, placement.Clone, placement.Commands},
		"headless": {placement.Repository},
		"local":    {placement.Repository, placement.Commands},
	}
	for name, c := range map[string]struct {
		allowed []string
		needs   placement.Needs
		tried   []string
		want    string
		reason  string
	}{
		"the tenant's order":    {[]string{"headless", "gitlab"}, placement.Needs{}, nil, "headless", "the first that is allowed"},
		"what the flow needs":   {[]string{"headless", "gitlab"}, placement.Needs{Abilities: []placement.Ability{placement.Clone}}, nil, "gitlab", "headless cannot do clone"},
		"what the flow allows":  {[]string{"gitlab", "headless"}, placement.Needs{Engines: []string{"headless"}}, nil, "headless", "gitlab is not for this flow"},
		"no runner free":        {[]string{"gitlab", "local"}, placement.Needs{}, []string{"gitlab"}, "local", "gitlab has no runner free"},
		"not configured":        {[]string{"mars", "local"}, placement.Needs{}, nil, "local", "mars is not configured"},
		"nothing left":          {[]string{"gitlab"}, placement.Needs{}, []string{"gitlab"}, "", "gitlab has no runner free"},
		"nothing that can":      {[]string{"headless"}, placement.Needs{Abilities: []placement.Ability{placement.Commands}}, nil, "", "headless cannot do commands"},
		"not where the flow is": {[]string{"gitlab", "headless"}, placement.Needs{Engines: []string{"gitlab"}}, []string{"gitlab"}, "", "headless is not for this flow"},
	} {
		got, err := placement.Choose(c.allowed, offers, c.needs, c.tried...)
		for i, candidate := range got.Candidates {
			if before := slices.Index(c.allowed, c.want); candidate.Engine != c.allowed[i] || (candidate.PassedOver != "") != (before < 0 || i < before) {
				t.Errorf("%s: candidate %d is %+v", name, i, candidate)
			}
		}
		if len(got.Candidates) != len(c.allowed) || got.Engine != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %+v, %v; want %q", name, got, err, c.want)
		}
		if err != nil && domain.CodeOf(err) != domain.CodeConflict {
			t.Errorf("%s: the error is no refusal: %v", name, err)
		}
		if said := fmt.Sprint(got.Reason, err); !strings.Contains(said, c.reason) {
			t.Errorf("%s: %q does not say %q", name, said, c.reason)
		}
	}
}
