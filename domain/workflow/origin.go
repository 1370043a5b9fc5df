package workflow

import (
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// MaxLineage is how many streams the bytes of a fork may stand in.
const MaxLineage = 64

// Origin is where a fork begins.
type Origin struct {
	// Workflow is the source, of the same tenant.
	Workflow uuid.UUID `json:"workflow"`
	// Position is that of the commit that pinned the checkpoint: 3:1042.
	Position string `json:"position"`
	// Checkpoint and NS name the checkpoint that it goes on from.
	Checkpoint uuid.UUID `json:"checkpoint"`
	NS         string    `json:"checkpoint_ns,omitempty"`
}

// Forked says what a fork begins with. Its values are whole, and the bytes they
// name stand in the streams of Lineage: they are taken as given, so that nothing
// of another stream is read to fold it.
type Forked struct {
	Origin Origin `json:"origin"`
	// Lineage are the workflows of the tenant whose streams have the bytes: the
	// source, then those that the source's own stand in.
	Lineage []uuid.UUID `json:"lineage"`
	// Checkpoints come parents first; the last is that of the origin.
	Checkpoints       []ForkedCheckpoint `json:"checkpoints"`
	AdditionalContext *value.Value       `json:"additional_context,omitempty"`
	FlowMetadata      string             `json:"flow_metadata,omitempty"`
}

// ForkedCheckpoint is a checkpoint of the source with its pending writes.
type ForkedCheckpoint struct {
	ThreadTS      uuid.UUID      `json:"thread_ts"`
	ParentTS      *uuid.UUID     `json:"parent_ts,omitempty"`
	NS            string         `json:"checkpoint_ns,omitempty"`
	Header        value.Value    `json:"header"`
	Metadata      value.Value    `json:"metadata"`
	Channels      []ChannelValue `json:"channels,omitempty"`
	CurrentThread int            `json:"current_thread,omitempty"`
	Writes        []Write        `json:"writes,omitempty"`
}

func (c ForkedCheckpoint) key() CheckpointKey { return CheckpointKey{c.NS, c.ThreadTS} }

// Pinned says, in the source, that a fork stands on the bytes of a checkpoint:
// they stay whatever is removed.
type Pinned struct {
	// Fork is the workflow that stands on it; it may never come about.
	Fork     uuid.UUID `json:"fork"`
	ThreadTS uuid.UUID `json:"thread_ts"`
	NS       string    `json:"checkpoint_ns,omitempty"`
}

// PinCheckpoint keeps the bytes of a checkpoint for a fork, and of those without which
// it is not whole. A crash after it, before the fork is there, costs nothing but those
// bytes.
type PinCheckpoint struct {
	Fork uuid.UUID `json:"fork"`
	CheckpointPin

	With []CheckpointPin `json:"with,omitempty"`
}

// CheckpointPin is a checkpoint as it was read.
type CheckpointPin struct {
	ThreadTS uuid.UUID `json:"thread_ts"`
	NS       string    `json:"checkpoint_ns,omitempty"`
	// Number is that of the checkpoint as the caller read it: one that was
	// written anew since is another one.
	Number int64 `json:"number"`
}

func (c CheckpointPin) key() CheckpointKey { return CheckpointKey{c.NS, c.ThreadTS} }

// CommandType names the command.
func (*PinCheckpoint) CommandType() string { return "workflow.pin_checkpoint" }

func (c *PinCheckpoint) all() []CheckpointPin {
	return append([]CheckpointPin{c.CheckpointPin}, c.With...)
}

// Want asks for the checkpoints.
func (c *PinCheckpoint) Want(State, Env) Want {
	var w Want
	for _, p := range c.all() {
		w.Checkpoints = append(w.Checkpoints, p.key())
	}
	return w
}

// Decide pins what is there.
func (c *PinCheckpoint) Decide(s State, f *Facts, _ Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	var out Outcome
	for _, p := range c.all() {
		there, ok := f.Checkpoints[p.key()]
		switch {
		case !ok:
			return Outcome{}, noCheckpoint(p.ThreadTS)
		case there.Number != p.Number:
			return Outcome{}, writtenAnew(p.ThreadTS)
		}
		out.Events = append(out.Events, Pinned{Fork: c.Fork, ThreadTS: p.ThreadTS, NS: p.NS})
	}
	return out, nil
}

func noCheckpoint(id uuid.UUID) error {
	return &domain.Error{
		Code: domain.CodeNotFound, Field: "checkpoint", Message: "the workflow has no checkpoint " + id.String(), Fix: "list its checkpoints",
	}
}

func writtenAnew(id uuid.UUID) error {
	return &domain.Error{
		Code: domain.CodeConflict, Field: "checkpoint", Message: "checkpoint " + id.String() + " was written anew just now", Fix: "send the same request again",
	}
}

// applyOrigin is what forks do to a state, on either side.
func applyOrigin(s State, e Event) State {
	switch e := e.(type) {
	case Pinned:
		// A fact: a row of its own.
	case Forked:
		origin, created := e.Origin, *s.Created
		created.AdditionalContext = clone(e.AdditionalContext)
		s.Created, s.Origin, s.FlowMeta = &created, &origin, e.FlowMetadata
		s.Lineage = append([]uuid.UUID(nil), e.Lineage...)
		s.Checkpoints += len(e.Checkpoints)
		s.Status = StatusPaused
	case Branched:
		s.Status, s.Reason = StatusPaused, ""
	default: // Apply sends no other event here
	}
	return s
}

// forked resolves a checkpoint that a fork begins with.
func (f *Facts) forked(c ForkedCheckpoint, fetch Fetch) (Stored, error) {
	return f.Store(Checkpointed{
		ThreadTS: c.ThreadTS, ParentTS: c.ParentTS, NS: c.NS, Header: c.Header, Metadata: c.Metadata,
		Channels: c.Channels, CurrentThread: c.CurrentThread,
	}, fetch)
}

// AddForked makes what a fork begins with part of the facts and gives it, in
// order, each checkpoint as it is stored.
func (f *Facts) AddForked(e Forked, fetch Fetch) ([]Stored, error) {
	f.Forked = true
	var out []Stored
	for _, c := range e.Checkpoints {
		s, err := f.forked(c, fetch)
		if err != nil {
			return nil, err
		}
		f.Add(s)
		for _, w := range c.Writes {
			f.Writes[WriteKey{c.key(), w.Task, w.Idx}] = w.Value
		}
		out = append(out, s)
	}
	return out, nil
}

// Inherited lists what the fork begins with: the bytes that these values name stand
// in the streams of Lineage.
func (e Forked) Inherited() []value.Value {
	out := optional(e.AdditionalContext)
	for _, c := range e.Checkpoints {
		out = append(out, c.Header, c.Metadata)
		for _, ch := range c.Channels {
			out = append(out, ch.Value)
		}
		for _, w := range c.Writes {
			out = append(out, w.Value)
		}
	}
	return out
}
