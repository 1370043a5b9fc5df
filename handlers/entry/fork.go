package entry

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/flow"
	"github.com/duolog/duolog/domain/routing"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/document"
	"github.com/duolog/duolog/handlers/trigger"
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
// source has pinned where it says nothing. What it is triggered by is nil for a thread
// that only its own clients go on with: that is no flow of the tenant's.
func Fork(f *document.Fields, c Caller, source uuid.UUID, p forks.Point) (*workflow.Fork, *trigger.Ask, error) {
	from := p.State.Created
	fork := &workflow.Fork{Model: p.State.Model, Forked: forkedAt(source, p), Start: workflow.Start{
		Goal: p.Goal, Flow: from.Flow, FlowConfig: p.FlowConfig, Model: p.State.ChosenModel, Engine: from.Engine, Environment: from.Environment,
		Namespace: from.Namespace, Project: from.Project,
		Privileges:  f.Integers("agent_privileges", orNone(from.Privileges)),
		PreApproved: f.Integers("pre_approved_agent_privileges", orNone(from.PreApproved)), AllowAgentToRequestUser: from.AllowAgentToRequestUser,
		ServiceAccount: from.Principal.ServiceAccount, Trigger: workflow.Trigger{Source: sourceFork},
		CallbackContext: f.Object("messaging_callback_context"),
		Image:           from.Image, SourceBranch: from.SourceBranch, ClientReference: f.Text("client_reference"),
		Run: f.Flag("start_workflow", false),
	}}
	if f.Has("goal") {
		fork.Start.Goal, fork.Told = f.Text("goal"), true
	}
	if f.Has("model") {
		fork.Start.Model = f.Text("model")
		fork.Model = fork.Start.Model
	}
	if set := SetChannels(f); len(set) > 0 {
		fork.Edit = &workflow.Edit{Header: p.Header, Metadata: p.Metadata, Set: set}
	}
	wanted, schema := flowOf(f)
	if f.Err != nil {
		return nil, nil, f.Err
	}
	if from.Engine == workflow.EngineNone && !fork.Start.Run && wanted == (flow.Ask{}) {
		return fork, nil, nil
	}
	return fork, forkAsk(c, fork.Start, p.State, wanted, schema), nil
}

// forkAsk asks for the start of a fork, as whoever forks, in the place of its source:
// the flow may be used anew or not, as at any start. One that is named is resolved as
// at any start; otherwise what was recorded holds, or another version of it.
func forkAsk(c Caller, start workflow.Start, from workflow.State, wanted flow.Ask, schema string) *trigger.Ask {
	ask := &trigger.Ask{
		Tenant: c.Tenant, User: c.User, Entry: sourceFork, Start: start,
		Message: routing.Message{Task: start.Goal, Asked: wanted.Reference}, Flow: wanted, Schema: schema,
	}
	if wanted.Reference == "" && wanted.Inline == nil {
		ask.Again = &from
	}
	switch {
	case start.Project != nil:
		ask.Named = []trigger.Named{{Ref: start.Project.Path, Field: "project", Project: true}}
	case start.Namespace != nil:
		ask.Named = []trigger.Named{{Ref: start.Namespace.Path, Field: "namespace"}}
	}
	return ask
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
