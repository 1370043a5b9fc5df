package api

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/dispatch"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// maxCreateBody bounds the body of a creation: goal and context, escaped.
const maxCreateBody = 4 << 20

// createWorkflow answers POST workflows. A client's key names the workflow as
// well as the command: a repeat finds the same one.
func (s *Server) createWorkflow(c *call) (answer, error) {
	if err := c.userOnly(); err != nil {
		return answer{}, err
	}
	c.trigger = true
	body, doc, err := s.document(c, maxCreateBody)
	if err != nil {
		return answer{}, err
	}
	tenant, err := s.tenant(c)
	if err != nil {
		return answer{}, err
	}
	start, err := startOf(doc, tenant)
	if err != nil {
		return answer{}, err
	}
	r, err := s.startRequest(c, start, body)
	if err != nil {
		return answer{}, err
	}
	if out, done, err := s.later(c, r); done || err != nil {
		return out, err
	}
	result, err := s.do(c, r)
	if err != nil {
		return answer{}, err
	}
	if !result.Workflow.Exists() {
		w, err := s.cfg.Workflows.Find(c.Context(), c.who.Tenant, workflows.Ref{ID: r.Stream.ID})
		return created(s.entity(w)), err
	}
	return created(s.entity(workflows.Workflow{
		Stream: r.Stream, Number: result.Number, State: result.Workflow, Goal: start.Goal, CallbackContext: start.CallbackContext,
	})), nil
}

func (s *Server) startRequest(c *call, start *workflow.Start, body []byte) (dispatch.Request, error) {
	r := dispatch.Request{
		Stream:   domain.StreamID{Tenant: c.who.Tenant, Kind: domain.KindWorkflow},
		Workflow: start, Principal: c.principal(start.ServiceAccount),
	}
	key, err := c.key()
	if err != nil {
		return r, err
	}
	if key == "" {
		r.Stream.ID = s.cfg.NewID()
	} else {
		r.Stream.ID = keyedID(c, "workflow", key)
	}
	return r, s.identify(c, &r, body)
}

// startOf reads a creation.
func startOf(doc document, t Tenant) (*workflow.Start, error) {
	f := &fields{doc: doc}
	start := &workflow.Start{
		Goal: f.text("goal"), Engine: t.Engine, ServiceAccount: t.ServiceAccount, Environment: f.text("environment"),
		Privileges:              f.integers("agent_privileges", defaultPrivileges()),
		AllowAgentToRequestUser: f.flag("allow_agent_to_request_user", true),
		Trigger:                 workflow.Trigger{Source: "api"},
		CallbackContext:         f.object("messaging_callback_context"),
		AdditionalContext:       f.array("additional_context"),
		Image:                   f.text("image"), SourceBranch: f.text("source_branch"), ClientReference: f.text("client_reference"),
		Run: f.flag("start_workflow", false),
	}
	start.PreApproved = f.integers("pre_approved_agent_privileges", among(defaultPreApproved(), start.Privileges))
	if source := f.text("source"); source != "" {
		start.Trigger.Source = source
	}
	reference := f.text("workflow_definition")
	if f.err != nil {
		return nil, f.err
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

// flowFor pins the flow a client names, or the tenant's.
func flowFor(reference string, t Tenant) (workflow.Flow, error) {
	switch {
	case reference == "" || reference == t.Flow.Definition:
		return t.Flow, nil
	case t.ResolveFlow == nil:
		return workflow.Flow{Definition: reference}, nil
	}
	return t.ResolveFlow(reference)
}

// containers puts the workflow where the client says, which must be the
// tenant's own: another's is not there.
func containers(f *fields, t Tenant, start *workflow.Start) error {
	inProject := f.has("project_id") || f.has("project_path")
	inNamespace := f.has("namespace_id") || f.has("namespace_path")
	for _, want := range []struct {
		what, field string
		is          *workflow.Container
	}{
		{"project", "project_id", t.Project},
		{"project", "project_path", t.Project},
		{"namespace", "namespace_id", t.Namespace},
		{"namespace", "namespace_path", t.Namespace},
	} {
		if !f.has(want.field) {
			continue
		}
		same, err := names(f.doc[want.field], want.is)
		if err != nil {
			return invalidField(want.field, want.field+" must be a number or a path", "send one of them", err)
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
	text, err := decodeText(raw)
	if err != nil {
		return false, errors.New("neither a number nor a string")
	}
	return c != nil && (c.Path == text || c.ID != 0 && strconv.FormatInt(c.ID, 10) == text), nil
}

// find reads the workflow a stream holds.
func (s *Server) find(c *call, id uuid.UUID) (workflows.Workflow, error) {
	if err := s.gate(c.Context()); err != nil {
		return workflows.Workflow{}, err
	}
	return s.cfg.Workflows.Find(c.Context(), c.who.Tenant, workflows.Ref{ID: id})
}
