package api

import (
	"cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections/queries/workflows"
)

// entity is a workflow as clients see it.
func (s *Server) entity(w workflows.Workflow) []byte {
	c := w.State.Created
	var o object
	o.int("id", w.Number)
	o.text("uuid", w.Stream.ID.String())
	containerOf(&o, "project", c.Project)
	containerOf(&o, "namespace", c.Namespace)
	o.value("agent_privileges", orEmpty(c.Privileges))
	o.value("agent_privileges_names", privilegeNames(c.Privileges))
	o.value("pre_approved_agent_privileges", orEmpty(c.PreApproved))
	o.value("pre_approved_agent_privileges_names", privilegeNames(c.PreApproved))
	o.text("workflow_definition", c.Flow.Definition)
	o.text("status", string(w.State.Status))
	o.text("title", c.Title)
	o.raw("summary", []byte("null"))
	o.text("goal", w.Goal)
	o.bool("allow_agent_to_request_user", c.AllowAgentToRequestUser)
	o.textOrNull("image", c.Image)
	o.textOrNull("environment", c.Environment)
	o.textOrNull("source_branch", c.SourceBranch)
	o.textOrNull("client_reference", c.ClientReference)
	o.rawOrNull("workload", s.workloadOf(w.State.Run))
	o.bool("mcp_enabled", false)
	o.bool("incremental_checkpoints_enabled", false)
	o.text("gitlab_url", s.cfg.URL)
	o.raw("flow", flowOf(c.Flow))
	o.text("engine", c.Engine)
	o.text("source", c.Trigger.Source)
	o.raw("principal", principalOf(w.State.Owner))
	o.textOrNull("flow_version", c.Flow.Version)
	o.textOrNull("flow_config_id", c.Flow.ConfigID)
	o.textOrNull("flow_config_schema_version", c.Flow.SchemaVersion)
	o.textOrNull("selected_model_metadata_json", w.State.Model)
	o.textOrNull("chosen_model_metadata_json", w.State.ChosenModel)
	o.rawOrNull("messaging_callback_context", w.CallbackContext)
	o.time("created_at", w.State.CreatedAt)
	o.time("updated_at", w.State.UpdatedAt)
	o.rawOrNull("run", runOf(w.State.Run))
	o.uuidOrNull("conversation", c.Trigger.Conversation)
	o.textOrNull("reason", w.State.Reason)
	o.textOrNull("thread", threadOf(w))
	o.rawOrNull("origin", originOf(w.State.Origin))
	o.rawOrNull("routing", routingOf(w.State.Routing))
	o.rawOrNull("import", importOf(w.State.Import))
	o.rawOrNull("placement", placementOf(w.State.Placement))
	o.rawOrNull("compute", usedOf(w.State.Used))
	return o.end()
}

// threadOf is what LangGraph's clients call the workflow, where they write to it.
func threadOf(w workflows.Workflow) string {
	if w.State.Thread == nil {
		return ""
	}
	return cmp.Or(w.State.Thread.ID, w.Stream.ID.String())
}

func containerOf(o *object, name string, c *workflow.Container) {
	if c == nil || c.ID == 0 {
		o.raw(name+"_id", []byte("null"))
	} else {
		o.int(name+"_id", c.ID)
	}
	if c == nil {
		o.raw(name+"_path", []byte("null"))
	} else {
		o.text(name+"_path", c.Path)
	}
}

func orEmpty(list []int) []int {
	if list == nil {
		return []int{}
	}
	return list
}

func (s *Server) workloadOf(run *workflow.Run) []byte {
	if run == nil || run.Workload == "" {
		return nil
	}
	var o object
	o.text("id", run.Workload)
	message := ""
	if run.Result != nil {
		message = run.Result.Reason
	}
	o.textOrNull("message", message)
	url := ""
	if s.cfg.WorkloadURL != nil {
		url = s.cfg.WorkloadURL(run.Engine, run.Workload)
	}
	o.textOrNull("url", url)
	return o.end()
}

func runOf(run *workflow.Run) []byte {
	if run == nil {
		return nil
	}
	var o object
	o.text("id", run.ID.String())
	o.int("epoch", int64(run.Epoch))
	o.text("kind", string(run.Kind))
	o.text("phase", string(run.Phase))
	o.text("engine", run.Engine)
	var used []byte
	if run.Compute != nil {
		used = encode(run.Compute)
	}
	o.rawOrNull("compute", used)
	return o.end()
}

func flowOf(f workflow.Flow) []byte {
	var o object
	o.textOrNull("config_id", f.ConfigID)
	o.textOrNull("schema_version", f.SchemaVersion)
	o.textOrNull("version", f.Version)
	return o.end()
}

// routingOf is how the flow was chosen, where that was decided.
func routingOf(d *routing.Decision) []byte {
	if d == nil {
		return nil
	}
	return encode(d)
}

// placementOf is how the latest engine was chosen.
func placementOf(e *workflow.EngineChosen) []byte {
	if e == nil {
		return nil
	}
	return encode(e)
}

func usedOf(u *workflow.Used) []byte {
	if u == nil {
		return nil
	}
	return encode(u)
}

func principalOf(p domain.Principal) []byte { return encode(p) }
