package workflow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/placement"
	"github.com/duolog/duolog/domain/trigger"
	"github.com/duolog/duolog/domain/value"
)

// Limits of what a client may say at creation, in bytes.
const (
	MaxGoal            = 16384
	MaxCallbackContext = 16 << 10
	MaxContext         = 1 << 20
	// MaxFlowConfig is what goes into one variable of the environment of a run.
	MaxFlowConfig = 64 << 10
	MaxShortText  = 1024
	MaxImage      = 2048
	// MaxID bounds what others call things: message ids, authors, references.
	MaxID = 255
	// MaxName bounds names of this product's own kinds: engines, adapters.
	MaxName = 64
)

// Start creates a workflow and, if Run is set, asks for its first run in the
// same commit. The caller has resolved everything that is pinned.
type Start struct {
	noFacts

	Goal                    string          `json:"goal"`
	Flow                    Flow            `json:"flow"`
	Engine                  string          `json:"engine"`
	Environment             string          `json:"environment,omitempty"`
	Namespace               *Container      `json:"namespace,omitempty"`
	Project                 *Container      `json:"project,omitempty"`
	Privileges              []int           `json:"agent_privileges,omitempty"`
	PreApproved             []int           `json:"pre_approved_agent_privileges,omitempty"`
	AllowAgentToRequestUser bool            `json:"allow_agent_to_request_user,omitempty"`
	ServiceAccount          string          `json:"service_account,omitempty"`
	Trigger                 Trigger         `json:"trigger"`
	CallbackContext         json.RawMessage `json:"messaging_callback_context,omitempty"`
	AdditionalContext       json.RawMessage `json:"additional_context,omitempty"`
	// FlowConfig is the configuration of a flow that no catalog has.
	FlowConfig json.RawMessage `json:"flow_config,omitempty"`
	// Model is the model that a person chose, as its metadata.
	Model           string `json:"model,omitempty"`
	Image           string `json:"image,omitempty"`
	SourceBranch    string `json:"source_branch,omitempty"`
	ClientReference string `json:"client_reference,omitempty"`
	Run             bool   `json:"run,omitempty"`
	// Placement is how its engine was chosen; nil where nothing was decided.
	Placement *placement.Decision `json:"placement,omitempty"`
	// Triggered is how it came to this; nil where nothing was decided.
	Triggered *trigger.Record `json:"triggered,omitempty"`
}

// CommandType names the command.
func (*Start) CommandType() string { return "workflow.start" }

// Size is how many bytes the request brings.
func (c *Start) Size() int {
	return len(c.Goal) + len(c.CallbackContext) + len(c.AdditionalContext) + len(c.FlowConfig)
}

// Decide creates the workflow once.
func (c *Start) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if s.Exists() {
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "the workflow exists already", Fix: "read it, or use another idempotency key"}
	}
	if err := c.Validate(); err != nil {
		return Outcome{}, err
	}
	if c.Flow.Definition == "" {
		return Outcome{}, domain.InvalidField("workflow_definition", "workflow_definition must not be empty", "name a flow, such as developer/v1")
	}
	var out Outcome
	created := Created{
		Goal: out.whole("text", []byte(c.Goal)),
		Flow: c.Flow, Engine: c.Engine, Environment: c.Environment, Namespace: c.Namespace, Project: c.Project,
		Privileges: append([]int{}, c.Privileges...), PreApproved: append([]int{}, c.PreApproved...), AllowAgentToRequestUser: c.AllowAgentToRequestUser,
		Principal: domain.Principal{User: env.Principal.User, ServiceAccount: c.ServiceAccount},
		Trigger:   c.Trigger, Title: title(c.Goal), Image: c.Image, SourceBranch: c.SourceBranch, ClientReference: c.ClientReference,
	}
	created.CallbackContext = out.optional(c.CallbackContext)
	created.AdditionalContext = out.optional(c.AdditionalContext)
	out.Events = append(out.Events, created)
	if config := out.optional(c.FlowConfig); config != nil {
		out.Events = append(out.Events, FlowConfigured{Config: *config})
	}
	if model, ok := cleanModel(c.Model); ok {
		out.Events = append(out.Events, ModelChosen{Metadata: model})
	}
	if c.Triggered != nil {
		out.Events = append(out.Events, Triggered{c.Triggered.Clean()})
	}
	if !c.Run {
		out.Events = append(out.Events, chosen(c.Placement, nil)...)
		return out, nil
	}
	run := requestRun(s, c.Engine, RunStart, "", env)
	out.Events = append(append(out.Events, chosen(c.Placement, &run.Run)...), run)
	return out, nil
}

