package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/directory/configured"
)

// recorded are the four values of a workflow's entity.
type recorded struct {
	Definition string  `json:"workflow_definition"`
	ConfigID   *string `json:"flow_config_id"`
	Schema     *string `json:"flow_config_schema_version"`
	Version    *string `json:"flow_version"`
	Approved   []int   `json:"pre_approved_agent_privileges"`
	Selected   *string `json:"selected_model_metadata_json"`
	Chosen     *string `json:"chosen_model_metadata_json"`
	created
}

func (r recorded) String() string {
	text := func(s *string) string {
		if s == nil {
			return "none"
		}
		return *s
	}
	return strings.Join([]string{r.Definition, text(r.ConfigID), text(r.Schema), text(r.Version)}, " ")
}

func (r *rig) record(who, body string) recorded {
	r.t.Helper()
	var out recorded
	r.send(who, "POST", base, body).want(http.StatusCreated).into(&out)
	return out
}

func createsFlows(r *rig) {
	for _, c := range []struct{ who, body, want string }{
		{"mia@acme", `{}`, "developer/v1 developer v1 2.0.0"},
		{"mia@acme", `{"workflow_definition":"developer/v1","flow_version":"^2.0.0"}`, "developer/v1 developer v1 2.0.0"},
		{"mia@acme", `{"flow_version":">=2.0.0","flow_config_schema_version":"v1"}`, "developer/v1 developer v1 2.0.0"},
		{"mia@acme", `{"flow_version":"^3.0.0"}`, "developer/v1 developer v1 3.0.0"},
		{"mia@acme", `{"flow_version":"~1.0"}`, "developer/v1 developer v1 1.0.0"},
		{"mia@acme", `{"workflow_definition":"fix_pipeline/v1"}`, "fix_pipeline/v1 fix_pipeline v1 1.0.0"},
		{"mia@acme", `{"workflow_definition":"fix_pipeline/v1","flow_version":"^1.0.0"}`, "fix_pipeline/v1 fix_pipeline v1 1.0.2"},
		{"mia@acme", `{"workflow_definition":"other/v1"}`, "other/v1 none none none"},
		{"mia@flagged", `{}`, "developer_unstable/experimental developer_unstable experimental 1.0.0"},
		{"mia@flagged", `{"workflow_definition":"fix_pipeline/v1"}`, "fix_pipeline_next/v1 fix_pipeline_next v1 1.0.0"},
		{"mia@flagged", `{"namespace_path":"flagged"}`, "developer/v1 developer v1 2.0.0"},
	} {
		if got := r.record(c.who, c.body); got.String() != c.want {
			r.t.Errorf("%s as %s is %s, want %s", c.body, c.who, got, c.want)
		}
	}
	for body, want := range map[string]struct {
		code  domain.Code
		field string
	}{
		`{"flow_version":"^9.0.0"}`:                                            {domain.CodeInvalidField, "flow_version"},
		`{"flow_version":"newest"}`:                                            {domain.CodeInvalidField, "flow_version"},
		`{"flow_version":2}`:                                                   {domain.CodeInvalidField, "flow_version"},
		`{"flow_config_schema_version":"experimental"}`:                        {domain.CodeInvalidField, "flow_config_schema_version"},
		`{"workflow_definition":"other/v1","flow_config_schema_version":"v1"}`: {domain.CodeInvalidField, "flow_config_schema_version"},
		`{"workflow_definition":"other/v1","flow_version":"^1.0.0"}`:           {domain.CodeInvalidField, "flow_version"},
		`{"workflow_definition":"ai_catalog_agent","flow_config":{}}`:          {domain.CodeInvalidField, "flow_config_schema_version"},
		`{"workflow_definition":"ai_catalog_agent","flow_config":[]}`:          {domain.CodeInvalidField, "flow_config"},
		`{"workflow_definition":"developer/v1","flow_config":{}}`:              {domain.CodeInvalidField, "flow_config"},
	} {
		r.send("mia@acme", "POST", base, body).refused(400, want.code, want.field)
	}
	r.send("mia@acme", "POST", base, `{"workflow_definition":"code_review/v1"}`).refused(403, domain.CodeFlowNotEnabled, "workflow_definition")
	r.send("mia@acme", "POST", base, `{"workflow_definition":"ai_catalog_agent","flow_config_schema_version":"v1","flow_config":{"a":"`+strings.Repeat("x", 64<<10)+`"}}`).refused(413, domain.CodeTooLarge, "flow_config")
	r.send("mia@acme", "POST", base, `{"flow_version":"`+strings.Repeat("1", 65)+`"}`).refused(413, domain.CodeTooLarge, "flow_version")
	r.send("mia@lost", "POST", base, `{}`).refused(503, domain.CodeNotNow, "")
}

