package entry

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
)

// Start reads the body of a creation: goal, flow, privileges, where it belongs.
func Start(doc document.Object, t Tenant) (*workflow.Start, error) {
	f := &document.Fields{Doc: doc}
	start := &workflow.Start{
		Goal: f.Text("goal"), Engine: t.Engine, ServiceAccount: t.ServiceAccount, Environment: f.Text("environment"),
		Privileges:              f.Integers("agent_privileges", defaultPrivileges()),
		AllowAgentToRequestUser: f.Flag("allow_agent_to_request_user", true),
		Trigger:                 workflow.Trigger{Source: "api"},
		CallbackContext:         f.Object("messaging_callback_context"),
		AdditionalContext:       f.Array("additional_context"),
		Image:                   f.Text("image"), SourceBranch: f.Text("source_branch"), ClientReference: f.Text("client_reference"),
		Run: f.Flag("start_workflow", false),
	}
	start.PreApproved = f.Integers("pre_approved_agent_privileges", among(defaultPreApproved(), start.Privileges))
	if source := f.Text("source"); source != "" {
		start.Trigger.Source = source
	}
	reference := f.Text("workflow_definition")
	if f.Err != nil {
		return nil, f.Err
	}
	err := containers(f, t, start)
	if err != nil {
		return nil, err
	}
	start.Flow, err = flowFor(reference, t)
	return start, err
}

func among(list, allowed []int) []int {
	return slices.DeleteFunc(list, func(p int) bool { return !slices.Contains(allowed, p) })
}

// StartRequest starts a workflow of its own: under the caller's key always the same
// one, without a key (empty) another.
func StartRequest(c Caller, start *workflow.Start, key string, newID func() uuid.UUID) dispatch.Request {
	id := c.Named("workflow", key)
	if key == "" {
		id = newID()
	}
	return dispatch.Request{
		Stream:   domain.StreamID{Tenant: c.Tenant, Kind: domain.KindWorkflow, ID: id},
		Workflow: start, Principal: c.Principal(start.ServiceAccount),
	}
}

// containers puts the workflow where the client says, which must be the
// tenant's own: another's is not there.
func containers(f *document.Fields, t Tenant, start *workflow.Start) error {
	inProject := f.Has("project_id") || f.Has("project_path")
	inNamespace := f.Has("namespace_id") || f.Has("namespace_path")
	for _, want := range []struct {
		what, field string
		is          *workflow.Container
	}{
		{"project", "project_id", t.Project},
		{"project", "project_path", t.Project},
		{"namespace", "namespace_id", t.Namespace},
		{"namespace", "namespace_path", t.Namespace},
	} {
		if !f.Has(want.field) {
			continue
		}
		same, err := names(f.Doc[want.field], want.is)
		if err != nil {
			return document.InvalidField(want.field, want.field+" must be a number or a path", "send one of them", err)
		}
		if !same {
			return &domain.Error{Code: domain.CodeNotFound, Field: want.field, Message: "there is no such " + want.what, Fix: "use one of your own, or leave it out"}
		}
	}
	start.Namespace = t.Namespace
	if inProject || !inNamespace {
		start.Project = t.Project
	}
	return nil
}

// names says whether raw, a number or a path, names the container.
func names(raw json.RawMessage, c *workflow.Container) (bool, error) {
	var id int64
	if err := json.Unmarshal(raw, &id); err == nil {
		return c != nil && id != 0 && c.ID == id, nil
	}
	text, err := document.DecodeText(raw)
	if err != nil {
		return false, errors.New("neither a number nor a string")
	}
	return c != nil && (c.Path == text || c.ID != 0 && strconv.FormatInt(c.ID, 10) == text), nil
}
