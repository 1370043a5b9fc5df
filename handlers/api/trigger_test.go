package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/trigger"
)

// shut refuses everything, as a directory would that has changed.
type shut struct{ err error }

func (s shut) TriggerFlow(context.Context, trigger.Ask) (*workflow.Start, *access.Facts, error) {
	return nil, nil, s.err
}

func (s shut) MayResume(context.Context, domain.StreamID, string) (*access.Facts, error) {
	return nil, s.err
}

// TestTriggersOverTheAPI: what is refused has the status of its reason, and what was
// done before under a key stays done.
func TestTriggersOverTheAPI(t *testing.T) {
	r := newRig(t)
	const body = `{"goal":"count","start_workflow":true}`
	var before created
	r.send("mia@acme", "POST", base, body, "Idempotency-Key", "once").want(http.StatusCreated).into(&before)
	r.send("mia@acme", "PATCH", before.path(""), `{"status_event":"start"}`).want(http.StatusOK)
	r.send("mia@acme", "PATCH", before.path(""), `{"status_event":"pause"}`).want(http.StatusOK)
	for code, status := range map[domain.Code]int{
		domain.CodeNamespaceMissing: 422, domain.CodeFlowNotEnabled: 403, domain.CodeWorkspaceProject: 422, domain.CodeServiceAccount: 422,
		domain.CodeExecuteFailed: 422, domain.CodeForbidden: 403, domain.CodeNotNow: 503,
	} {
		r := r.with(func(c *api.Config) {
			c.Flows = shut{&trigger.RefusedError{Err: &domain.Error{Code: code, Message: "no", Fix: "ask noor"}}}
		})
		for method, target := range map[string]string{"POST": base, "PATCH": before.path("")} {
			sent := map[string]string{"POST": body, "PATCH": `{"status_event":"resume","start_workflow":true}`}[method]
			r.send("mia@acme", method, target, sent).refused(status, code, "")
		}
		r.send("mia@acme", "PATCH", before.path(""), `{"status_event":"pause"}`).want(http.StatusOK) // nothing runs by that
		var again created
		if r.send("mia@acme", "POST", base, body, "Idempotency-Key", "once").want(http.StatusCreated).into(&again); again.UUID != before.UUID {
			t.Errorf("%s: under the same key it is %s, not %s", code, again.UUID, before.UUID)
		}
		r.send("mia@acme", "POST", base, `{"goal":"another"}`, "Idempotency-Key", "once").refused(422, domain.CodeKeyReused, "Idempotency-Key")
	}
	o := r.send("mia@acme", "GET", before.path(""), nil).want(http.StatusOK).object()
	if got := string(o["routing"]); got != `{"flow":"developer/v1","why":"it is the default"}` {
		t.Errorf("the decision shows as %s", got)
	}
}

// TestTriggersOnDuologsDirectory: what the directory says is what is decided by, from one
// request to the next, and what a trigger finds missing is made once.
func TestTriggersOnDuologsDirectory(t *testing.T) {
	r := newRig(t)
	r = r.with(func(c *api.Config) { c.Flows = triggersOn(t, c.Directories.(changeable), r.states) }) //nolint:forcetypeassert // both ports are there
	const body = `{"goal":"count"}`
	start := func(who string) reply { return r.send(who+"@acme", "POST", base, body) }
	change := func(changes string) { r.change("you@acme", "acme", changes).want(http.StatusOK) }
	start("mia").refused(403, domain.CodeForbidden, "") // nobody is known
	r.settle("acme")
	start("noor").refused(422, domain.CodeNamespaceMissing, "")
	start("sam").refused(403, domain.CodeForbidden, "") // is blocked
	for _, off := range []struct{ no, yes, fix string }{
		{`{"set_flow":{"flow":"developer/v1","enabled":false}}`, `{"set_flow":{"flow":"developer/v1","enabled":true}}`, "(noor) can enable it: duolog flow enable developer/v1 --in acme"},
		{`{"change_settings":{"foundational_allowed":false}}`, `{"change_settings":{"foundational_allowed":true}}`, "(noor) can allow them: duolog namespace set acme"},
	} {
		change(off.no)
		if e := start("mia").refused(403, domain.CodeFlowNotEnabled, "workflow_definition"); !strings.Contains(e.Fix, off.fix) {
			t.Errorf("the fix is %q, not %q", e.Fix, off.fix)
		}
		change(off.yes)
	}
	change(`{"delete_container":{"path":"acme/duo-workspace"}}`)
	var first, second struct {
		Project   string `json:"project_path"`
		ProjectID int64  `json:"project_id"`
	}
	start("mia").want(http.StatusCreated).into(&first)
	start("mia").want(http.StatusCreated).into(&second)
	if first.Project != "acme/duo-workspace" || first.ProjectID == 0 || first != second {
		t.Errorf("the projects are %+v and %+v", first, second)
	}
	members := r.send("mia@acme", "GET", dirPath+"/members?in=acme/duo-workspace", nil).want(http.StatusOK)
	if n := strings.Count(string(members.body), `"login":"duo-developer","level":30`); n != 1 {
		t.Errorf("the account is a member %d times: %s", n, members.body)
	}
	// A place that is named: what they may not see is not there.
	for field, path := range map[string]string{"project_path": "acme/tools/site", "namespace_path": "acme/tools"} {
		r.send("mia@acme", "POST", base, `{"goal":"count","`+field+`":"`+path+`"}`).want(http.StatusCreated)
		r.send("mia@acme", "POST", base, `{"goal":"count","`+field+`":"none"}`).refused(404, domain.CodeNotFound, field)
	}
	change(`{"remove_member":{"path":"acme","login":"mia"}}`)
	start("mia").refused(403, domain.CodeForbidden, "")
	r.send("mia@acme", "POST", base, `{"goal":"count","project_path":"acme/tools/site"}`).refused(404, domain.CodeNotFound, "project_path")
	// Administrators pass that, and no other step.
	r.send("you@acme", "PUT", dirPath+"/users/you", `{"default_namespace":"acme/tools"}`).want(http.StatusOK)
	start("you").want(http.StatusCreated)
	change(`{"remove_service_account":{"login":"duo-developer"}}`)
	start("you").refused(422, domain.CodeServiceAccount, "")
}
