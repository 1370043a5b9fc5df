package effects

import (
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/engine"
)

// Surroundings is what the environment of a run is made of.
type Surroundings struct {
	Created workflow.Created
	// Workflow is the workflow's UUID, which is the id of its thread as well.
	Workflow uuid.UUID
	// Number is the workflow's number.
	Number int64
	// Goal is what the run shall do: of a resumed run the message it goes on
	// with, otherwise the workflow's goal.
	Goal              string
	AdditionalContext string
	// FlowConfig is the configuration that the workflow brings; empty for none.
	FlowConfig string
	// Model is the metadata of the run's model; empty for none.
	Model string
	// Approval is what a person decided about what the run before it asked, nil
	// where it asked nothing; Said is what they said with it.
	Approval *bool
	Said     string
	URL      string
	BasePath string
	Token    string
}

// Environment is the environment of a run: the variables of the Duo Workflow
// executor that apply to a local program. One without a value is not set.
func Environment(s Surroundings) map[string]string {
	env := map[string]string{}
	set := func(value string, names ...string) {
		// A program cannot be started with U+0000 in its environment.
		if value = strings.ReplaceAll(value, "\x00", ""); value == "" {
			return
		}
		for _, name := range names {
			env[name] = value
		}
	}
	set(strconv.FormatInt(s.Number, 10), "DUO_WORKFLOW_WORKFLOW_ID")
	set(s.Goal, "DUO_WORKFLOW_GOAL")
	set(s.Created.Flow.Definition, "DUO_WORKFLOW_DEFINITION")
	set(s.Created.Flow.ConfigID, "DUO_WORKFLOW_FLOW_CONFIG_ID")
	set(s.Created.Flow.SchemaVersion, "DUO_WORKFLOW_FLOW_CONFIG_SCHEMA_VERSION")
	set(s.Created.Flow.Version, "DUO_WORKFLOW_FLOW_VERSION")
	set(s.FlowConfig, "DUO_WORKFLOW_FLOW_CONFIG")
	set(s.AdditionalContext, "DUO_WORKFLOW_ADDITIONAL_CONTEXT_CONTENT")
	set(s.Created.SourceBranch, "DUO_WORKFLOW_SOURCE_BRANCH")
	set(s.BasePath, "DUO_WORKFLOW_BASE_PATH")
	set(s.Model, "AGENT_PLATFORM_MODEL_METADATA")
	if s.Approval != nil {
		set(strconv.FormatBool(*s.Approval), engine.EnvApproval)
		set(s.Said, engine.EnvApprovalMessage)
	}
	set(s.Created.Principal.User, "DUO_WORKFLOW_GIT_USER_NAME", "GIT_COMMITTER_NAME")
	set(s.Created.Principal.ServiceAccount, "DUO_WORKFLOW_GIT_AUTHOR_USER_NAME", "GIT_AUTHOR_NAME")
	if p := s.Created.Project; p != nil {
		set(number(p.ID), "DUO_WORKFLOW_PROJECT_ID")
		set(p.Path, "GITLAB_PROJECT_PATH")
	}
	if n := s.Created.Namespace; n != nil {
		set(number(n.ID), "DUO_WORKFLOW_NAMESPACE_ID")
	}
	if s.Workflow != uuid.Nil {
		set(s.Workflow.String(), "DUOLOG_WORKFLOW_UUID")
	}
	set(s.URL, "DUOLOG_URL", "GITLAB_BASE_URL")
	set(s.Token, "DUOLOG_TOKEN", "GITLAB_TOKEN", "GITLAB_OAUTH_TOKEN")
	return env
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
