package workflow

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

// Fork creates a workflow that goes on from a checkpoint of another one, and,
// if Start.Run is set, asks for its first run in the same commit. The caller has
// resolved everything that is pinned, read what the fork begins with, and pinned
// it in the source.
type Fork struct {
	noFacts

	Start  Start  `json:"start"`
	Forked Forked `json:"forked"`
	// Model is the model that the source has selected, or that the caller selects.
	Model string `json:"selected_model_metadata_json,omitempty"`
	// Edit changes the checkpoint before anything goes on; nil leaves it as it is.
	Edit *Edit `json:"edit,omitempty"`
	// Told says that the goal is a new instruction for the first run.
	Told bool `json:"told,omitempty"`
}

// CommandType names the command.
func (*Fork) CommandType() string { return "workflow.fork" }

// Size is how many bytes the request brings.
func (c *Fork) Size() int { return c.Start.Size() + c.Edit.Size() }

// Decide creates the fork once.
func (c *Fork) Decide(s State, f *Facts, env Env) (Outcome, error) {
	start := c.Start
	start.Run = false
	out, err := start.Decide(s, f, env)
	if err != nil {
		return Outcome{}, err
	}
	if err := c.validate(); err != nil {
		return Outcome{}, err
	}
	facts := NewFacts()
	if _, err := facts.AddForked(c.Forked, nil); err != nil {
		return Outcome{}, domain.InvalidField("forked", "the values do not stand alone: "+err.Error(), "send them whole")
	}
	forked, blobs, err := c.Forked.spilled(facts)
	if err != nil {
		return Outcome{}, err
	}
	out.Events, out.Blobs = append(out.Events, forked), append(blobs, out.Blobs...)
	if err := c.edit(&out, facts, env); err != nil {
		return Outcome{}, err
	}
	if model, ok := cleanModel(c.Model); ok {
		out.Events = append(out.Events, ModelSelected{Metadata: model})
	}
	if c.Start.Run {
		out.Events = append(out.Events, c.run(out, s, env))
	}
	return out, nil
}

func (c *Fork) validate() error {
	if n := len(c.Forked.Checkpoints); n == 0 || c.Forked.Checkpoints[n-1].key() != (CheckpointKey{c.Forked.Origin.NS, c.Forked.Origin.Checkpoint}) {
		return domain.InvalidField("forked.checkpoints", "the last checkpoint is not that of the origin", "send the checkpoint that the fork goes on from")
	}
	if len(c.Forked.Lineage) > MaxLineage {
		return &domain.Error{
			Code: domain.CodeConflict, Field: "checkpoint", Message: fmt.Sprintf("this is a fork of a fork %d times over", MaxLineage),
			Fix: "export it and import it: that is a workflow with bytes of its own",
		}
	}
	if c.Edit == nil {
		return nil
	}
	return c.Edit.validate()
}

func (c *Fork) edit(out *Outcome, facts *Facts, env Env) error {
	if c.Edit == nil {
		return nil
	}
	over := c.Forked.Checkpoints[len(c.Forked.Checkpoints)-1].key()
	e, blobs, err := c.Edit.describe(facts, over, facts.Latest[over.NS].TS, env)
	if err != nil {
		return err
	}
	out.Events, out.Blobs = append(out.Events, e), append(out.Blobs, blobs...)
	return nil
}

// run asks for the first run, which resumes from the checkpoint.
func (c *Fork) run(out Outcome, s State, env Env) RunRequested {
	run := requestRun(s, c.Start.Engine, RunResume, "fork", env)
	if created, ok := out.Events[0].(Created); ok && c.Told {
		run.Input = &created.Goal
	}
	return run
}

