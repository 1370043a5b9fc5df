package entry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// CommandPrefix begins the CloudEvents type of every command that others may send.
const CommandPrefix = "dev.duolog.command."

// maxDepth is how deep the data of a command may nest.
const maxDepth = 128

// Commands makes the commands that others put on the topic duolog.commands.
type Commands struct {
	Flows Flows
	// Locate finds the stream of a workflow of the tenant, or returns not_found.
	Locate func(ctx context.Context, tenant domain.Tenant, ref workflows.Ref) (domain.StreamID, error)
}

// ask is one command on its way.
type ask struct {
	who Caller
	doc document.Object
	// key is the sender's own name of the command.
	key string
}

// reading makes the command that a document asks for.
type reading func(ctx context.Context, c Commands, a ask) (dispatch.Request, error)

// types are the commands there are, by what stands behind CommandPrefix. Each has a
// schema in schemas/inbox.
func types() map[string]reading {
	return map[string]reading{
		"start_workflow.v1":  without(startWorkflow, "flow_version", "flow_config", "flow_config_schema_version", "model"),
		"start_workflow.v2":  startWorkflow,
		"send_message.v1":    sendMessage,
		"stop_workflow.v1":   change(workflow.EventStop),
		"resume_workflow.v1": change(workflow.EventResume),
		"retry_workflow.v1":  change(workflow.EventRetry),
		"redeliver.v1":       redeliver,
	}
}

// Types lists the commands there are, without CommandPrefix.
func Types() []string { return slices.Sorted(maps.Keys(types())) }

// Read makes the command that data asks for. With the same caller and key it is the
// same command, and with other data then refused when it is carried out. It returns
// a *domain.Error, not_now among them, for what is no command.
func (c Commands) Read(ctx context.Context, who Caller, kind, key string, data []byte) (dispatch.Request, error) {
	name, ours := strings.CutPrefix(kind, CommandPrefix)
	read, ok := types()[name]
	if !ours || !ok {
		return dispatch.Request{}, domain.InvalidField("type", fmt.Sprintf("%.80q is no command", kind), "see GET /schemas/inbox/ or docs/producers.md for those there are")
	}
	if err := who.UserOnly(); err != nil {
		return dispatch.Request{}, err
	}
	if err := who.Scope.Require(access.ScopeWrite); err != nil {
		return dispatch.Request{}, err
	}
	doc, err := document.Parse(data, maxDepth)
	if err != nil {
		return dispatch.Request{}, document.InField("data", err)
	}
	r, err := read(ctx, c, ask{who, doc, key})
	if err != nil {
		return r, err
	}
	if r.CommandID == uuid.Nil {
		who.Identify(&r, key, data, uuid.New)
	}
	return r, RefusedAnyway(r)
}

func startWorkflow(ctx context.Context, c Commands, a ask) (dispatch.Request, error) {
	ask, err := Start(a.doc, a.who)
	if err != nil {
		return dispatch.Request{}, err
	}
	ask.Entry, ask.Start.Run = sourceCommand, true // a command to start is no half of one
	if _, told := a.doc["source"]; !told {
		ask.Start.Trigger.Source = sourceCommand
	}
	start, facts, err := c.Flows.TriggerFlow(ctx, ask)
	if err != nil {
		return dispatch.Request{}, err
	}
	r := StartRequest(a.who, start, a.key, uuid.New)
	r.Asked = facts
	return r, nil
}

// without is an older version of a command, which passes over what it does not know.
func without(read reading, names ...string) reading {
	return func(ctx context.Context, c Commands, a ask) (dispatch.Request, error) {
		a.doc = maps.Clone(a.doc)
		for _, name := range names {
			delete(a.doc, name)
		}
		return read(ctx, c, a)
	}
}

func sendMessage(_ context.Context, _ Commands, a ask) (dispatch.Request, error) {
	m, err := Message(a.doc, a.who, a.who.Named("message", a.key).String())
	if err != nil {
		return dispatch.Request{}, err
	}
	return MessageRequest(a.who, m), nil
}

// change is an event of a workflow's status.
func change(event workflow.StatusEvent) reading {
	return func(ctx context.Context, c Commands, a ask) (dispatch.Request, error) {
		stream, err := a.workflow(ctx, c)
		if err != nil {
			return dispatch.Request{}, err
		}
		f := &document.Fields{Doc: a.doc}
		command := &workflow.UpdateStatus{Event: event, Reason: f.Text("reason"), Run: event != workflow.EventStop}
		r := dispatch.Request{Stream: stream, Workflow: command, Principal: a.who.Principal("")}
		if command.Run && f.Err == nil {
			r.Asked, f.Err = c.Flows.MayResume(ctx, stream, a.who.User)
		}
		return r, f.Err
	}
}

func redeliver(ctx context.Context, c Commands, a ask) (dispatch.Request, error) {
	stream, err := a.workflow(ctx, c)
	if err != nil {
		return dispatch.Request{}, err
	}
	f := &document.Fields{Doc: a.doc}
	id, err := document.ParseUUID(f.Text("delivery"))
	if err != nil {
		f.Refuse("delivery", "delivery must be the UUID of a delivery", "send one of those that duolog delivery list shows", err)
	}
	command := &workflow.Redeliver{Delivery: id, AsNew: f.Flag("as_new", false)}
	return dispatch.Request{Stream: stream, Workflow: command, Principal: a.who.Principal("")}, f.Err
}

// workflow is the one that the member of that name names, by UUID or number.
func (a ask) workflow(ctx context.Context, c Commands) (domain.StreamID, error) {
	raw, ok := a.doc["workflow"]
	if !ok {
		return domain.StreamID{}, domain.InvalidField("workflow", "workflow is missing", "send the UUID or the number of the workflow")
	}
	name := string(raw)
	if raw[0] == '"' {
		var err error
		if name, err = document.DecodeText(raw); err != nil {
			return domain.StreamID{}, document.InvalidField("workflow", "workflow "+err.Error(), "send its UUID or its number", err)
		}
	}
	ref, err := workflows.ParseRef(name)
	if err != nil {
		return domain.StreamID{}, document.InField("workflow", err)
	}
	return c.Locate(ctx, a.who.Tenant, ref)
}
