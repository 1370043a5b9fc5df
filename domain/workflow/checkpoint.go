package workflow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// Limits of a checkpoint.
const (
	MaxNS       = 4096
	MaxChannel  = 256
	MaxMetadata = 64 << 10
	// MaxModel is the limit of model metadata; above it, it is dropped.
	MaxModel = 1024
)

// channelsMember is the member of a checkpoint that holds the state.
const channelsMember = "channel_values"

// SaveCheckpoint records the agent's state at one step.
type SaveCheckpoint struct {
	ThreadTS      uuid.UUID       `json:"thread_ts"`
	ParentTS      *uuid.UUID      `json:"parent_ts,omitempty"`
	NS            string          `json:"checkpoint_ns,omitempty"`
	Checkpoint    json.RawMessage `json:"checkpoint"`
	Metadata      json.RawMessage `json:"metadata"`
	CurrentThread int             `json:"current_thread,omitempty"`
	Model         string          `json:"model_metadata_json,omitempty"`
	FlowMetadata  string          `json:"flow_metadata_json,omitempty"`

	built *builtStep
}

// CommandType names the command.
func (*SaveCheckpoint) CommandType() string { return "workflow.save_checkpoint" }

// Prepare checks the request and cuts it into values. It is the expensive part
// of the command and belongs before the queue of the stream.
func (c *SaveCheckpoint) Prepare() error {
	if c.built != nil {
		return nil
	}
	if err := c.validate(); err != nil {
		return err
	}
	header, parts, err := value.Split(c.Checkpoint, channelsMember)
	if err != nil {
		return domain.InvalidField("checkpoint", err.Error(), "send the checkpoint as one JSON object with distinct channels")
	}
	b := &builtStep{
		key: c.key(), parent: c.ParentTS, thread: c.CurrentThread, flow: c.FlowMetadata,
		header: build(value.TypeJSON, header), metadata: build(value.TypeJSON, c.Metadata),
	}
	for _, p := range parts {
		if err := domain.CheckText("checkpoint.channel_values", p.Name, MaxChannel); err != nil {
			return err
		}
		b.channels = append(b.channels, builtChannel{name: p.Name, builtValue: build(value.TypeJSON, p.Raw)})
	}
	c.built = b
	return nil
}

func (c *SaveCheckpoint) validate() error {
	if !TimeOrdered(c.ThreadTS) {
		return domain.InvalidField("thread_ts", fmt.Sprintf("thread_ts must be a time-ordered UUID (v1, v6 or v7), got %q", c.ThreadTS), "send the checkpoint's id")
	}
	if c.ParentTS != nil && *c.ParentTS == c.ThreadTS {
		return domain.InvalidField("parent_ts", "a checkpoint cannot be its own parent", "send the id of the checkpoint before it, or none")
	}
	if len(c.Checkpoint) == 0 || c.Checkpoint[0] != '{' {
		return domain.InvalidField("checkpoint", "checkpoint must be an object", "send checkpoint, or compressed_checkpoint with base64(zlib(JSON))")
	}
	if len(c.Metadata) == 0 || c.Metadata[0] != '{' {
		return domain.InvalidField("metadata", "metadata must be an object", "send metadata, at least {}")
	}
	if c.CurrentThread < 0 || c.CurrentThread > math.MaxInt32 {
		return domain.InvalidField("current_thread", "current_thread is not a small count", "send 0 or more")
	}
	return cmp.Or(
		domain.CheckText("checkpoint_ns", c.NS, MaxNS),
		domain.CheckSize("metadata", len(c.Metadata), MaxMetadata),
		domain.CheckText("flow_metadata_json", c.FlowMetadata, MaxShortText),
	)
}

// TimeOrdered says whether the id can name a checkpoint: its age must show.
func TimeOrdered(id uuid.UUID) bool {
	return id.Version() == 1 || id.Version() == 6 || id.Version() == 7
}

// Size is how many bytes the request brings.
func (c *SaveCheckpoint) Size() int { return len(c.Checkpoint) + len(c.Metadata) }

func (c *SaveCheckpoint) key() CheckpointKey { return CheckpointKey{c.NS, c.ThreadTS} }

// Want asks for the checkpoint itself, for what its channels can stand on, and
// for the bytes the stream may have already.
func (c *SaveCheckpoint) Want(State, Env) Want { return wantStep(c.key(), c.ParentTS) }

// WantBlobs asks, once the bases are known, which of the new bytes are there.
func (c *SaveCheckpoint) WantBlobs(f *Facts) []value.Address {
	if c.Prepare() != nil {
		return nil
	}
	return c.built.wantBlobs(f)
}

// Decide records the checkpoint, or says that it is there already.
func (c *SaveCheckpoint) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if err := s.mayWriteState(env); err != nil {
		return Outcome{}, err
	}
	if err := c.Prepare(); err != nil {
		return Outcome{}, err
	}
	out, err := c.built.decide(f, env)
	if err != nil || len(out.Events) == 0 {
		return out, err
	}
	if model, ok := cleanModel(c.Model); ok && model != s.Model {
		out.Events = append(out.Events, ModelSelected{Metadata: model})
	}
	out.Events = append(out.Events, s.questionSaved(env, c.NS)...)
	return out, nil
}
