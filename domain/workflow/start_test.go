package workflow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

func start(edit func(*workflow.Start)) *workflow.Start {
	c := &workflow.Start{
		Goal: "Fix it", Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local", Trigger: workflow.Trigger{Source: "api"},
		Privileges: []int{1, 2}, PreApproved: []int{1},
	}
	edit(c)
	return c
}

func TestStart(t *testing.T) {
	t.Parallel()
	want := created()
	want.Goal, want.Title, want.Principal = text("Fix it"), "Fix it", domain.Principal{User: "ada", ServiceAccount: "duo"}
	s := given(t).when(start(func(c *workflow.Start) { c.ServiceAccount = "duo" })).then(want)
	if s.state.Status != workflow.StatusCreated || s.state.Owner.User != "ada" || s.state.ActiveRun() != nil {
		t.Errorf("%+v", s.state)
	}
	s.when(start(func(*workflow.Start) {})).refused(domain.CodeConflict, "")
}

func TestStartWithARun(t *testing.T) {
	t.Parallel()
	s := given(t).when(start(func(c *workflow.Start) { c.Run = true }))
	id := uuid.NewSHA1(s.env.CommandID, []byte("run"))
	if len(s.out.Events) != 2 || s.out.Events[1] != workflow.Event(workflow.RunRequested{Run: id, Epoch: 1, Engine: "local", Kind: workflow.RunStart}) {
		t.Fatalf("%+v", s.out.Events)
	}
	intents := s.state.Intents()
	if len(intents) != 1 || intents[0].Kind != workflow.IntentRun || intents[0].ID != id || !intents[0].Due.Equal(epoch) || intents[0].Lane != "local" {
		t.Errorf("%+v", intents)
	}
}

// TestStartWithItsOwnFlowAndModel: F6 and P4, both as they came but for a key.
func TestStartWithItsOwnFlowAndModel(t *testing.T) {
	t.Parallel()
	const config = `{"version": "v1"}`
	s := given(t).when(start(func(c *workflow.Start) {
		c.FlowConfig, c.Model = json.RawMessage(config), `{"name" : "m", "api_key":"s"}`
	}))
	if len(s.out.Events) != 3 || s.out.Events[2] != workflow.Event(workflow.ModelChosen{Metadata: `{"name" : "m" }`}) {
		t.Fatalf("%+v", s.out.Events)
	}
	if s.state.FlowConfig == nil || s.state.FlowConfig.Size != int64(len(config)) || s.state.ChosenModel != `{"name" : "m" }` || s.state.Model != "" {
		t.Errorf("%+v", s.state)
	}
	if n := len(s.state.Values()); n != 2 {
		t.Errorf("%d values are kept", n)
	}
}