// spilled moves the descriptions of the largest channels into blobs until the
// event fits one commit.
func (e Forked) spilled(facts *Facts) (Forked, []value.Blob, error) {
	e.Lineage = slices.Clone(e.Lineage)
	e.Checkpoints = slices.Clone(e.Checkpoints)
	var places []*value.Value
	size := 512 + 48*len(e.Lineage)
	for i := range e.Checkpoints {
		c := &e.Checkpoints[i]
		c.Channels = slices.Clone(c.Channels)
		size += 512 + len(c.NS) + c.Header.EncodedSize() + c.Metadata.EncodedSize()
		for j := range c.Channels {
			places = append(places, &c.Channels[j].Value)
			size += 32 + len(c.Channels[j].Channel) + c.Channels[j].Value.EncodedSize()
		}
		for _, w := range c.Writes {
			size += len(w.appendJSON(nil))
		}
	}
	var blobs []value.Blob
	headers := 0
	for _, i := range largestFirst(len(places), func(i int) int { return places[i].EncodedSize() }) {
		if size <= describeMost {
			break
		}
		v, blob, err := spillWhole(*places[i])
		if err != nil {
			return e, nil, err
		}
		if saved := places[i].EncodedSize() - v.EncodedSize(); saved > 0 {
			*places[i], size = v, size-saved
			blobs, headers = append(blobs, blob), headers+len(journal.BlobHeader)+2*len(blob.Address)+len(blob.Bytes)
		}
	}
	if err := domain.CheckSize("checkpoint.channel_values", size, eventMost); err != nil {
		return e, nil, err
	}
	return e, blobs, domain.CheckSize("checkpoint.channel_values", headers, journal.MaxHeaderBytes)
}

func spillWhole(v value.Value) (value.Value, value.Blob, error) {
	m, err := v.Resolve(nil, nil)
	if err != nil {
		return v, value.Blob{}, err
	}
	spilled, blob := value.Spill(m)
	return spilled, blob, nil
}

// Branched says that the workflow goes on from an older checkpoint: the
// checkpoint after this event stands over it. What came after it stays.
type Branched struct {
	ThreadTS uuid.UUID `json:"thread_ts"`
	NS       string    `json:"checkpoint_ns,omitempty"`
	// From is the status it had: it is paused now, and a resume goes on.
	From Status `json:"from"`
}

// Branch goes on from an older checkpoint of the same workflow.
type Branch struct {
	ThreadTS uuid.UUID `json:"thread_ts"`
	NS       string    `json:"checkpoint_ns,omitempty"`
	Edit     Edit      `json:"edit"`
	Run      bool      `json:"run,omitempty"`
}

// CommandType names the command.
func (*Branch) CommandType() string { return "workflow.branch" }

// Size is how many bytes the request brings.
func (c *Branch) Size() int { return c.Edit.Size() }

// Want asks for the checkpoint with its values, and for the newest one.
func (c *Branch) Want(State, Env) Want {
	key := CheckpointKey{c.NS, c.ThreadTS}
	return Want{Checkpoints: []CheckpointKey{key}, Base: []CheckpointKey{key}, Newest: []string{c.NS}}
}

// Decide makes the checkpoint the newest, while nothing runs: a run would write
// over it.
func (c *Branch) Decide(s State, f *Facts, env Env) (Outcome, error) {
	switch {
	case !s.Exists():
		return Outcome{}, notFound()
	case c.Run && s.Created.Engine == EngineNone:
		return Outcome{}, runsElsewhere()
	case s.ActiveRun() != nil:
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "a run of this workflow is under way", Fix: "stop it first, or fork the workflow"}
	}
	if err := c.Edit.validate(); err != nil {
		return Outcome{}, err
	}
	e, blobs, err := c.Edit.describe(f, CheckpointKey{c.NS, c.ThreadTS}, f.Newest[c.NS], env)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Events: []Event{Branched{ThreadTS: c.ThreadTS, NS: c.NS, From: s.Status}, e}, Blobs: blobs, Item: 1}
	if c.Run {
		out.Events = append(out.Events, requestRun(s, s.Created.Engine, RunResume, "branch", env))
	}
	return out, nil
}
