package entry

import (
	"cmp"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/projections/queries/forks"
)

// CheckpointRef reads which checkpoint a document names.
func CheckpointRef(f *document.Fields) forks.Ref {
	var ns *string
	if f.Has("checkpoint_ns") {
		text := f.Text("checkpoint_ns")
		ns = &text
	}
	name := string(f.Doc["checkpoint"])
	if f.Has("checkpoint") && name[0] == '"' {
		name = f.Text("checkpoint")
	}
	ref, err := forks.ParseRef(name, ns)
	if err != nil && f.Err == nil {
		f.Err = err
	}
	return ref
}

// SetChannels reads the channels that a document sets, by name.
func SetChannels(f *document.Fields) []workflow.SetChannel {
	raw := f.Object("set")
	if f.Err != nil || raw == nil {
		return nil
	}
	channels, err := document.Members(raw)
	if err != nil {
		f.Err = document.InField("set", err)
		return nil
	}
	var out []workflow.SetChannel
	for _, name := range slices.Sorted(maps.Keys(channels)) {
		out = append(out, workflow.SetChannel{Channel: name, Value: channels[name]})
	}
	return out
}

// Fork reads the body of a fork of what stands at p: what it says, and what the
// source has pinned where it says nothing. The flow may be used anew or not, as at
// any start.
func Fork(f *document.Fields, t Tenant, source uuid.UUID, p forks.Point) (*workflow.Fork, error) {
	from := p.State.Created
	start := workflow.Start{
		Goal: p.Goal, Flow: from.Flow, Engine: from.Engine, Environment: from.Environment,
		Namespace: from.Namespace, Project: from.Project,
		Privileges:  f.Integers("agent_privileges", orNone(from.Privileges)),
		PreApproved: f.Integers("pre_approved_agent_privileges", orNone(from.PreApproved)), AllowAgentToRequestUser: from.AllowAgentToRequestUser,
		ServiceAccount: cmp.Or(from.Principal.ServiceAccount, t.ServiceAccount), Trigger: workflow.Trigger{Source: "fork"},
		CallbackContext: f.Object("messaging_callback_context"),
		Image:           from.Image, SourceBranch: from.SourceBranch, ClientReference: f.Text("client_reference"),
		Run: f.Flag("start_workflow", false),
	}
	fork := &workflow.Fork{Model: p.State.Model, Forked: forkedAt(source, p)}
	if f.Has("goal") {
		start.Goal, fork.Told = f.Text("goal"), true
	}
	if f.Has("model") {
		fork.Model = f.Text("model")
	}
	if set := SetChannels(f); len(set) > 0 {
		fork.Edit = &workflow.Edit{Header: p.Header, Metadata: p.Metadata, Set: set}
	}
	if err := flowOfFork(f, t, &start); err != nil {
		return nil, err
	}
	fork.Start = start
	return fork, nil
}

// flowOfFork sets the flow and the engine of a fork that begins with those of its
// source. A thread that only its own clients go on with is no flow of the tenant's.
func flowOfFork(f *document.Fields, t Tenant, start *workflow.Start) error {
	named, version := f.Text("workflow_definition"), f.Text("flow_version")
	if f.Err != nil {
		return f.Err
	}
	start.Flow.Version = cmp.Or(version, start.Flow.Version)
	elsewhere := start.Engine == workflow.EngineNone
	if elsewhere && !start.Run && named == "" {
		return nil
	}
	if elsewhere || start.Engine == "" {
		start.Engine = t.Engine
	}
	resolved, err := flowFor(cmp.Or(named, start.Flow.Definition), t)
	if err == nil && named != "" {
		resolved.Version = cmp.Or(version, resolved.Version)
		start.Flow = resolved
	}
	return err
}

func forkedAt(source uuid.UUID, p forks.Point) workflow.Forked {
	lineage := []uuid.UUID{source}
	for _, id := range p.State.Lineage {
		if !slices.Contains(lineage, id) {
			lineage = append(lineage, id)
		}
	}
	var checkpoints []workflow.ForkedCheckpoint
	for _, s := range append(slices.Clip(p.With), p.Step) {
		checkpoints = append(checkpoints, s.Checkpoint)
	}
	return workflow.Forked{
		Origin:  workflow.Origin{Workflow: source, Checkpoint: p.Checkpoint.ThreadTS, NS: p.Checkpoint.NS},
		Lineage: lineage, Checkpoints: checkpoints,
		AdditionalContext: p.State.Created.AdditionalContext, FlowMetadata: p.State.FlowMeta,
	}
}

func orNone(list []int) []int {
	if list == nil {
		return []int{}
	}
	return list
}
