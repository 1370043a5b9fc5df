package flow_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/flows"
	"github.com/duolog/duolog/schemas"
)

func load() (flow.Catalog, error) { return flows.Load(schemas.Flows) }

func catalog(t *testing.T) flow.Catalog {
	t.Helper()
	c, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// on has these flags on.
func on(names ...string) func(string) bool {
	return func(name string) bool { return strings.Contains(" "+strings.Join(names, " ")+" ", " "+name+" ") }
}

// TestResolveFlowParams is the table of the requirements: F1 to F7.
func TestResolveFlowParams(t *testing.T) {
	t.Parallel()
	inline := &flow.Inline{SchemaVersion: "experimental", Body: json.RawMessage(`{"version":"experimental"}`)}
	for name, c := range map[string]struct {
		reference string
		flags     []string
		inline    *flow.Inline
		want      workflow.Flow
	}{
		"F1": {"developer/v1", nil, nil, workflow.Flow{Definition: "developer/v1", ConfigID: "developer", SchemaVersion: "v1", Version: "2.0.0"}},
		"F2": {"developer/v1", []string{"duo_developer_next_unstable"}, nil, workflow.Flow{Definition: "developer_unstable/experimental", ConfigID: "developer_unstable", SchemaVersion: "experimental", Version: "1.0.0"}},
		"F3": {"fix_pipeline/v1", nil, nil, workflow.Flow{Definition: "fix_pipeline/v1", ConfigID: "fix_pipeline", SchemaVersion: "v1", Version: "1.0.0"}},
		"F4": {"fix_pipeline/v1", []string{"fix_pipeline_next"}, nil, workflow.Flow{Definition: "fix_pipeline_next/v1", ConfigID: "fix_pipeline_next", SchemaVersion: "v1", Version: "1.0.0"}},
		"F5": {"code_review/v1", nil, nil, workflow.Flow{Definition: "code_review/v1", ConfigID: "code_review", SchemaVersion: "v1", Version: "1.0.0"}},
		"F6": {"ai_catalog_agent", nil, inline, workflow.Flow{Definition: "ai_catalog_agent", SchemaVersion: "experimental"}},
		"F7": {"software_development", nil, nil, workflow.Flow{Definition: "software_development"}},

		"a flag of another flow": {"developer/v1", []string{"fix_pipeline_next"}, nil, workflow.Flow{Definition: "developer/v1", ConfigID: "developer", SchemaVersion: "v1", Version: "2.0.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, reasons, err := catalog(t).Resolve(c.reference, on(c.flags...), c.inline, "")
			if err != nil || len(reasons) == 0 {
				t.Fatalf("%v, because of %v", err, reasons)
			}
			if d := cmp.Diff(c.want, got.Flow); d != "" {
				t.Error(d)
			}
			if c.inline != nil && string(got.Inline) != string(c.inline.Body) {
				t.Errorf("the configuration is %s", got.Inline)
			}
		})
	}
}

// TestFlowVersionConstraints: the highest version that is allowed; one that is not
// released only by its whole name.
func TestFlowVersionConstraints(t *testing.T) {
	t.Parallel()
	for constraint, want := range map[string]string{
		"2.0.0": "2.0.0", "=2.0.0": "2.0.0", "==3.0.0": "3.0.0", "2": "2.0.0", "^2.0.0": "2.0.0", "^2": "2.0.0", "^1.0.0": "1.0.0",
		"~2.0": "2.0.0", "~3": "3.0.0", ">=1.0.0": "3.0.0", ">1.0.0,<3.0.0": "2.0.0", ">= 1.0, <= 2.0.0": "2.0.0", "*": "3.0.0", "<2.0.0": "1.0.0",
		"2.0.0-goal": "2.0.0-goal", "2.1.0-interactive": "2.1.0-interactive",
	} {
		got, _, err := catalog(t).Resolve("developer/v1", on(), nil, constraint)
		if err != nil || got.Version != want || got.ConfigID != "developer" {
			t.Errorf("%s is %+v, %v; want %s", constraint, got.Flow, err, want)
		}
	}
	for _, constraint := range []string{
		"^4.0.0", "2.0.1", "~2.1", ">3.0.0", "2.0.0-none", "latest", "^", "2.0.0.0", "^^2.0.0", "v2.0.0", ">=2.0.0,", "02.0.0", "!=2.0.0", "2.0-goal", "^2.0.0 || ^3.0.0", "-1.0.0", "9999999999999999999.0.0",
	} {
		_, _, err := catalog(t).Resolve("developer/v1", on(), nil, constraint)
		refused(t, constraint, err, domain.CodeInvalidField, "flow_version", "2.0.0")
	}
	_, _, err := catalog(t).Resolve("developer/v1", on(), nil, strings.Repeat("1", 65))
	refused(t, "a long one", err, domain.CodeTooLarge, "flow_version", "")
	_, _, err = catalog(t).Resolve("developer/v1", on("duo_developer_next_unstable"), nil, "^2.0.0")
	refused(t, "behind a flag", err, domain.CodeInvalidField, "flow_version", "1.0.0")
	_, _, err = catalog(t).Resolve("software_development", on(), nil, "1.0.0")
	refused(t, "without versions", err, domain.CodeInvalidField, "flow_version", "leave")
}

// TestCaretBelowOne: what may break below 1.0.0 is the minor number, below 0.1.0 each.
func TestCaretBelowOne(t *testing.T) {
	t.Parallel()
	f, err := flow.Parse([]byte(`{"reference":"x/v1","definition":"x/v1","config_id":"x","schema_version":"v1","versions":["0.0.3","0.0.4","0.2.3","0.2.9","0.3.0","1.0.0"],"default_version":"1.0.0"}`))
	if err != nil {
		t.Fatal(err)
	}
	c, err := flow.NewCatalog([]flow.Flow{f})
	if err != nil {
		t.Fatal(err)
	}
	for constraint, want := range map[string]string{"^0.2.3": "0.2.9", "^0.0.3": "0.0.3", "^0": "0.3.0", "^0.0": "0.0.4", "~0.2.3": "0.2.9", "~0": "0.3.0"} {
		if got, _, err := c.Resolve("x/v1", on(), nil, constraint); err != nil || got.Version != want {
			t.Errorf("%s is %q, %v; want %s", constraint, got.Version, err, want)
		}
	}
}

func TestInlineConfigurationsRefused(t *testing.T) {
	t.Parallel()
	good := flow.Inline{SchemaVersion: "v1", Body: json.RawMessage(`{}`)}
	for name, c := range map[string]struct {
		reference, constraint string
		inline                flow.Inline
		field                 string
	}{
		"without a name":           {"", "", good, "workflow_definition"},
		"of a flow of the catalog": {"developer/v1", "", good, "flow_config"},
		"with a version":           {"own", "^1.0.0", good, "flow_version"},
		"without a schema version": {"own", "", flow.Inline{Body: good.Body}, "flow_config_schema_version"},
		"with another":             {"own", "", flow.Inline{SchemaVersion: "v2", Body: good.Body}, "flow_config_schema_version"},
	} {
		_, _, err := catalog(t).Resolve(c.reference, on(), &c.inline, c.constraint)
		refused(t, name, err, domain.CodeInvalidField, c.field, "")
	}
}

// TestNarrow: whatever it was granted, a flow that only reads changes nothing (T6).
func TestNarrow(t *testing.T) {
	t.Parallel()
	if d := cmp.Diff([]int{2, 8}, flow.Tools{ReadOnly: true}.Narrow(flow.Granted())); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(flow.Granted(), flow.Tools{}.Narrow(flow.Granted())); d != "" {
		t.Error(d)
	}
	for reference, want := range map[string][]int{"developer/v1": {1, 2, 3, 5}, "code_review/v1": {3, 4, 5}, "software_development": {1, 2, 3, 5}, "recommend_reviewers/v1": {2}} {
		got, _, err := catalog(t).Resolve(reference, on(), nil, "")
		if d := cmp.Diff(want, got.PreApproved); d != "" || err != nil {
			t.Errorf("%s: %v %s", reference, err, d)
		}
	}
}

// TestE6ReadOnlyFlowsHaveToolsThatRead: a flow that only reads has what is known to
// change nothing, whatever its list says; another has its list, or any.
func TestE6ReadOnlyFlowsHaveToolsThatRead(t *testing.T) {
	t.Parallel()
	resolved, _, err := catalog(t).Resolve("recommend_reviewers/v1", on(), nil, "")
	reads := resolved.Tools.Allowed()
	if err != nil || !slices.Contains(reads, "read_file") || !slices.Contains(reads, "get_merge_request") || !slices.IsSorted(reads) {
		t.Errorf("%v, %v", reads, err)
	}
	for _, writes := range []string{"edit_file", "create_file_with_contents", "run_command", "run_git_command", "create_issue", "start_flow", "nobody_knows_it", ""} {
		if slices.Contains(reads, writes) {
			t.Errorf("%q is said to change nothing", writes)
		}
	}
	for _, test := range []struct {
		tools flow.Tools
		want  []string
	}{
		{flow.Tools{}, nil},
		{flow.Tools{Names: []string{"run_command"}}, []string{"run_command"}},
		{flow.Tools{ReadOnly: true, Names: []string{"run_command", "read_file"}}, []string{"read_file"}},
		{flow.Tools{ReadOnly: true, Names: []string{"run_command"}}, []string{}},
	} {
		if d := cmp.Diff(test.want, test.tools.Allowed()); d != "" {
			t.Errorf("%+v: %s", test.tools, d)
		}
	}
}

func TestBadCatalog(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"no JSON":                `{`,
		"no reference":           `{"definition":"a"}`,
		"no definition":          `{"reference":"a"}`,
		"versions of no id":      `{"reference":"a","definition":"a","versions":["1.0.0"]}`,
		"another default":        `{"reference":"a","definition":"a","config_id":"a","schema_version":"v1","versions":["1.0.0"],"default_version":"2.0.0"}`,
		"no schema version":      `{"reference":"a","definition":"a","config_id":"a","versions":["1.0.0"],"default_version":"1.0.0"}`,
		"no version":             `{"reference":"a","definition":"a","config_id":"a","schema_version":"v1","versions":["1.0"],"default_version":"1.0"}`,
		"a variant without flag": `{"reference":"a","definition":"a","variants":[{"definition":"b"}]}`,
		"a broken variant":       `{"reference":"a","definition":"a","variants":[{"flag":"f"}]}`,
	} {
		if _, err := flow.Parse([]byte(raw)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	f, err := flow.Parse([]byte(`{"reference":"a","definition":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := flow.NewCatalog([]flow.Flow{f, f}); err == nil {
		t.Error("two flows of one reference are taken")
	}
}

// refused fails the test unless the error is that refusal with a fix.
func refused(t *testing.T, what string, err error, code domain.Code, field, fix string) {
	t.Helper()
	e, ok := err.(*domain.Error) //nolint:errorlint // the shape is the point
	if !ok || e.Code != code || e.Field != field || e.Fix == "" || !strings.Contains(e.Fix+e.Message, fix) {
		t.Errorf("%s: %v (%+v), want %s in %s with the fix %q", what, err, e, code, field, fix)
	}
}
