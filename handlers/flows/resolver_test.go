package flows_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/schemas"
)

// TestF8: flags are evaluated for the path that is given, each of the flow's own once, and
// one that cannot be read is no answer.
func TestF8(t *testing.T) {
	t.Parallel()
	catalog, err := flows.Load(schemas.Flows)
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	broken := errors.New("away")
	r := flows.Resolver{Catalog: catalog, Flags: func(_ context.Context, tenant domain.Tenant, name, path string) (bool, error) {
		asked = append(asked, string(tenant)+" "+path+" "+name)
		if path == "acme/broken" {
			return false, broken
		}
		return path == "acme/site", nil
	}}
	tenant := r.Of("acme", flow.Policy{Default: workflow.Flow{Definition: "developer/v1"}, Settings: directory.FlowSettings{FoundationalAllowed: true, Enabled: []string{"developer/v1", "code_review/v1"}}})
	for path, want := range map[string]string{"acme/site": "developer_unstable", "acme": "developer"} {
		if got, _, err := tenant.Resolve(t.Context(), path, flow.Ask{}); got.ConfigID != want || err != nil {
			t.Errorf("in %s it is %+v, %v", path, got, err)
		}
	}
	if _, _, err := tenant.Resolve(t.Context(), "acme", flow.Ask{Reference: "code_review/v1"}); err != nil {
		t.Error(err)
	}
	slices.Sort(asked)
	if want := []string{"acme acme duo_developer_next_unstable", "acme acme/site duo_developer_next_unstable"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
	if got, _, err := tenant.Resolve(t.Context(), "acme/broken", flow.Ask{}); domain.CodeOf(err) != domain.CodeNotNow || !errors.Is(err, broken) || got.Definition != "" {
		t.Errorf("a flag that cannot be read: %+v, %v", got, err)
	}
	without := flows.Resolver{Catalog: catalog}.Of("acme", tenant.Policy())
	if got, _, err := without.Resolve(t.Context(), "acme", flow.Ask{}); got.ConfigID != "developer" || err != nil {
		t.Errorf("without flags: %+v, %v", got, err)
	}
}

func TestCatalogThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fstest.MapFS{
		"broken": {"flows/a.json": {Data: []byte(`{`)}},
		"twice":  {"flows/a.json": {Data: []byte(`{"reference":"a","definition":"a"}`)}, "flows/b.json": {Data: []byte(`{"reference":"a","definition":"a"}`)}},
	} {
		if _, err := flows.Load(files); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
