package trigger_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	entities "github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/routing"
	words "github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/trigger"
)

// TestT2: the steps, in their order, and the record of them.
func TestT2(t *testing.T) {
	t.Parallel()
	w := newWorld()
	start, _, err := w.trigger(t).TriggerFlow(t.Context(), asks("mia"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"project acme/duo-workspace", "member duo-developer acme/duo-workspace"}, w.changes()); diff != "" {
		t.Error(diff)
	}
	var steps []string
	for _, s := range start.Triggered.Steps {
		steps = append(steps, fmt.Sprintf("%s %s: %s", s.Step, s.Outcome, s.Detail))
	}
	want := []string{
		"namespace found: acme, the root of acme/tools, the default namespace of mia", "flow found: developer/v1", "project made: acme/duo-workspace",
		"service_account found: duo-developer", "membership made: duo-developer has developer access to acme/duo-workspace", "execute made: developer/v1 2.0.0 · local engine",
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
	if start.Triggered.Entry != "message" || start.Triggered.Steps[0].Basis.Position != "3:1042" {
		t.Errorf("%+v", start.Triggered)
	}
	if start.Namespace.Path != "acme" || start.Project.Path != "acme/duo-workspace" || start.Project.ID != 100 || w.place != "acme/duo-workspace" || !start.Run {
		t.Errorf("%+v", start)
	}
	// Twice is once: one project, one membership.
	if start, _, err = w.trigger(t).TriggerFlow(t.Context(), asks("mia")); err != nil || start.Triggered.Steps[2].Outcome != words.Found || start.Triggered.Steps[4].Outcome != words.Found {
		t.Errorf("%+v, %v", start, err)
	}
	if len(w.changes()) != 2 {
		t.Errorf("%v", w.changes())
	}
}

// refusals are the ways in which a trigger is refused: what is wrong, the reason, where
// it stops, and what is said.
func refusals() map[string]struct {
	spoil   func(*world, *trigger.Ask)
	code    domain.Code
	step    words.Step
	says    string
	fix     string
	changes int
} {
	type row = struct {
		spoil   func(*world, *trigger.Ask)
		code    domain.Code
		step    words.Step
		says    string
		fix     string
		changes int
	}
	set := func(login string, edit func(*entities.User)) func(*world, *trigger.Ask) {
		return func(w *world, _ *trigger.Ask) {
			u := w.users[login]
			edit(&u)
			w.users[login] = u
		}
	}
	of := func(edit func(*world)) func(*world, *trigger.Ask) { return func(w *world, _ *trigger.Ask) { edit(w) } }
	named := func(ref string, project bool) func(*world, *trigger.Ask) {
		return func(_ *world, a *trigger.Ask) {
			a.Named = []trigger.Named{{Ref: ref, Field: "named", Project: project}}
		}
	}
	refused := &domain.Error{Code: domain.CodeForbidden, Message: "only maintainers make projects", Fix: "ask noor"}
	return map[string]row{
		"T3 no namespace":                   {set("mia", func(u *entities.User) { u.DefaultNamespace = "" }), domain.CodeNamespaceMissing, words.StepNamespace, "No default Duo namespace configured for mia", "duolog user set mia", 0},
		"T3 the namespace is gone":          {of(func(w *world) { delete(w.containers, "acme/tools") }), domain.CodeNamespaceMissing, words.StepNamespace, "No default Duo namespace configured for mia: the one that is set", "duolog user set mia", 0},
		"T3 no such tenant":                 {of(func(w *world) { w.unknown = true }), domain.CodeNamespaceMissing, words.StepNamespace, "No default Duo namespace configured", "add the tenant", 0},
		"T3 nobody knows them":              {func(_ *world, a *trigger.Ask) { a.User = "eve" }, domain.CodeForbidden, words.StepNamespace, `no user "eve"`, "administrator", 0},
		"T3 blocked":                        {set("mia", func(u *entities.User) { u.Blocked = true }), domain.CodeForbidden, words.StepNamespace, "user mia is blocked", "administrator", 0},
		"T6a flows are not allowed":         {of(func(w *world) { w.settings.FoundationalAllowed = false }), domain.CodeFlowNotEnabled, words.StepFlow, "developer/v1 flow is not enabled in acme: the group does not allow", "noor, sam) can allow them: duolog namespace set acme", 0},
		"T6a not in the catalog":            {of(func(w *world) { delete(w.catalog, "developer/v1") }), domain.CodeFlowNotEnabled, words.StepFlow, "developer/v1 flow is not enabled in acme: the catalog has no such flow", "duolog flow list", 0},
		"T6a not in the list":               {of(func(w *world) { w.settings.Enabled = []string{"fix_pipeline/v1"} }), domain.CodeFlowNotEnabled, words.StepFlow, "developer/v1 flow is not enabled in acme: it is not switched on", "(noor, sam) can enable it: duolog flow enable developer/v1 --in acme", 0},
		"T3 off and without an account":     {of(func(w *world) { w.settings.Enabled, w.accounts = nil, nil }), domain.CodeFlowNotEnabled, words.StepFlow, "developer/v1 flow is not enabled", "can enable it", 0},
		"T6b the plan":                      {of(func(w *world) { w.policy.Plans = []string{"ultimate"} }), domain.CodeFlowNotEnabled, words.StepFlow, "the group's plan is premium, and flows need ultimate", "gates.plans", 0},
		"T6b the maturity":                  {of(func(w *world) { w.policy.Maturities = []string{"beta", "ga"} }), domain.CodeFlowNotEnabled, words.StepFlow, "its maturity is stable, and flows must be beta or ga", "gates.maturities", 0},
		"T8 a reporter makes no project":    {func(_ *world, a *trigger.Ask) { a.User = "kim" }, domain.CodeForbidden, words.StepProject, "kim has no developer access to acme", "duolog member set acme kim developer", 0},
		"T3 the project cannot be made":     {of(func(w *world) { w.away["project"] = refused }), domain.CodeWorkspaceProject, words.StepProject, "duo-workspace of acme could not be found or made: only maintainers make projects", "ask noor", 1},
		"T3 no service account":             {of(func(w *world) { w.accounts = nil }), domain.CodeServiceAccount, words.StepServiceAccount, "the developer/v1 flow has no service account in acme", "duolog namespace account create acme LOGIN --flow developer/v1", 1},
		"T3 the service account is blocked": {set("duo-developer", func(u *entities.User) { u.Blocked = true }), domain.CodeServiceAccount, words.StepServiceAccount, "service account duo-developer is blocked", "unblock it", 1},
		"T3 the account cannot be let in":   {of(func(w *world) { w.away["member"] = refused }), domain.CodeServiceAccount, words.StepMembership, "service account duo-developer could not be given developer access to acme/duo-workspace", "ask noor", 2},
		"T3 nothing runs it": {of(func(w *world) {
			w.engine = &domain.Error{Code: domain.CodeConflict, Message: "no runner is free", Fix: "add one"}
		}), domain.CodeExecuteFailed, words.StepExecute, "the workflow could not be started: no runner is free", "add one", 2},
		"a project of others":  {named("other/site", true), domain.CodeNotFound, words.StepNamespace, "there is no such project", "use one of your own", 0},
		"a group that is none": {named("acme/shop", false), domain.CodeNotFound, words.StepNamespace, "there is no such namespace", "use one of your own", 0},
		"a deleted project":    {named("acme/gone", true), domain.CodeNotFound, words.StepNamespace, "there is no such project", "use one of your own", 0},
		"a project that is not of that group": {func(_ *world, a *trigger.Ask) {
			a.Named = []trigger.Named{{Ref: "acme/tools"}, {Ref: "acme/shop", Project: true, Field: "named"}}
		}, domain.CodeNotFound, words.StepNamespace, "there is no such project", "use one of your own", 0},
	}
}

// TestT3 and its rows of T6a, T6b and T8: each refusal has its reason, its message with
// the fix, and stops where it can first be told; nothing is made beyond that.
func TestT3(t *testing.T) {
	t.Parallel()
	for name, c := range refusals() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, a := newWorld(), asks("mia")
			c.spoil(w, &a)
			start, _, err := w.trigger(t).TriggerFlow(t.Context(), a)
			refusal, ok := errors.AsType[*domain.Error](err)
			if !ok || start != nil {
				t.Fatalf("%v", err)
			}
			if refusal.Code != c.code || !strings.Contains(refusal.Message, c.says) || !strings.Contains(refusal.Fix, c.fix) {
				t.Errorf("refused with %s: %s\nfix: %s", refusal.Code, refusal.Message, refusal.Fix)
			}
			record := trigger.RecordOf(err)
			if record.StoppedAt() != c.step || len(w.changes()) != c.changes {
				t.Errorf("stopped at %q after %v", record.StoppedAt(), w.changes())
			}
		})
	}
}