// Validate checks the limits of what a client says, so that a caller can refuse
// before anything is made for it. The flow need not be pinned yet.
func (c *Start) Validate() error {
	if err := c.checkTexts(); err != nil {
		return err
	}
	if err := cmp.Or(
		domain.CheckSize("goal", len(c.Goal), MaxGoal),
		domain.CheckSize("messaging_callback_context", len(c.CallbackContext), MaxCallbackContext),
		domain.CheckSize("additional_context", len(c.AdditionalContext), MaxContext),
		domain.CheckSize("flow_config", len(c.FlowConfig), MaxFlowConfig),
	); err != nil {
		return err
	}
	if len(c.CallbackContext) > 0 && c.CallbackContext[0] != '{' {
		return domain.InvalidField("messaging_callback_context", "messaging_callback_context must be an object", `send an object with at least {"adapter": "…"}`)
	}
	if len(c.FlowConfig) > 0 && c.FlowConfig[0] != '{' {
		return domain.InvalidField("flow_config", "flow_config must be an object", "send the flow as one JSON object")
	}
	return c.validatePrivileges()
}

// checkTexts holds what ends in columns of text to its limits. The goal is not
// among it: it is a value and may hold anything.
func (c *Start) checkTexts() error {
	for _, check := range []struct {
		field, got string
		most       int
	}{
		{"image", c.Image, MaxImage},
		{"model", c.Model, MaxModel},
		{"source_branch", c.SourceBranch, MaxShortText},
		{"client_reference", c.ClientReference, MaxID},
		{"environment", c.Environment, MaxName},
		{"workflow_definition", c.Flow.Definition, 256},
		{"flow.config_id", c.Flow.ConfigID, 256},
		{"flow.schema_version", c.Flow.SchemaVersion, MaxName},
		{"flow.version", c.Flow.Version, MaxName},
		{"engine", c.Engine, MaxName},
		{"service_account", c.ServiceAccount, MaxID},
		{"source", c.Trigger.Source, MaxName},
		{"trigger.adapter", c.Trigger.Adapter, MaxName},
		{"trigger.place", c.Trigger.Place, MaxShortText},
		{"trigger.message_id", c.Trigger.MessageID, MaxID},
		{"namespace.path", c.Namespace.path(), MaxShortText},
		{"project.path", c.Project.path(), MaxShortText},
	} {
		if err := domain.CheckText(check.field, check.got, check.most); err != nil {
			return err
		}
	}
	return nil
}

// Path is that of the project that the workflow will belong to, or else its namespace's.
func (c *Start) Path() string { return pathOf(c.Project, c.Namespace) }

func pathOf(project, namespace *Container) string { return cmp.Or(project.path(), namespace.path()) }

func (c *Container) path() string {
	if c == nil {
		return ""
	}
	return c.Path
}

func (c *Start) validatePrivileges() error {
	for _, p := range c.Privileges {
		if p < 1 || p > 8 {
			return domain.InvalidField("agent_privileges", fmt.Sprintf("agent_privileges has %d, which is none", p), "send numbers from 1 to 8")
		}
	}
	for _, p := range c.PreApproved {
		if !slices.Contains(c.Privileges, p) {
			return domain.InvalidField("pre_approved_agent_privileges", fmt.Sprintf("privilege %d is pre-approved but not granted", p), "grant it in agent_privileges, or leave it out")
		}
	}
	return nil
}

// title is the first line of the goal without control characters, at most 40
// characters.
func title(goal string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(strings.ToValidUTF8(goal, "")), "\n")
	line = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, line))
	if r := []rune(line); len(r) > 40 {
		return string(r[:39]) + "…"
	}
	return line
}

// whole makes a value that stands alone and keeps its bytes for the commit.
func (o *Outcome) whole(typ string, raw []byte) value.Value {
	m, blobs := value.Build(typ, raw)
	o.Blobs = append(o.Blobs, blobs...)
	return value.Diff(m, nil)
}

func (o *Outcome) optional(raw json.RawMessage) *value.Value {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	v := o.whole("json", raw)
	return &v
}
