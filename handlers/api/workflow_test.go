package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
)

func TestWorkflows(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"C1 C2 T7 a workflow comes back as it was made":  createsAndReads,
		"defaults are the tenant's":                      createsWithDefaults,
		"a key names one workflow for ever":              createsOncePerKey,
		"lists are filtered, in pages, newest first":     listsWorkflows,
		"status events answer like the Duo Workflow API": movesStatus,
		"containers of others are not there":             findsOwnContainers,
		"privileges":                                     listsPrivileges,
		"F1 to F7: flows and their versions":             createsFlows,
		"F6: a flow brings its configuration":            bringsFlowConfig,
		"what a flow resolves to":                        resolvesFlows,
		"flows are listed and shown":                     showsFlows,
		"P4: a model is chosen":                          choosesModel,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

func createsAndReads(r *rig) {
	const context = `{"adapter": "slack",  "z": 1.0, "a": "<b>", "nested": {"x": [1, 2]}}`
	body := `{"goal": "what changed?\nin detail", "workflow_definition": "fix_pipeline/v1", "start_workflow": true, "project_id": 42,
		"agent_privileges": [1,2,7], "pre_approved_agent_privileges": [2], "allow_agent_to_request_user": false, "environment": "web",
		"image": "ruby:3", "source_branch": "main", "source": "mention", "client_reference": "ref-1",
		"additional_context": [{"Category": "file"}], "messaging_callback_context": ` + context + `, "unknown": {"is": "ignored"}}`
	made := r.send("mia@acme", "POST", base, body).want(http.StatusCreated)
	var c created
	made.into(&c)
	if c.Run == nil || c.Run.Epoch != 1 || c.Run.Phase != "requested" {
		r.t.Errorf("start_workflow asked for no run: %s", made.body)
	}
	for _, path := range []string{c.path(""), base + "/" + c.UUID.String(), base + "/" + strings.ToUpper(c.UUID.String())} {
		got := r.send("mia@acme", "GET", path, nil).want(http.StatusOK)
		if diff := cmp.Diff(string(made.body), string(got.body)); diff != "" {
			r.t.Errorf("GET %s differs from the answer of the creation:\n%s", path, diff)
		}
	}
	if !strings.Contains(string(made.body), `"messaging_callback_context":`+context) {
		r.t.Errorf("the callback context is another: %s", made.body)
	}
	want := map[string]string{
		"goal": `"what changed?\nin detail"`, "title": `"what changed?"`, "workflow_definition": `"fix_pipeline/v1"`, "status": `"created"`,
		"agent_privileges": `[1,2,7]`, "agent_privileges_names": `["read_write_files","read_only_gitlab","start_flows"]`,
		"pre_approved_agent_privileges": `[2]`, "allow_agent_to_request_user": `false`, "environment": `"web"`, "image": `"ruby:3"`,
		"source": `"mention"`, "project_id": `42`, "namespace_path": `"acme"`, "engine": `"local"`, "gitlab_url": `"http://127.0.0.1:8080"`,
		"principal": `{"user":"mia","service_account":"duo-developer"}`, "client_reference": `"ref-1"`, "summary": `null`,
	}
	got := made.object()
	for name, value := range want {
		if string(got[name]) != value {
			r.t.Errorf("%s is %s, not %s", name, got[name], value)
		}
	}
}

func createsWithDefaults(r *rig) {
	got := r.send("mia@acme", "POST", base, `{"goal":null,"project_id":null,"agent_privileges":[1,2,4]}`).want(http.StatusCreated).object()
	for name, value := range map[string]string{
		"goal": `""`, "workflow_definition": `"developer/v1"`, "flow": `{"config_id":"developer","schema_version":"v1","version":"2.0.0"}`,
		"pre_approved_agent_privileges": `[1,2]`, "allow_agent_to_request_user": `true`, "run": `null`, "source": `"api"`,
		"messaging_callback_context": `null`, "project_path": `"acme/duo-workspace"`,
	} {
		if string(got[name]) != value {
			r.t.Errorf("%s is %s, not %s", name, got[name], value)
		}
	}
}

func createsOncePerKey(r *rig) {
	first := r.send("mia@keys", "POST", base, `{"goal":"a"}`, "Idempotency-Key", "k1").want(http.StatusCreated)
	again := r.send("mia@keys", "POST", base, `{"goal":"a"}`, "Idempotency-Key", "k1").want(http.StatusCreated)
	if string(first.body) != string(again.body) {
		r.t.Errorf("a repeat is another workflow:\n%s\n%s", first.body, again.body)
	}
	r.send("mia@keys", "POST", base, `{"goal":"b"}`, "Idempotency-Key", "k1").refused(422, domain.CodeKeyReused, "Idempotency-Key")
	var other created
	r.send("sam@keys", "POST", base, `{"goal":"a"}`, "Idempotency-Key", "k1").want(http.StatusCreated).into(&other)
	if string(first.object()["uuid"]) == fmt.Sprintf("%q", other.UUID) {
		r.t.Error("the key of another person names the same workflow")
	}
}

func listsWorkflows(r *rig) {
	var numbers []int64
	for i := range 5 {
		body := map[string]any{"goal": fmt.Sprint("goal ", i)}
		if i%2 == 1 {
			body["source"] = "odd"
		}
		numbers = append(numbers, r.create("mia@lists", body).ID)
	}
	seen := map[int64]bool{}
	last, pages := int64(1)<<62, 0
	for page := "1"; page != ""; pages++ {
		a := r.send("mia@lists", "GET", base+"?per_page=2&page="+page, nil).want(http.StatusOK)
		var rows []created
		a.into(&rows)
		for _, row := range rows {
			if row.ID >= last {
				r.t.Errorf("%d comes after %d", row.ID, last)
			}
			last, seen[row.ID] = row.ID, true
		}
		page = a.header.Get("X-Next-Page")
	}
	if pages != 3 || len(seen) != len(numbers) {
		r.t.Errorf("%d workflows on %d pages", len(seen), pages)
	}
	for query, want := range map[string]int{
		"?source=odd": 2, "?source=none": 0, "?status=created": 5, "?status=failed": 0, "?project=lists%2Fduo-workspace": 5, "?per_page=1000": 5, "?page=9": 0,
	} {
		var rows []created
		a := r.send("mia@lists", "GET", base+query, nil).want(http.StatusOK).into(&rows)
		if len(rows) != want || a.header.Get("X-Next-Page") != "" {
			r.t.Errorf("%s lists %d, not %d", query, len(rows), want)
		}
	}
	for query, field := range map[string]string{
		"?status=odd": "status", "?page=0": "page", "?per_page=x": "per_page", "?page=99999999999999999999": "page", "?page=1&page=2": "page", "?source=%00": "source", "?source=%zz": "query",
	} {
		r.send("mia@lists", "GET", base+query, nil).refused(400, domain.CodeInvalidField, field)
	}
}

func movesStatus(r *rig) {
	c := r.create("mia@acme", `{"goal":"go"}`)
	patch := func(event string) reply {
		return r.send("mia@acme", "PATCH", c.path(""), map[string]string{"status_event": event})
	}
	if e := patch("fly").refused(400, domain.CodeUnknownEvent, "status_event"); e.Message != "Can not update workflow status, unsupported event: fly" {
		r.t.Error(e.Message)
	}
	if e := patch("finish").refused(400, domain.CodeIllegalStatus, "status_event"); e.Message != "Can not finish workflow that has status created" {
		r.t.Error(e.Message)
	}
	for range 2 {
		var out struct{ Workflow created }
		if patch("start").want(http.StatusOK).into(&out); out.Workflow.Status != "running" || out.Workflow.ID != c.ID {
			r.t.Errorf("started, it is %+v", out.Workflow)
		}
	}
	patch("finish").want(http.StatusOK)
	r.send("mia@acme", "PATCH", c.path(""), `{}`).refused(400, domain.CodeInvalidField, "status_event")
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":1}`).refused(400, domain.CodeInvalidField, "status_event")
	r.send("mia@acme", "PATCH", base+"/99999999", `{"status_event":"start"}`).refused(404, domain.CodeNotFound, "")
	r.send("mia@acme", "PATCH", base+"/01980000-0000-7000-8000-000000000000", `{"status_event":"start"}`).refused(404, domain.CodeNotFound, "")
}

func findsOwnContainers(r *rig) {
	for body, status := range map[string]int{
		`{"project_id": 42}`: 201, `{"project_id": "42"}`: 201, `{"project_path": "acme/duo-workspace"}`: 201, `{"namespace_id": 7}`: 201,
		`{"project_id": 43}`: 404, `{"project_path": "other/duo-workspace"}`: 404, `{"namespace_id": "other"}`: 404, `{"namespace_id": 0}`: 404,
		`{"project_id": []}`: 400, `{"project_id": 1.5}`: 400,
	} {
		r.send("mia@acme", "POST", base, body).want(status)
	}
	got := r.send("mia@acme", "POST", base, `{"namespace_path":"acme"}`).want(http.StatusCreated).object()
	if string(got["project_id"]) != "null" || string(got["namespace_id"]) != "7" {
		r.t.Errorf("a workflow of the namespace is in project %s of %s", got["project_id"], got["namespace_id"])
	}
	r.send("mia@acme", "POST", base, `{"workflow_definition":"off/v1"}`).refused(403, domain.CodeFlowNotEnabled, "workflow_definition")
}

func listsPrivileges(r *rig) {
	var out struct {
		All []json.RawMessage `json:"all_privileges"`
	}
	if r.send("mia@acme", "GET", base+"/agent_privileges", nil).want(http.StatusOK).into(&out); len(out.All) != 8 {
		r.t.Errorf("%d privileges", len(out.All))
	}
}