// TestADirectoryThatIsAwayRefusesNothing: whichever question it does not answer, the
// request may be sent again, and goes on from there.
func TestADirectoryThatIsAwayRefusesNothing(t *testing.T) {
	t.Parallel()
	for _, question := range []string{"user", "container", "flows", "level", "account", "project", "member"} {
		for name, err := range map[string]error{"away": errors.New("connection refused"), "says not now": &domain.Error{Code: domain.CodeNotNow, Message: "429"}} {
			w := newWorld()
			w.away[question] = err
			if _, _, err := w.trigger(t).TriggerFlow(t.Context(), asks("mia")); domain.CodeOf(err) != domain.CodeNotNow || trigger.RecordOf(err) != nil {
				t.Errorf("%s %s: %v", question, name, err)
			}
			delete(w.away, question)
			if _, _, err := w.trigger(t).TriggerFlow(t.Context(), asks("mia")); err != nil {
				t.Errorf("%s, tried again: %v", question, err)
			}
			if n := len(w.containers); n != 6 {
				t.Errorf("%s: %d containers", question, n)
			}
		}
	}
}

// TestT4: the identity is the flow's own account, whichever surface it came from.
func TestT4(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.accounts["fix_pipeline/v1"], w.users["duo-fix"] = "duo-fix", entities.User{Login: "duo-fix", ServiceAccount: true}
	for flow, account := range map[string]string{"": "duo-developer", "fix_pipeline/v1": "duo-fix"} {
		for _, adapter := range []string{"slack", "gitlab", ""} {
			a := asks("mia")
			a.Message.Adapter, a.Message.Asked = adapter, flow
			if start, _, err := w.trigger(t).TriggerFlow(t.Context(), a); err != nil || start.ServiceAccount != account {
				t.Errorf("%s from %q: %+v, %v", flow, adapter, start, err)
			}
		}
	}
}