func TestStartHasNoOptionalValues(t *testing.T) {
	t.Parallel()
	s := given(t).when(start(func(c *workflow.Start) {
		c.AdditionalContext, c.Privileges, c.PreApproved = json.RawMessage("null"), nil, nil
	}))
	e, ok := s.out.Events[0].(workflow.Created)
	if !ok || e.AdditionalContext != nil || e.CallbackContext != nil || e.Privileges == nil || e.PreApproved == nil {
		t.Errorf("%+v", s.out.Events[0])
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n+1) }
	for name, tt := range map[string]struct {
		edit  func(*workflow.Start)
		code  domain.Code
		field string
	}{
		"goal":                  {func(c *workflow.Start) { c.Goal = long(16384) }, domain.CodeTooLarge, "goal"},
		"callback":              {func(c *workflow.Start) { c.CallbackContext = json.RawMessage(`{"a":"` + long(16<<10) + `"}`) }, domain.CodeTooLarge, "messaging_callback_context"},
		"callback list":         {func(c *workflow.Start) { c.CallbackContext = json.RawMessage(`[]`) }, domain.CodeInvalidField, "messaging_callback_context"},
		"context":               {func(c *workflow.Start) { c.AdditionalContext = json.RawMessage(`"` + long(1<<20) + `"`) }, domain.CodeTooLarge, "additional_context"},
		"image":                 {func(c *workflow.Start) { c.Image = long(2048) }, domain.CodeTooLarge, "image"},
		"image NUL":             {func(c *workflow.Start) { c.Image = "a\x00" }, domain.CodeInvalidField, "image"},
		"branch":                {func(c *workflow.Start) { c.SourceBranch = long(1024) }, domain.CodeTooLarge, "source_branch"},
		"branch not UTF-8":      {func(c *workflow.Start) { c.SourceBranch = "\xff" }, domain.CodeInvalidField, "source_branch"},
		"reference":             {func(c *workflow.Start) { c.ClientReference = long(255) }, domain.CodeTooLarge, "client_reference"},
		"reference NUL":         {func(c *workflow.Start) { c.ClientReference = "\x00" }, domain.CodeInvalidField, "client_reference"},
		"environment":           {func(c *workflow.Start) { c.Environment = long(64) }, domain.CodeTooLarge, "environment"},
		"environment NUL":       {func(c *workflow.Start) { c.Environment = "\x00" }, domain.CodeInvalidField, "environment"},
		"a flow that is a list": {func(c *workflow.Start) { c.FlowConfig = json.RawMessage(`[]`) }, domain.CodeInvalidField, "flow_config"},
		"a large flow":          {func(c *workflow.Start) { c.FlowConfig = json.RawMessage(`{"a":"` + long(64<<10) + `"}`) }, domain.CodeTooLarge, "flow_config"},
		"a long model":          {func(c *workflow.Start) { c.Model = long(1024) }, domain.CodeTooLarge, "model"},
		"definition":            {func(c *workflow.Start) { c.Flow.Definition = long(256) }, domain.CodeTooLarge, "workflow_definition"},
		"definition NUL":        {func(c *workflow.Start) { c.Flow.Definition = "a\x00" }, domain.CodeInvalidField, "workflow_definition"},
		"no definition":         {func(c *workflow.Start) { c.Flow.Definition = "" }, domain.CodeInvalidField, "workflow_definition"},
		"source":                {func(c *workflow.Start) { c.Trigger.Source = long(64) }, domain.CodeTooLarge, "source"},
		"source NUL":            {func(c *workflow.Start) { c.Trigger.Source = "\x00" }, domain.CodeInvalidField, "source"},
		"project":               {func(c *workflow.Start) { c.Project = &workflow.Container{Path: long(1024)} }, domain.CodeTooLarge, "project.path"},
		"project NUL":           {func(c *workflow.Start) { c.Project = &workflow.Container{Path: "\x00"} }, domain.CodeInvalidField, "project.path"},
		"namespace NUL":         {func(c *workflow.Start) { c.Namespace = &workflow.Container{Path: "\x00"} }, domain.CodeInvalidField, "namespace.path"},
		"place NUL":             {func(c *workflow.Start) { c.Trigger.Place = "\x00" }, domain.CodeInvalidField, "trigger.place"},
		"message id":            {func(c *workflow.Start) { c.Trigger.MessageID = long(255) }, domain.CodeTooLarge, "trigger.message_id"},
		"engine NUL":            {func(c *workflow.Start) { c.Engine = "\x00" }, domain.CodeInvalidField, "engine"},
		"privilege 0":           {func(c *workflow.Start) { c.Privileges = []int{0} }, domain.CodeInvalidField, "agent_privileges"},
		"privilege 9":           {func(c *workflow.Start) { c.Privileges = []int{1, 9} }, domain.CodeInvalidField, "agent_privileges"},
		"approved, not held":    {func(c *workflow.Start) { c.PreApproved = []int{3} }, domain.CodeInvalidField, "pre_approved_agent_privileges"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given(t).when(start(tt.edit)).refused(tt.code, tt.field)
		})
	}
}

func TestTitle(t *testing.T) {
	t.Parallel()
	for goal, want := range map[string]string{
		"":                              "",
		"  \n\n Fix it \nplease":        "Fix it",
		"Fix\tthe\x00 \x1b[31mpipe\x7f": "Fixthe [31mpipe",
		"a\xffb":                        "ab",
		"a\r\nb":                        "a",
		strings.Repeat("é", 40):         strings.Repeat("é", 40),
		strings.Repeat("é", 41):         strings.Repeat("é", 39) + "…",
	} {
		s := given(t).when(start(func(c *workflow.Start) { c.Goal = goal }))
		if got := s.state.Created.Title; got != want {
			t.Errorf("%q: %q, not %q", goal, got, want)
		}
	}
}

// Whatever is taken fits its commit and comes back as it was.
func TestStartOfAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fill := rapid.SampledFrom([]string{"x", "\x01", "\"", "é", "\n"})
		n := rapid.SampledFrom([]int{0, 1, 40, 64, 255, 1024, 2048, 16384})
		draw := func(name string, most int) string {
			f := fill.Draw(t, name)
			return strings.Repeat(f, min(n.Draw(t, name+" length"), most)/len(f))
		}
		c := start(func(c *workflow.Start) {
			c.Goal, c.Image, c.SourceBranch = draw("goal", 16384), draw("image", 2048), draw("branch", 1024)
			c.Project = &workflow.Container{Path: draw("project", 1024)}
			c.Trigger.Place, c.ClientReference = draw("place", 1024), draw("reference", 255)
			items := strings.Repeat(`"`+strings.Repeat("x", rapid.SampledFrom([]int{0, 70, 300}).Draw(t, "item"))+`",`, rapid.SampledFrom([]int{0, 3, 64, 200}).Draw(t, "items"))
			c.AdditionalContext = json.RawMessage("[" + items + "1]")
			c.CallbackContext = json.RawMessage(`{"adapter":"slack","x":"` + strings.Repeat("y", rapid.IntRange(0, 16000).Draw(t, "callback")) + `"}`)
		})
		s := given(t).when(c)
		if s.err != nil {
			t.Fatalf("%v", s.err)
		}
	})
}
