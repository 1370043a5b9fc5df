package entry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/trigger"
)

// Flows decides what may start and what may go on; *trigger.Trigger does. A
// *domain.Error is a refusal, not_now among them.
type Flows interface {
	// TriggerFlow takes the steps of a trigger and returns the command that starts the
	// workflow.
	// The facts go with its request: who may was asked once.
	TriggerFlow(ctx context.Context, a trigger.Ask) (*workflow.Start, *access.Facts, error)
	// MayResume refuses somebody who may not have a workflow go on. The facts go with the
	// request.
	MayResume(ctx context.Context, stream domain.StreamID, user string) (*access.Facts, error)
}

// The ways that requests come, beside messages.
const (
	sourceAPI     = "api"
	sourceCommand = "command"
	sourceFork    = trigger.EntryFork
)

// Start reads the body of a creation: goal, flow, privileges, where it belongs.
func Start(doc document.Object, c Caller) (trigger.Ask, error) {
	f := &document.Fields{Doc: doc}
	wanted, schema := flowOf(f)
	ask := trigger.Ask{
		Tenant: c.Tenant, User: c.User, Entry: sourceAPI,
		Message: routing.Message{Task: f.Text("goal"), Asked: wanted.Reference},
		Flow:    wanted, Schema: schema,
		Named: named(f),
		Start: workflow.Start{
			Goal: f.Text("goal"), Environment: f.Text("environment"),
			Privileges: f.Integers("agent_privileges", nil), PreApproved: f.Integers("pre_approved_agent_privileges", nil),
			AllowAgentToRequestUser: f.Flag("allow_agent_to_request_user", true),
			Trigger:                 workflow.Trigger{Source: cmp.Or(f.Text("source"), sourceAPI)},
			CallbackContext:         f.Object("messaging_callback_context"),
			AdditionalContext:       f.Array("additional_context"),
			Image:                   f.Text("image"), Model: f.Text("model"), SourceBranch: f.Text("source_branch"), ClientReference: f.Text("client_reference"),
			Run: f.Flag("start_workflow", false),
		},
	}
	return ask, f.Err
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

// named reads which group and project a document names, by number or by path.
func named(f *document.Fields) []trigger.Named {
	var out []trigger.Named
	for _, n := range []trigger.Named{
		{Field: "namespace_id"}, {Field: "namespace_path"}, {Field: "project_id", Project: true}, {Field: "project_path", Project: true},
	} {
		if n.Ref = reference(f, n.Field); n.Ref != "" {
			out = append(out, n)
		}
	}
	return out
}

// reference is a number or a path, as the text that the directory takes.
func reference(f *document.Fields, field string) string {
	if !f.Has(field) {
		return ""
	}
	var id int64
	if err := json.Unmarshal(f.Doc[field], &id); err == nil {
		return strconv.FormatInt(id, 10)
	}
	text, err := document.DecodeText(f.Doc[field])
	if err == nil && text == "" {
		err = errors.New("empty")
	}
	if err != nil {
		f.Refuse(field, field+" must be a number or a path", "send one of them", err)
	}
	return text
}