// TestT5: the same person who asks for the same gets the same, whichever way they ask.
func TestT5(t *testing.T) {
	t.Parallel()
	w := newWorld()
	var first *workflow.Start
	for _, entry := range []string{"message", "api", "command", "fork"} {
		a := asks("mia")
		a.Entry = entry
		start, _, err := w.trigger(t).TriggerFlow(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		start.Triggered = nil
		if first == nil {
			first = start
		}
		if diff := cmp.Diff(first, start, cmp.AllowUnexported(workflow.Start{})); diff != "" {
			t.Errorf("%s: %s", entry, diff)
		}
	}
}

// TestT6: granted is the same for every trigger, pre-approved is the flow's own.
func TestT6(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.accounts["fix_pipeline/v1"] = "duo-developer"
	for name, c := range map[string]struct {
		flow                 string
		ask, pre             []int
		granted, preApproved []int
		refused              string
	}{
		"by default":                {granted: []int{1, 2, 3, 4, 5, 6}, preApproved: []int{1, 2, 3, 5}},
		"of another flow":           {flow: "fix_pipeline/v1", granted: []int{1, 2, 3, 4, 5, 6}, preApproved: []int{2}},
		"fewer":                     {ask: []int{2, 4}, granted: []int{2, 4}, preApproved: []int{2}},
		"none":                      {ask: []int{}, granted: []int{}, preApproved: []int{}},
		"more, which are asked for": {ask: []int{1, 7, 8}, granted: []int{1, 7, 8}, preApproved: []int{1}},
		"others pre-approved":       {ask: []int{1, 4}, pre: []int{4}, granted: []int{1, 4}, preApproved: []int{4}},
		"outside the list":          {ask: []int{9}, refused: "agent_privileges"},
		"not granted":               {pre: []int{7}, refused: "pre_approved_agent_privileges"},
	} {
		a := asks("mia")
		a.Message.Asked, a.Start.Privileges, a.Start.PreApproved = c.flow, c.ask, c.pre
		w.asked = nil
		start, _, err := w.trigger(t).TriggerFlow(t.Context(), a)
		if c.refused != "" {
			if e, ok := errors.AsType[*domain.Error](err); !ok || e.Field != c.refused || len(w.asked) > 0 {
				t.Errorf("%s: %v, after %v", name, err, w.asked)
			}
			continue
		}
		if err != nil || !slices.Equal(start.Privileges, c.granted) || !slices.Equal(start.PreApproved, c.preApproved) {
			t.Errorf("%s: %+v, %v", name, start, err)
		}
	}
}

// TestT6b: administrators pass the check of membership, and no other.
func TestT6b(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.policy.Plans, w.policy.Maturities = []string{"premium"}, []string{"stable"}
	if _, _, err := w.trigger(t).TriggerFlow(t.Context(), asks("root")); err != nil {
		t.Error(err)
	}
	w.settings.Plan = "free"
	if _, _, err := w.trigger(t).TriggerFlow(t.Context(), asks("root")); domain.CodeOf(err) != domain.CodeFlowNotEnabled {
		t.Errorf("%v", err)
	}
}

// TestT7: the callback context is passed on byte for byte, and refused before anything
// is made where it is none.
func TestT7(t *testing.T) {
	t.Parallel()
	w := newWorld()
	start, _, err := w.trigger(t).TriggerFlow(t.Context(), asks("mia"))
	if err != nil || string(start.CallbackContext) != `{"adapter":"console", "n":1.0}` {
		t.Errorf("%s, %v", start.CallbackContext, err)
	}
	for context, code := range map[string]domain.Code{`[1]`: domain.CodeInvalidField, `{"a":"` + strings.Repeat("x", 16<<10) + `"}`: domain.CodeTooLarge} {
		w, a := newWorld(), asks("mia")
		a.Start.CallbackContext = []byte(context)
		_, _, err := w.trigger(t).TriggerFlow(t.Context(), a)
		if e, ok := errors.AsType[*domain.Error](err); !ok || e.Code != code || e.Field != "messaging_callback_context" || len(w.asked) > 0 {
			t.Errorf("%v, after %v", err, w.asked)
		}
	}
}

// TestT8: whoever is a developer of the group needs no membership of the project, the
// person as little as the account.
func TestT8(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.members["acme"]["duo-developer"] = entities.Developer
	start, _, err := w.trigger(t).TriggerFlow(t.Context(), asks("mia"))
	if err != nil || start.Triggered.Steps[4].Outcome != words.Found {
		t.Fatalf("%+v, %v", start, err)
	}
	if diff := cmp.Diff([]string{"project acme/duo-workspace"}, w.changes()); diff != "" {
		t.Error(diff)
	}
	// A direct member of the project alone may work there too.
	w.members["acme/duo-workspace"] = map[string]entities.Level{"kim": entities.Developer}
	if _, _, err := w.trigger(t).TriggerFlow(t.Context(), asks("kim")); err != nil {
		t.Error(err)
	}
}

// TestE7: the rules of the tenant choose the flow of a message, and of nothing else;
// the decision is in the record.
func TestE7(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.accounts["fix_pipeline/v1"] = "duo-developer"
	w.policy.Rules = []routing.Rule{{Word: "fix", Flow: "fix_pipeline/v1"}, {Word: "stop", Flow: "nobody/v1"}}
	for name, c := range map[string]struct {
		message routing.Message
		want    routing.Decision
	}{
		"by rule":       {routing.Message{Adapter: "console", Task: "fix it"}, routing.Decision{Flow: "fix_pipeline/v1", Rule: 1, Why: "first word fix"}},
		"by default":    {routing.Message{Adapter: "console", Task: "why?"}, routing.Decision{Flow: "developer/v1", Why: "it is the default: no rule matches"}},
		"asked for":     {routing.Message{Adapter: "console", Task: "why?", Asked: "fix_pipeline/v1"}, routing.Decision{Flow: "fix_pipeline/v1", Why: "it was asked for"}},
		"not a message": {routing.Message{Task: "fix it"}, routing.Decision{Flow: "developer/v1", Why: "it is the default"}},
	} {
		a := asks("mia")
		a.Message = c.message
		start, _, err := w.trigger(t).TriggerFlow(t.Context(), a)
		if err != nil || start.Flow.Definition != c.want.Flow || *start.Triggered.Routing != c.want {
			t.Errorf("%s: %+v, %v", name, start, err)
		}
	}
	a := asks("mia")
	a.Message.Task = "stop it"
	_, _, err := w.trigger(t).TriggerFlow(t.Context(), a)
	if record := trigger.RecordOf(err); domain.CodeOf(err) != domain.CodeFlowNotEnabled || record.Routing.Rule != 2 {
		t.Errorf("%v, %+v", err, record)
	}
}

// TestNamedPlaces: a workflow is where the caller says, if they may see that.
func TestNamedPlaces(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		named              []trigger.Named
		namespace, project string
	}{
		"a project":        {[]trigger.Named{{Ref: "acme/shop", Project: true}}, "acme", "acme/shop"},
		"a group":          {[]trigger.Named{{Ref: "acme/tools"}}, "acme/tools", ""},
		"both":             {[]trigger.Named{{Ref: "acme"}, {Ref: "acme/shop", Project: true}}, "acme", "acme/shop"},
		"the same, twice":  {[]trigger.Named{{Ref: "acme/shop", Project: true}, {Ref: "acme/shop", Project: true}}, "acme", "acme/shop"},
		"nothing, as ever": {nil, "acme", "acme/duo-workspace"},
	} {
		w, a := newWorld(), asks("mia")
		a.Named = c.named
		start, _, err := w.trigger(t).TriggerFlow(t.Context(), a)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		project := ""
		if start.Project != nil {
			project = start.Project.Path
		}
		if start.Namespace.Path != c.namespace || project != c.project {
			t.Errorf("%s: in %s and %s", name, start.Namespace.Path, project)
		}
	}
}