func bringsFlowConfig(r *rig) {
	const config = `{"version":  "v1", "components":[{"name":"<a>"}], "n":1.0}`
	w := r.record("mia@acme", `{"workflow_definition":"ai_catalog_agent","flow_config_schema_version":"v1","flow_config":`+config+`}`)
	if w.String() != "ai_catalog_agent none v1 none" {
		r.t.Error(w)
	}
	if got := r.configOf(w.created); got != config {
		r.t.Errorf("recorded %s", got)
	}
	id := newTS()
	r.send("mia@acme", "POST", w.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"metadata":{},"checkpoint":{}}`, id)).want(http.StatusCreated)
	var fork created
	r.send("mia@acme", "POST", w.path("/fork"), `{"checkpoint":"`+id+`"}`).want(http.StatusCreated).into(&fork)
	if got := r.configOf(fork); got != config {
		r.t.Errorf("the fork has %s", got)
	}
	var other recorded
	r.send("mia@acme", "POST", w.path("/fork"), `{"checkpoint":"`+id+`","workflow_definition":"fix_pipeline/v1","flow_version":"1.0.1"}`).want(http.StatusCreated).into(&other)
	if other.String() != "fix_pipeline/v1 fix_pipeline v1 1.0.1" || r.configOf(other.created) != "" {
		r.t.Errorf("the fork of another flow is %s with %q", other, r.configOf(other.created))
	}
	r.send("mia@acme", "POST", w.path("/fork"), `{"checkpoint":"`+id+`","flow_version":"1.0.0"}`).refused(400, domain.CodeInvalidField, "flow_version")
}

// configOf is the configuration that a workflow brought, by its timeline.
func (r *rig) configOf(c created) string {
	r.t.Helper()
	var page struct {
		Events []struct {
			Type string
			Text map[string]string
		}
	}
	r.send("mia@acme", "GET", c.path("/timeline"), nil).want(http.StatusOK).into(&page)
	for _, e := range page.Events {
		if e.Type == "workflow.flow_configured" {
			return e.Text["config"]
		}
	}
	return ""
}

func resolvesFlows(r *rig) {
	type resolution struct {
		recorded

		Path    string
		Usable  []int `json:"usable_privileges"`
		Granted []int `json:"agent_privileges"`
		Reasons []struct {
			Rule, Flag, Text string
			On               bool
		}
	}
	r = r.with(func(c *api.Config) { c.Directories = configured.New(theDirectory, time.Now) })
	resolve := func(who, flow, query string) reply {
		return r.send(who, "GET", "/v1/flows/"+strings.ReplaceAll(flow, "/", "%2F")+"/resolve"+query, nil)
	}
	for _, c := range []struct{ who, flow, query, want, path, reasons string }{
		{"mia@acme", "developer/v1", "", "developer/v1 developer v1 2.0.0", "acme/duo-workspace", "tenant"},
		{"mia@acme", "fix_pipeline/v1", "?version=%5E1.0.0&project=42", "fix_pipeline/v1 fix_pipeline v1 1.0.2", "acme/duo-workspace", "catalog flag:fix_pipeline_next=false version"},
		{"mia@flagged", "developer/v1", "", "developer_unstable/experimental developer_unstable experimental 1.0.0", "flagged/duo-workspace", "catalog flag:duo_developer_next_unstable=true version"},
		{"mia@flagged", "developer/v1", "?namespace=flagged", "developer/v1 developer v1 2.0.0", "flagged", "catalog flag:duo_developer_next_unstable=false version"},
		{"mia@acme", "other/v1", "", "other/v1 none none none", "acme/duo-workspace", "tenant"},
	} {
		var got resolution
		resolve(c.who, c.flow, c.query).want(http.StatusOK).into(&got)
		var reasons []string
		for _, reason := range got.Reasons {
			if reason.Flag != "" {
				reason.Rule += fmt.Sprintf(":%s=%t", reason.Flag, reason.On)
			}
			if reasons = append(reasons, reason.Rule); reason.Text == "" {
				r.t.Errorf("%s: a reason without words", c.flow)
			}
		}
		if got.String() != c.want || got.Path != c.path || strings.Join(reasons, " ") != c.reasons || len(got.Granted) != 6 || len(got.Usable) != 6 {
			r.t.Errorf("%s%s is %s for %s because of %v", c.flow, c.query, got, got.Path, reasons)
		}
	}
	resolve("mia@acme", "code_review/v1", "").refused(403, domain.CodeFlowNotEnabled, "workflow_definition")
	resolve("mia@acme", "developer/v1", "?project=others").refused(404, domain.CodeNotFound, "project")
	resolve("mia@acme", "developer/v1", "?namespace=others").refused(404, domain.CodeNotFound, "namespace")
	resolve("mia@acme", "developer/v1", "?version=x").refused(400, domain.CodeInvalidField, "flow_version")
	resolve("mia@lost", "developer/v1", "").refused(503, domain.CodeNotNow, "")
	run := r.create("mia@acme", `{"start_workflow":true}`)
	resolve(runToken("acme", run, 1), "developer/v1", "").refused(403, domain.CodeForbidden, "")
}

func showsFlows(r *rig) {
	var list []struct {
		Reference string
		Enabled   bool
		InCatalog bool `json:"in_catalog"`
	}
	r.send("mia@acme", "GET", "/v1/flows", nil).want(http.StatusOK).into(&list)
	found := map[string]string{}
	for _, f := range list {
		found[f.Reference] = fmt.Sprintf("%t %t", f.Enabled, f.InCatalog)
	}
	for reference, want := range map[string]string{"developer/v1": "true true", "code_review/v1": "false true", "other/v1": "true false", "software_development": "false true"} {
		if found[reference] != want {
			r.t.Errorf("%s is %q", reference, found[reference])
		}
	}
	var f struct {
		Approved []int `json:"pre_approved_agent_privileges"`
		Configs  []struct {
			Flag    *string
			Version string `json:"default_version"`
		}
	}
	r.send("mia@acme", "GET", "/v1/flows/developer%2Fv1", nil).want(http.StatusOK).into(&f)
	if fmt.Sprint(f.Approved) != "[1 2 3 5]" || len(f.Configs) != 2 || f.Configs[0].Flag != nil || f.Configs[0].Version != "2.0.0" || *f.Configs[1].Flag != "duo_developer_next_unstable" {
		r.t.Errorf("%+v", f)
	}
	r.send("mia@acme", "GET", "/v1/flows/other%2Fv1", nil).want(http.StatusOK)
	r.send("mia@acme", "GET", "/v1/flows/nobody%2Fv1", nil).refused(404, domain.CodeNotFound, "")
	r.send("mia@acme", "GET", "/v1/flows?namespace=others", nil).refused(404, domain.CodeNotFound, "namespace")
	r.send("", "GET", "/v1/flows", nil).refused(401, domain.CodeUnauthenticated, "")
}

// choosesModel: it is recorded apart from what checkpoints name, without a key, and a fork
// keeps it.
func choosesModel(r *rig) {
	w := r.record("mia@acme", `{"model":"{\"name\" : \"mine\", \"api_key\":\"s\"}"}`)
	if w.Chosen == nil || *w.Chosen != `{"name" : "mine" }` || w.Selected != nil {
		r.t.Errorf("%+v", w)
	}
	id := newTS()
	r.send("mia@acme", "POST", w.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"metadata":{},"checkpoint":{},"model_metadata_json":"{\"name\":\"seen\"}"}`, id)).want(http.StatusCreated)
	var fork recorded
	r.send("mia@acme", "POST", w.path("/fork"), `{"checkpoint":"`+id+`"}`).want(http.StatusCreated).into(&fork)
	if fork.Chosen == nil || *fork.Chosen != `{"name" : "mine" }` || *fork.Selected != `{"name":"seen"}` {
		r.t.Errorf("the fork has %+v", fork)
	}
	r.send("mia@acme", "POST", w.path("/fork"), `{"checkpoint":"`+id+`","model":"other"}`).want(http.StatusCreated).into(&fork)
	if *fork.Chosen != "other" || *fork.Selected != "other" {
		r.t.Errorf("the fork with another has %+v", fork)
	}
	r.send("mia@acme", "POST", base, `{"model":"`+strings.Repeat("m", 1025)+`"}`).refused(413, domain.CodeTooLarge, "model")
	if got := r.record("mia@acme", `{"workflow_definition":"ai_catalog_agent","agent_privileges":[2,4]}`); fmt.Sprint(got.Approved) != "[2]" || got.UUID == uuid.Nil {
		r.t.Errorf("pre-approved is %v", got.Approved)
	}
}
