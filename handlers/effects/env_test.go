package effects_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/effects"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   effects.Surroundings
		want map[string]string
	}{
		"everything": {
			effects.Surroundings{
				Created: workflow.Created{
					Flow:      workflow.Flow{Definition: "developer/v1", ConfigID: "developer", SchemaVersion: "v1", Version: "2.0.0"},
					Namespace: &workflow.Container{ID: 7, Path: "acme"}, Project: &workflow.Container{ID: 9, Path: "acme/duo-workspace"},
					Principal: domain.Principal{User: "mia", ServiceAccount: "duo-developer"}, SourceBranch: "main",
				},
				Workflow: uuid.MustParse("0198f0a0-0000-7000-8000-000000000001"), Number: 1003, Goal: "go", AdditionalContext: "[]", Model: `{"name":"m"}`, URL: "http://h", BasePath: "/repo", Token: "t",
			},
			map[string]string{
				"DUO_WORKFLOW_WORKFLOW_ID": "1003", "DUO_WORKFLOW_GOAL": "go", "DUO_WORKFLOW_DEFINITION": "developer/v1",
				"DUO_WORKFLOW_FLOW_CONFIG_ID": "developer", "DUO_WORKFLOW_FLOW_CONFIG_SCHEMA_VERSION": "v1", "DUO_WORKFLOW_FLOW_VERSION": "2.0.0",
				"DUO_WORKFLOW_ADDITIONAL_CONTEXT_CONTENT": "[]", "DUO_WORKFLOW_SOURCE_BRANCH": "main", "DUO_WORKFLOW_BASE_PATH": "/repo",
				"AGENT_PLATFORM_MODEL_METADATA": `{"name":"m"}`, "DUO_WORKFLOW_GIT_USER_NAME": "mia", "GIT_COMMITTER_NAME": "mia",
				"DUO_WORKFLOW_GIT_AUTHOR_USER_NAME": "duo-developer", "GIT_AUTHOR_NAME": "duo-developer",
				"DUO_WORKFLOW_PROJECT_ID": "9", "GITLAB_PROJECT_PATH": "acme/duo-workspace", "DUO_WORKFLOW_NAMESPACE_ID": "7",
				"DUOLOG_WORKFLOW_UUID": "0198f0a0-0000-7000-8000-000000000001",
				"DUOLOG_URL":           "http://h", "GITLAB_BASE_URL": "http://h", "DUOLOG_TOKEN": "t", "GITLAB_TOKEN": "t", "GITLAB_OAUTH_TOKEN": "t",
			},
		},
		"what has no value is not set": {
			effects.Surroundings{Created: workflow.Created{Flow: workflow.Flow{Definition: "software_development"}, Project: &workflow.Container{Path: "a/b"}}, Number: 4, Goal: "a\x00b"},
			map[string]string{
				"DUO_WORKFLOW_WORKFLOW_ID": "4", "DUO_WORKFLOW_GOAL": "ab", "DUO_WORKFLOW_DEFINITION": "software_development", "GITLAB_PROJECT_PATH": "a/b",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, effects.Environment(c.in)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