// TestGoingOn: what is permitted is decided anew, what was pinned stays.
func TestGoingOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*world)
		state func(*workflow.State)
		code  domain.Code
	}{
		"as at the start":         {},
		"the catalog has changed": {spoil: func(w *world) { w.catalog = nil }},
		"pinned under another name": {state: func(s *workflow.State) {
			s.Created.Flow.Definition, s.Routing = "developer_unstable/experimental", &routing.Decision{Flow: "developer/v1"}
		}},
		"the flow is off":             {spoil: func(w *world) { w.settings.Enabled = nil }, code: domain.CodeFlowNotEnabled},
		"the person has left":         {spoil: func(w *world) { delete(w.users, "mia") }, code: domain.CodeForbidden},
		"the person may no longer":    {spoil: func(w *world) { delete(w.members, "acme") }, code: domain.CodeForbidden},
		"the account is blocked":      {spoil: func(w *world) { w.users["duo-developer"] = entities.User{Blocked: true} }, code: domain.CodeServiceAccount},
		"the account was removed":     {spoil: func(w *world) { delete(w.users, "duo-developer") }, code: domain.CodeServiceAccount},
		"the account may no longer":   {spoil: func(w *world) { delete(w.members, "acme/duo-workspace") }, code: domain.CodeServiceAccount},
		"the directory is away":       {spoil: func(w *world) { w.away["flows"] = errors.New("connection refused") }, code: domain.CodeNotNow},
		"no engine here runs it":      {spoil: func(w *world) { w.settings.Enabled = nil }, state: func(s *workflow.State) { s.Created.Engine = workflow.EngineNone }},
		"there is no such workflow":   {spoil: func(w *world) { w.settings.Enabled = nil }, state: func(s *workflow.State) { s.Created = nil }},
		"the read models do not tell": {spoil: func(w *world) { w.away["state"] = errors.New("connection refused") }, code: domain.CodeNotNow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, id := newWorld(), domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: uuid.New()}
			w.members["acme/duo-workspace"] = map[string]entities.Level{"duo-developer": entities.Developer}
			s := workflow.State{Status: workflow.StatusInputRequired, Created: &workflow.Created{
				Principal: domain.Principal{User: "mia", ServiceAccount: "duo-developer"}, Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local",
				Namespace: &workflow.Container{Path: "acme"}, Project: &workflow.Container{Path: "acme/duo-workspace"},
			}}
			if c.state != nil {
				c.state(&s)
			}
			w.states[id.ID] = s
			if c.spoil != nil {
				c.spoil(w)
			}
			for _, may := range []func() error{
				func() error { _, err := w.trigger(t).MayResume(t.Context(), id, "mia"); return err },
				func() error { _, err := w.trigger(t).MaySteer(t.Context(), id, "mia"); return err },
			} {
				if err := may(); err == nil != (c.code == "") || err != nil && domain.CodeOf(err) != c.code {
					t.Errorf("%v", err)
				}
			}
		})
	}
}
