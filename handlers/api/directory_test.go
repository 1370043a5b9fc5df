package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/keystore"
)

const dirPath = "/v1/directory"

// company is a small one, with an administrator who is a member of nothing.
const company = `{"users":[{"login":"you","admin":true},{"login":"mia","name":"Mia","email":"mia@example.com","default_namespace":"acme"},{"login":"noor"},{"login":"sam","blocked":true}],
	"namespaces":[{"path":"acme","members":{"noor":"owner","mia":30,"sam":"maintainer"},"foundational_flows":true,"flows":["developer/v1"],
	"service_accounts":[{"login":"duo-developer","flow":"developer/v1","name":"Duo Developer"}],"flags":{"next":true},
	"groups":[{"path":"acme/tools"}],"projects":[{"path":"acme/duo-workspace"},{"path":"acme/tools/site","flags":{"next":false},"members":{"duo-developer":"developer"}}]}]}`

// settle applies a company to a tenant that has none.
func (r *rig) settle(tenant string) {
	r.t.Helper()
	r.send("you@"+tenant, "POST", dirPath+"/apply", company).want(http.StatusOK)
}

func (r *rig) change(who, root, changes string) reply {
	r.t.Helper()
	return r.send(who, "POST", dirPath+"/namespaces/"+root+"/changes", `{"changes":[`+changes+`]}`)
}

