package flow_test

import (
	"slices"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzConstraint: whatever is asked for is a version there is, or a refusal that names the
// field.
func FuzzConstraint(f *testing.F) {
	for _, s := range []string{"2.0.0", "^2.0.0", "~1", ">=1.0,<3", "*", "2.0.0-goal", "==2", "", ",", "^", "v2"} {
		f.Add(s)
	}
	c, err := load()
	if err != nil {
		f.Fatal(err)
	}
	known, _ := c.Find("developer/v1")
	f.Fuzz(func(t *testing.T, asked string) {
		fuzztest.Bounded(t, len(asked), func() {
			got, _, err := c.Resolve("developer/v1", on(), nil, asked)
			if err == nil && !slices.Contains(known.Versions, got.Version) {
				t.Errorf("%q is %q", asked, got.Version)
			}
			if e, ok := err.(*domain.Error); err != nil && (!ok || e.Field != "flow_version" || e.Fix == "") { //nolint:errorlint // the shape is the point
				t.Errorf("%q: %v", asked, err)
			}
		})
	})
}
