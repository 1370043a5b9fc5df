package flow_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
)

// pinned says itself what its flow resolves to.
func pinned() flow.Policy {
	return flow.Policy{
		Default: workflow.Flow{Definition: "developer/v1", ConfigID: "developer", SchemaVersion: "v1", Version: "1.0.0"},
		Own:     []string{"house/v1", "ai_catalog_agent"},
		Where:   "acme", Source: "config",
		Settings: directory.FlowSettings{FoundationalAllowed: true, Enabled: []string{"developer/v1", "fix_pipeline/v1", "house/v1", "ai_catalog_agent"}},
	}
}

func TestWhatATenantSays(t *testing.T) {
	t.Parallel()
	open := pinned()
	open.Default = workflow.Flow{Definition: "developer/v1"}
	own := pinned()
	own.Default, own.Own, own.Settings.Enabled = workflow.Flow{Definition: "house/v2", Version: "1.4.0"}, []string{"house/v2"}, []string{"house/v2"}
	all := on("duo_developer_next_unstable", "fix_pipeline_next")
	for name, c := range map[string]struct {
		policy flow.Policy
		ask    flow.Ask
		want   workflow.Flow
	}{
		"its own values, whatever the flags":   {pinned(), flow.Ask{}, pinned().Default},
		"the same by name":                     {pinned(), flow.Ask{Reference: "developer/v1"}, pinned().Default},
		"a constraint that allows them":        {pinned(), flow.Ask{Constraint: "^1.0.0"}, pinned().Default},
		"a constraint that does not":           {pinned(), flow.Ask{Constraint: "1.0.0"}, pinned().Default},
		"nothing but a name":                   {open, flow.Ask{}, workflow.Flow{Definition: "developer_unstable/experimental", ConfigID: "developer_unstable", SchemaVersion: "experimental", Version: "1.0.0"}},
		"one that is enabled":                  {pinned(), flow.Ask{Reference: "fix_pipeline/v1"}, workflow.Flow{Definition: "fix_pipeline_next/v1", ConfigID: "fix_pipeline_next", SchemaVersion: "v1", Version: "1.0.0"}},
		"a flow of its own":                    {pinned(), flow.Ask{Reference: "house/v1"}, workflow.Flow{Definition: "house/v1"}},
		"a version of its own":                 {pinned(), flow.Ask{Reference: "house/v1", Constraint: "1.2.0"}, workflow.Flow{Definition: "house/v1", Version: "1.2.0"}},
		"a default of its own":                 {own, flow.Ask{}, own.Default},
		"a default of its own, by constraint":  {own, flow.Ask{Constraint: "~1.4"}, own.Default},
		"a configuration that somebody brings": {pinned(), flow.Ask{Reference: "ai_catalog_agent", Inline: &flow.Inline{SchemaVersion: "v1", Body: json.RawMessage(`{}`)}}, workflow.Flow{Definition: "ai_catalog_agent", SchemaVersion: "v1"}},
	} {
		got, reasons, err := catalog(t).For(c.policy, all, c.ask)
		if d := cmp.Diff(c.want, got.Flow); d != "" || err != nil || len(reasons) == 0 {
			t.Errorf("%s: %v, %v\n%s", name, err, reasons, d)
		}
	}
	asked, _, err := catalog(t).For(pinned(), on(), flow.Ask{Constraint: "^2.0.0"})
	if err != nil || asked.Version != "2.0.0" {
		t.Errorf("another version than its own is %+v, %v", asked.Flow, err)
	}
	for name, c := range map[string]struct {
		policy flow.Policy
		ask    flow.Ask
		code   domain.Code
		field  string
		fix    string
	}{
		"not enabled":                {pinned(), flow.Ask{Reference: "code_review/v1"}, domain.CodeFlowNotEnabled, "workflow_definition", "add code_review/v1 to"},
		"not in the catalog":         {pinned(), flow.Ask{Reference: "nobody/v1"}, domain.CodeFlowNotEnabled, "workflow_definition", "house/v1"},
		"a configuration not so":     {pinned(), flow.Ask{Reference: "other", Inline: &flow.Inline{SchemaVersion: "v1"}}, domain.CodeFlowNotEnabled, "workflow_definition", "ai_catalog_agent"},
		"no text":                    {pinned(), flow.Ask{Reference: "a\x00"}, domain.CodeInvalidField, "workflow_definition", ""},
		"a range of its own":         {pinned(), flow.Ask{Reference: "house/v1", Constraint: "^1.0.0"}, domain.CodeInvalidField, "flow_version", "one version"},
		"no version of its own":      {pinned(), flow.Ask{Reference: "house/v1", Constraint: "new"}, domain.CodeInvalidField, "flow_version", "^2.0.0"},
		"another than its default":   {own, flow.Ask{Constraint: "2.0.0"}, domain.CodeInvalidField, "flow_version", "1.4.0"},
		"no flow and no default":     {flow.Policy{Where: "acme"}, flow.Ask{}, domain.CodeFlowNotEnabled, "workflow_definition", ""},
		"no version of the catalogs": {pinned(), flow.Ask{Constraint: "^9.0.0"}, domain.CodeInvalidField, "flow_version", "developer_unstable"},
	} {
		_, _, err := catalog(t).For(c.policy, all, c.ask)
		refused(t, name, err, c.code, c.field, c.fix)
	}
}

// TestAgain: what was recorded holds, whatever the flags say; a version that is asked for
// is one of the same configuration.
func TestAgain(t *testing.T) {
	t.Parallel()
	unstable := workflow.Flow{Definition: "developer_unstable/experimental", ConfigID: "developer_unstable", SchemaVersion: "experimental", Version: "1.0.0"}
	stable := workflow.Flow{Definition: "developer/v1", ConfigID: "developer", SchemaVersion: "v1", Version: "2.0.0"}
	newest := stable
	newest.Version = "3.0.0"
	gone := stable
	gone.Version = "0.9.0"
	house := workflow.Flow{Definition: "house/v1", Version: "1.0.0"}
	for name, c := range map[string]struct {
		recorded   workflow.Flow
		constraint string
		want       workflow.Flow
	}{
		"as recorded":                      {stable, "", stable},
		"behind a flag that is off now":    {unstable, "", unstable},
		"a version that is gone":           {gone, "", gone},
		"another version":                  {stable, "^3.0.0", newest},
		"another version of the same":      {unstable, "^1.0.0", unstable},
		"a flow that the catalog does not": {house, "", house},
		"the same version of it":           {house, "1.0.0", house},
	} {
		got, err := catalog(t).Again(pinned(), c.recorded, nil, c.constraint)
		if d := cmp.Diff(c.want, got.Flow); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
	}
	for name, c := range map[string]struct {
		recorded   workflow.Flow
		inline     json.RawMessage
		constraint string
		code       domain.Code
		field      string
	}{
		"not enabled any more":        {workflow.Flow{Definition: "code_review/v1"}, nil, "", domain.CodeFlowNotEnabled, "workflow_definition"},
		"a version behind no flag":    {unstable, nil, "2.0.0", domain.CodeInvalidField, "flow_version"},
		"a range of what it has":      {house, nil, "^2.0.0", domain.CodeInvalidField, "flow_version"},
		"a version of what it brings": {workflow.Flow{Definition: "ai_catalog_agent", SchemaVersion: "v1"}, json.RawMessage(`{}`), "2.0.0", domain.CodeInvalidField, "flow_version"},
	} {
		_, err := catalog(t).Again(pinned(), c.recorded, c.inline, c.constraint)
		refused(t, name, err, c.code, c.field, "")
	}
}