func TestDirectory(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"who may change it":                              changesByWhoMay,
		"lists and pages":                                listsTheDirectory,
		"T8 levels are inherited, also in the check":     checksTheDirectory,
		"refusals name field and fix":                    refusesChanges,
		"a project in which a workflow runs stays":       keepsProjectsInUse,
		"another tenant's is not there, runs read none":  hidesTheDirectory,
		"the same key is the same change":                changesOnceByKey,
		"an event's link leads to it":                    linksDirectoryEvents,
		"a document that cannot be read":                 refusesDocuments,
		"E4 who is removed has nothing, nor who follows": removesUsers,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

func changesByWhoMay(r *rig) {
	const acme = "may"
	r.send("eve@"+acme, "PUT", dirPath+"/users/eve", `{"create":true}`).want(http.StatusOK) // nobody can be asked yet
	r.send("eve@"+acme, "POST", dirPath+"/apply", company).want(http.StatusOK)
	r.change("eve@"+acme, "acme", `{"create_group":{"path":"acme/x"}}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	if e := r.change("mia@"+acme, "acme", `{"create_group":{"path":"acme/x"}}`).refused(http.StatusForbidden, domain.CodeForbidden, ""); !strings.Contains(e.Fix, "noor") {
		r.t.Errorf("the fix names no owner: %s", e.Fix)
	}
	r.change("sam@"+acme, "acme", `{"create_group":{"path":"acme/x"}}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.change("noor@"+acme, "acme", `{"create_group":{"path":"acme/x"}}`).want(http.StatusOK)
	r.change("you@"+acme, "acme", `{"create_group":{"path":"acme/y"}}`).want(http.StatusOK)
	r.change("noor@"+acme, "new", `{"create_namespace":{"owner":"noor"}}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.change("you@"+acme, "new", `{"create_namespace":{"owner":"noor"}}`).want(http.StatusOK)
	// Owners make users, administrators say who may what, people say where they work.
	r.send("noor@"+acme, "PUT", dirPath+"/users/kim", `{"create":true,"name":"Kim"}`).want(http.StatusOK)
	r.send("noor@"+acme, "PUT", dirPath+"/users/kim", `{"admin":true}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.send("noor@"+acme, "PUT", dirPath+"/users/kim", `{"blocked":true}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.send("mia@"+acme, "PUT", dirPath+"/users/kim", `{"name":"K"}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.send("mia@"+acme, "PUT", dirPath+"/users/mia", `{"default_namespace":"acme/tools"}`).want(http.StatusOK)
	r.send("mia@"+acme, "POST", dirPath+"/apply", `{"users":[{"login":"mia","email":"m@example.com"}]}`).want(http.StatusOK)
	r.send("mia@"+acme, "POST", dirPath+"/apply", `{"users":[{"login":"lee"}]}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.send("you@"+acme, "POST", dirPath+"/apply?prune=true", `{"users":[{"login":"mia"}]}`).refused(http.StatusConflict, domain.CodeConflict, "users")
}

// removesUsers removes mia, who is asked about as of before, and gives her login away.
func removesUsers(r *rig) {
	const tenant, who, mia = "leave", "you@leave", dirPath + "/users/mia"
	r.settle(tenant)
	secret, err := r.who.Keys.Add(r.t.Context(), keystore.Token{Kind: keystore.KindUser, Tenant: tenant, User: "mia"})
	must(r.t, err)
	token := secret.Reveal()
	type found struct {
		User        struct{ Identity string }
		Memberships []struct{ Path string }
		Stream      string
	}
	var before, after found
	r.send(token, "GET", mia, nil).want(http.StatusOK).into(&before)
	r.send("noor@"+tenant, "DELETE", mia, nil).refused(403, domain.CodeForbidden, "")
	r.send(who, "DELETE", dirPath+"/users/you", nil).refused(409, domain.CodeConflict, "login")
	r.send(who, "DELETE", dirPath+"/users/noor", nil).refused(409, domain.CodeConflict, "login") // owns acme alone
	r.send(who, "DELETE", dirPath+"/users/eve", nil).refused(404, domain.CodeNotFound, "login")
	r.send(who, "DELETE", dirPath+"/users/E-V-E", nil).refused(400, domain.CodeInvalidField, "login")
	r.send(who, "PUT", dirPath+"/users/you", `{"admin":false}`).refused(409, domain.CodeConflict, "login") // administers alone
	r.send(who, "PUT", dirPath+"/users/you", `{"blocked":true}`).refused(409, domain.CodeConflict, "login")

	var gone struct {
		Changed  bool
		Position string
	}
	r.send(who, "DELETE", mia, nil).want(http.StatusOK).into(&gone)
	if !gone.Changed {
		r.t.Errorf("removed: %+v", gone)
	}
	r.send(token, "GET", mia, nil).refused(401, domain.CodeTokenRevoked, "")
	r.send(who, "GET", mia, nil).refused(404, domain.CodeNotFound, "")
	if members := r.send(who, "GET", dirPath+"/members?in=acme", nil).want(http.StatusOK); strings.Contains(string(members.body), "mia") {
		r.t.Errorf("the members are %s", members.body)
	}
	r.change(who, "acme", `{"set_member":{"path":"acme","login":"mia","level":30}}`).refused(404, domain.CodeNotFound, "changes[0].set_member.login")
	again := r.send(who, "DELETE", mia, nil).want(http.StatusOK)
	if again.into(&gone); gone.Changed {
		r.t.Error("what is so already is a change")
	}
	// As of before she is there, with her memberships.
	var line struct{ Events []struct{ Time, Type string } }
	r.send(who, "GET", dirPath+"/timeline/user/mia", nil).want(http.StatusOK).into(&line)
	last := line.Events[len(line.Events)-1]
	created := line.Events[0].Time
	if last.Type != "user.removed" {
		r.t.Errorf("the last event is %+v", last)
	}
	if then := r.send(who, "GET", mia+"?at="+created, nil).want(http.StatusOK); !strings.Contains(string(then.body), before.User.Identity) {
		r.t.Errorf("as of before: %s", then.body)
	}

	r.send(who, "PUT", mia, `{"create":true,"name":"Another Mia"}`).want(http.StatusOK)
	r.send(who, "GET", mia, nil).want(http.StatusOK).into(&after)
	if after.User.Identity == before.User.Identity || len(after.Memberships) > 0 {
		r.t.Errorf("before %+v, after %+v", before, after)
	}
	r.send(token, "GET", mia, nil).refused(401, domain.CodeTokenRevoked, "")
}

func listsTheDirectory(r *rig) {
	r.settle("lists")
	const who = "mia@lists"
	var users struct {
		Users []struct{ Login, Name string }
		Next  string
	}
	r.send(who, "GET", dirPath+"/users?limit=3", nil).want(http.StatusOK).into(&users)
	if len(users.Users) != 3 || users.Users[0].Name != "Mia" || users.Next != "sam" {
		r.t.Errorf("users %+v", users)
	}
	rest := r.send(who, "GET", dirPath+"/users?limit=3&after="+users.Next, nil).want(http.StatusOK)
	if !strings.Contains(string(rest.body), `"login":"you"`) || !strings.Contains(string(rest.body), `"next":null`) {
		r.t.Errorf("the rest %s", rest.body)
	}
	for target, want := range map[string]string{
		"/namespaces":                      `"owners":["noor"]`,
		"/containers?in=acme&kind=project": `"path":"acme/tools/site"`,
		"/containers/acme%2Ftools%2Fsite":  `"visibility":"private"`,
		"/members?in=acme":                 `"level_name":"owner"`,
		"/service_accounts?in=acme":        `"login":"duo-developer"`,
		"/flows?in=acme/duo-workspace":     `"reference":"developer/v1","enabled":true,"service_account":"duo-developer"`,
		"/flags?in=acme":                   `"path":"acme/tools/site","name":"next","on":false`,
		"/users/mia":                       `"memberships":[{"path":"acme"`,
		"/export":                          `"members":{"mia":"developer"`,
	} {
		if a := r.send(who, "GET", dirPath+target, nil).want(http.StatusOK); !strings.Contains(string(a.body), want) {
			r.t.Errorf("%s has no %s: %s", target, want, a.body)
		}
	}
	var found struct {
		Container struct {
			ID   int64
			Path string
		}
	}
	r.send(who, "GET", dirPath+"/containers/acme%2Ftools", nil).want(http.StatusOK).into(&found)
	r.send(who, "GET", dirPath+"/containers/"+number(found.Container.ID), nil).want(http.StatusOK).into(&found)
	if found.Container.Path != "acme/tools" {
		r.t.Errorf("number %d is %s", found.Container.ID, found.Container.Path)
	}
	// What the export says is what is there: it changes nothing.
	export := r.send(who, "GET", dirPath+"/export", nil).want(http.StatusOK)
	a := r.send("you@lists", "POST", dirPath+"/apply?prune=true&dry_run=true", export.body).want(http.StatusOK)
	if string(a.object()["steps"]) != "[]" {
		r.t.Errorf("the export would change %s", a.body)
	}
}

func number(n int64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func checksTheDirectory(r *rig) {
	r.settle("checks")
	check := func(query string) map[string]map[string]json.RawMessage {
		r.t.Helper()
		var out map[string]map[string]json.RawMessage
		r.send("mia@checks", "GET", dirPath+"/check?"+query, nil).want(http.StatusOK).into(&out)
		return out
	}
	got := check("path=acme/duo-workspace&login=mia&flow=developer/v1&flag=next")
	for name, want := range map[string][2]string{
		"level": {"level", "30"}, "service_account": {"login", `"duo-developer"`}, "flag": {"on", "true"}, "container": {"project", "true"}, "flows": {"enabled", `["developer/v1"]`},
	} {
		if string(got[name][want[0]]) != want[1] || !strings.Contains(string(got[name]["basis"]), `"source":"directory","position":"`) {
			r.t.Errorf("%s is %s", name, got[name])
		}
	}
	if got := check("path=acme/tools/site&flag=next"); string(got["flag"]["on"]) != "false" {
		r.t.Errorf("the nearest flag does not count: %s", got["flag"])
	}
	for login, want := range map[string]string{"you": "50", "sam": "0", "nobody": "0", "noor": "50", "duo-developer": "0"} {
		if got := check("path=acme/duo-workspace&login=" + login); string(got["level"]["level"]) != want {
			r.t.Errorf("%s has %s, want %s", login, got["level"]["level"], want)
		}
	}
	got = check("path=acme/none&login=mia&flow=none/v1&flag=next")
	for _, name := range []string{"container", "level", "service_account"} {
		if !strings.Contains(string(got[name]["refused"]), `"code":"not_found"`) {
			r.t.Errorf("%s of what is not there: %s", name, got[name])
		}
	}
	r.send("mia@checks", "GET", dirPath+"/check", nil).refused(http.StatusBadRequest, domain.CodeInvalidField, "path")
}

func refusesChanges(r *rig) {
	r.settle("refusals")
	const who = "you@refusals"
	for _, c := range []struct {
		changes string
		status  int
		code    domain.Code
		field   string
	}{
		{`{"set_member":{"path":"acme","login":"nobody","level":30}}`, 404, domain.CodeNotFound, "changes[0].set_member.login"},
		{`{"set_member":{"path":"acme","login":"mia","level":35}}`, 400, domain.CodeInvalidField, "changes[0].set_member.level"},
		{`{"set_member":{"path":"acme","login":"Mia","level":30}}`, 400, domain.CodeInvalidField, "changes[0].set_member.login"},
		{`{"remove_member":{"path":"acme","login":"noor"}}`, 409, domain.CodeConflict, "changes[0].remove_member.login"},
		{`{"create_project":{"path":"acme/none/x"}}`, 404, domain.CodeNotFound, "changes[0].create_project.path"},
		{`{"create_group":{"path":"acme/x"}},{"create_project":{"path":"acme/x"}}`, 409, domain.CodeConflict, "changes[1].create_project.path"},
		{`{"delete_container":{"path":"acme/tools"}}`, 409, domain.CodeConflict, "changes[0].delete_container.path"},
		{`{"create_service_account":{"login":"mia","flow":"x/v1"}}`, 409, domain.CodeConflict, "changes[0].create_service_account.login"},
		{`{}`, 400, domain.CodeInvalidField, "changes[0]"},
		{``, 400, domain.CodeInvalidField, "changes"},
		{`{"set_flag":{"path":"acme","name":"x","onn":true}}`, 400, domain.CodeInvalidBody, ""},
	} {
		r.change(who, "acme", c.changes).refused(c.status, c.code, c.field)
	}
	r.change(who, "none", `{"set_flow":{"flow":"x/v1","enabled":true}}`).refused(404, domain.CodeNotFound, "root")
	r.change(who, "ACME", `{"set_flow":{"flow":"x/v1","enabled":true}}`).refused(400, domain.CodeInvalidField, "root")
	r.send(who, "PUT", dirPath+"/users/kim", `{"name":"Kim"}`).refused(404, domain.CodeNotFound, "login")
	r.send(who, "PUT", dirPath+"/users/mia", `{"default_namespace":"none"}`).refused(404, domain.CodeNotFound, "default_namespace")
	r.send(who, "PUT", dirPath+"/users/mia", `{"default_namespace":"acme/duo-workspace"}`).refused(400, domain.CodeInvalidField, "default_namespace")
	r.send(who, "PUT", dirPath+"/users/a%20b", `{"create":true}`).refused(400, domain.CodeInvalidField, "login")
	r.send(who, "GET", dirPath+"/users/kim", nil).refused(404, domain.CodeNotFound, "")
	r.send(who, "GET", dirPath+"/members?in=acme/none", nil).refused(404, domain.CodeNotFound, "")
	r.send(who, "GET", dirPath+"/members", nil).refused(400, domain.CodeInvalidField, "in")
	r.send(who, "GET", dirPath+"/containers?in=acme&kind=x", nil).refused(400, domain.CodeInvalidField, "kind")
	r.send(who, "GET", dirPath+"/users?at=x", nil).refused(400, domain.CodeInvalidField, "at")
	r.send(who, "GET", dirPath+"/timeline/workflow/0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a", nil).refused(404, domain.CodeNotFound, "")
}

func keepsProjectsInUse(r *rig) {
	r.send("you@busy", "POST", dirPath+"/apply", strings.ReplaceAll(company, "acme", "busy")).want(http.StatusOK)
	c := r.create("mia@busy", `{"goal":"g","start_workflow":true}`)
	const gone = `{"delete_container":{"path":"busy/duo-workspace"}}`
	r.change("you@busy", "busy", gone).refused(http.StatusConflict, domain.CodeConflict, "changes[0].delete_container.path")
	r.send("mia@busy", "PATCH", c.path(""), `{"status_event":"stop"}`).want(http.StatusOK)
	r.send("you@busy", "GET", dirPath+"/containers/busy%2Fduo-workspace", nil).want(http.StatusOK)
}

func hidesTheDirectory(r *rig) {
	r.settle("hidden")
	for target, want := range map[string]string{"/users": `"users":[]`, "/namespaces": `"namespaces":[]`, "/export": `{}`} {
		if a := r.send("eve@elsewhere", "GET", dirPath+target, nil).want(http.StatusOK); !strings.Contains(string(a.body), want) {
			r.t.Errorf("another tenant reads %s of %s", a.body, target)
		}
	}
	var found struct {
		Container struct{ ID int64 }
		Stream    string
	}
	r.send("mia@hidden", "GET", dirPath+"/containers/acme", nil).want(http.StatusOK).into(&found)
	for _, target := range []string{"/containers/acme", "/containers/" + number(found.Container.ID), "/users/mia", "/members?in=acme", "/timeline/" + found.Stream} {
		r.send("eve@elsewhere", "GET", dirPath+target, nil).want(http.StatusNotFound)
	}
	c := r.create("mia@hidden", `{"goal":"g","start_workflow":true}`)
	run := runToken("hidden", c, 1)
	for _, target := range []string{"/users", "/containers/acme", "/export", "/check?path=acme", "/timeline/" + found.Stream} {
		r.send(run, "GET", dirPath+target, nil).refused(http.StatusForbidden, domain.CodeForbidden, "")
	}
	r.change(run, "acme", `{"create_group":{"path":"acme/x"}}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.send(run, "POST", dirPath+"/apply", company).refused(http.StatusForbidden, domain.CodeForbidden, "")
}

func changesOnceByKey(r *rig) {
	r.settle("keys")
	const target, body = dirPath + "/namespaces/acme/changes", `{"changes":[{"create_group":{"path":"acme/once"}}]}`
	first := r.send("you@keys", "POST", target, body, "Idempotency-Key", "k").want(http.StatusOK).object()
	r.change("you@keys", "acme", `{"delete_container":{"path":"acme/once"}}`).want(http.StatusOK)
	again := r.send("you@keys", "POST", target, body, "Idempotency-Key", "k").want(http.StatusOK).object()
	if string(first["position"]) != string(again["position"]) {
		r.t.Errorf("again it is at %s, not %s", again["position"], first["position"])
	}
	r.send("you@keys", "GET", dirPath+"/containers/acme%2Fonce", nil).want(http.StatusNotFound)
	r.send("you@keys", "POST", target, `{"changes":[{"create_group":{"path":"acme/other"}}]}`, "Idempotency-Key", "k").refused(422, domain.CodeKeyReused, "Idempotency-Key")
}

func linksDirectoryEvents(r *rig) {
	r.settle("links")
	var feed struct{ Events []struct{ Type, Link string } }
	r.send("mia@links", "GET", "/v1/events?type=namespace.flow_enabled&type=user.created", nil).want(http.StatusOK).into(&feed)
	if len(feed.Events) != 5 {
		r.t.Fatalf("%d events: %+v", len(feed.Events), feed)
	}
	for _, e := range feed.Events {
		var one struct{ Type string }
		if r.send("mia@links", "GET", e.Link, nil).want(http.StatusOK).into(&one); one.Type != e.Type {
			r.t.Errorf("%s leads to %s", e.Link, one.Type)
		}
	}
}

func refusesDocuments(r *rig) {
	const who = "you@documents"
	for doc, field := range map[string]string{
		`{"users":[{"login":"a"},{"login":"a"}]}`:                                      "users[1].login",
		`{"users":[{"login":"A B"}]}`:                                                  "users[0].login",
		`{"namespaces":[{"path":"x","members":{"a":"owner"}}]}`:                        "namespaces[0].members.a of x",
		`{"namespaces":[{"path":"x"}]}`:                                                "namespaces[0].members",
		`{"users":[{"login":"a"}],"namespaces":[{"path":"x","members":{"a":"boss"}}]}`: "members",
		`{"users":[{"login":"a"}],"namespaces":[{"path":"x","members":{"a":"owner"},"groups":[{"path":"x/y"},{"path":"x/y"}]}]}`:              "namespaces[0].groups[1].path",
		`{"users":[{"login":"a"}],"namespaces":[{"path":"x","members":{"a":"owner"},"groups":[{"path":"x/y"}],"projects":[{"path":"x/y"}]}]}`: "namespaces[0].projects[0].path",
		`{"users":[{"login":"a"}],"namespaces":[{"path":"x","members":{"a":"owner"},"projects":[{"path":"x/none/y"}]}]}`:                      "namespaces[0].projects.x/none/y",
		`{"users":[{"login":"a"}],"namespaces":[{"path":"x","members":{"a":"owner"},"projects":[{"path":"y/z"}]}]}`:                           "namespaces[0].projects.y/z",
		`{"users":[{"login":"a"}],"namespaces":[{"path":"x/y","members":{"a":"owner"}}]}`:                                                     "namespaces[0].path",
		`{"users":[{"login":"a"}],"namespaces":[{"path":"x","members":{"a":"owner"},"service_accounts":[{"login":"a","flow":"f/v1"}]}]}`:      "namespaces[0].service_accounts.a",
		`{"users":[{"login":"a","default_namespace":"none"}]}`:                                                                                "users[0].default_namespace",
	} {
		a := r.send(who, "POST", dirPath+"/apply?dry_run=true", doc)
		if a.status < 400 || a.refusal().Field != field || a.refusal().Fix == "" {
			r.t.Errorf("%s is answered %d %s, want a refusal of %s", doc, a.status, a.body, field)
		}
	}
	r.send(who, "POST", dirPath+"/apply", `{"user":[]}`).refused(400, domain.CodeInvalidBody, "")
	r.send(who, "POST", dirPath+"/apply?prune=yes", `{}`).refused(400, domain.CodeInvalidField, "prune")
	r.send(who, "GET", dirPath+"/export", nil).want(http.StatusOK)
}

// TestL6DirectoryAsOf: the directory is read as it stood at any position and time,
// and its history is a timeline as that of a workflow.
func TestL6DirectoryAsOf(t *testing.T) {
	r := newRig(t)
	r.settle("acme")
	const who = "you@acme"
	var first struct{ Position, Stream string }
	r.change(who, "acme", `{"set_member":{"path":"acme","login":"mia","level":40}},{"create_project":{"path":"acme/new"}}`).want(http.StatusOK).into(&first)
	before := r.send(who, "GET", dirPath+"/export", nil).want(http.StatusOK)
	var second struct{ Position, Stream string }
	r.change(who, "acme", `{"remove_member":{"path":"acme","login":"mia"}},{"delete_container":{"path":"acme/new"}},{"set_flow":{"flow":"developer/v1","enabled":false}},{"set_flag":{"path":"acme","name":"next"}},{"remove_service_account":{"login":"duo-developer"}}`).
		want(http.StatusOK).into(&second)
	at := "at=" + url.QueryEscape(first.Position)
	if then := r.send(who, "GET", dirPath+"/export?"+at, nil).want(http.StatusOK); string(then.body) != string(before.body) {
		t.Errorf("as of then:\n%s\nbut it was:\n%s", then.body, before.body)
	}
	for target, want := range map[string]string{
		"/members?in=acme&" + at:               `"login":"mia","level":40`,
		"/flows?in=acme&" + at:                 `"reference":"developer/v1","enabled":true`,
		"/flags?in=acme/new&" + at:             `"flags":[]`,
		"/service_accounts?in=acme&" + at:      `"login":"duo-developer"`,
		"/containers/acme%2Fnew?" + at:         `"kind":"project"`,
		"/containers?in=acme&" + at:            `"path":"acme/new"`,
		"/users?" + at:                         `"login":"mia"`,
		"/timeline/" + first.Stream:            `namespace.member_removed`,
		"/timeline/" + first.Stream + "?" + at: `"level": 40`,
	} {
		want = strings.ReplaceAll(want, `": `, `":`)
		if a := r.send(who, "GET", dirPath+target, nil).want(http.StatusOK); !strings.Contains(string(a.body), want) {
			t.Errorf("%s has no %s: %s", target, want, a.body)
		}
	}
	r.send(who, "GET", dirPath+"/containers/acme%2Fnew", nil).want(http.StatusNotFound)
	var timeline struct {
		Events []struct{ Time, Position, Type string }
	}
	r.send(who, "GET", dirPath+"/timeline/"+first.Stream, nil).want(http.StatusOK).into(&timeline)
	began := timeline.Events[0]
	if a := r.send(who, "GET", dirPath+"/members?in=acme&at="+began.Time, nil).want(http.StatusOK); !strings.Contains(string(a.body), `"login":"mia","level":30`) {
		t.Errorf("when it began: %s", a.body)
	}
	r.send(who, "GET", dirPath+"/members?in=acme&at=2020-01-01T00:00:00Z", nil).refused(404, domain.CodeNotFound, "at")
	if a := r.send(who, "GET", dirPath+"/export?at=2020-01-01T00:00:00Z", nil).want(http.StatusOK); string(a.body) != "{}" {
		t.Errorf("before everything there is %s", a.body)
	}
}
