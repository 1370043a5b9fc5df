package workflow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// MaxValue bounds one value of a thread, MaxHeader the header of one checkpoint, in
// bytes.
const (
	MaxValue  = 32 << 20
	MaxHeader = 1 << 20
)

// NewValue is the value of a channel as a client sends it. What its type means is
// not for the server to know.
type NewValue struct {
	Channel string `json:"channel"`
	Type    string `json:"type"`
	Data    []byte `json:"data"`
	// Before are the pieces of a value that this one was made from, where they are at
	// hand (PutCheckpoint.Pieces): it is cut faster, and comes to the same.
	Before []value.Blob `json:"-"`
}

// PutCheckpoint records one step of a thread: its header, which says the version of
// each channel, and the values that are new. A value that did not come is the one
// that the parent has at that version, or else the newest of the namespace at that
// version, or none. The first one of a thread makes its workflow.
type PutCheckpoint struct {
	Thread   ThreadRef  `json:"thread"`
	NS       string     `json:"checkpoint_ns,omitempty"`
	TS       uuid.UUID  `json:"checkpoint_id"`
	Parent   *uuid.UUID `json:"parent_checkpoint_id,omitempty"`
	Header   []byte     `json:"checkpoint"`
	Metadata []byte     `json:"metadata"`
	Values   []NewValue `json:"values,omitempty"`

	built *builtPut
}

// builtPut is what of a put depends on the request alone.
type builtPut struct {
	builtStep

	versions Versions
	// unsent are the channels that have a version and whose value did not come, in
	// order of their bytes.
	unsent []string
	// written are channels whose state is in the writes of the steps: none is stored.
	written []string
}

// CommandType names the command.
func (*PutCheckpoint) CommandType() string { return "workflow.put_checkpoint" }

// Size is how many bytes the request brings.
func (c *PutCheckpoint) Size() int {
	n := len(c.Header) + len(c.Metadata)
	for _, v := range c.Values {
		n += len(v.Data)
	}
	return n
}

func (c *PutCheckpoint) key() CheckpointKey { return CheckpointKey{c.NS, c.TS} }

// Prepare checks the request and cuts it into values. It is the expensive part of
// the command and belongs before the queue of the stream.
func (c *PutCheckpoint) Prepare() error {
	if c.built != nil {
		return nil
	}
	if err := c.validate(); err != nil {
		return err
	}
	b := &builtPut{builtStep: builtStep{
		key: c.key(), parent: c.Parent, header: build(value.TypeJSON, c.Header), metadata: build(value.TypeJSON, c.Metadata),
	}}
	if err := b.read(c.Header, c.Metadata); err != nil {
		return err
	}
	sent := map[string]bool{}
	for i, v := range c.Values {
		if err := v.validate(fmt.Sprintf("values[%d].", i)); err != nil {
			return err
		}
		if sent[v.Channel] {
			return domain.InvalidField(fmt.Sprintf("values[%d].channel", i), fmt.Sprintf("the channel %.80q comes twice", v.Channel), "send each once")
		}
		sent[v.Channel] = true
		b.channels = append(b.channels, builtChannel{name: v.Channel, builtValue: buildOver(v.Type, v.Data, v.Before)})
	}
	for _, name := range slices.Sorted(maps.Keys(b.versions)) {
		if !sent[name] {
			b.unsent = append(b.unsent, name)
		}
	}
	c.built = b
	return nil
}

// Pieces are what value i of a prepared command was cut into. They alias its data.
func (c *PutCheckpoint) Pieces(i int) []value.Blob { return c.built.channels[i].blobs }

// read takes from header and metadata what decides about values.
func (b *builtPut) read(header, metadata []byte) error {
	var members map[string]json.RawMessage
	var err error
	if json.Unmarshal(header, &members) != nil {
		return domain.InvalidField("checkpoint", "checkpoint must be an object", "send the checkpoint without its channel_values")
	}
	if _, has := members[channelsMember]; has {
		return domain.InvalidField("checkpoint."+channelsMember, "the values of channels do not stand in the checkpoint", "leave channel_values out and send them in values")
	}
	if b.versions, err = ParseVersions(header); err != nil {
		return domain.InvalidField("checkpoint.channel_versions", "channel_versions must be an object", "send the version of each channel")
	}
	for name := range b.versions {
		if err := domain.CheckText("checkpoint.channel_versions", name, MaxChannel); err != nil {
			return err
		}
	}
	b.written = DeltaChannels(metadata)
	return nil
}

func (c *PutCheckpoint) validate() error {
	if err := cmp.Or(c.Thread.validate(), domain.CheckText("checkpoint_ns", c.NS, MaxNS)); err != nil {
		return err
	}
	if len(c.Header) == 0 || c.Header[0] != '{' {
		return domain.InvalidField("checkpoint", "checkpoint must be an object", "send the checkpoint without its channel_values")
	}
	if len(c.Metadata) == 0 || c.Metadata[0] != '{' {
		return domain.InvalidField("metadata", "metadata must be an object", "send metadata, at least {}")
	}
	if holdsNUL(c.Metadata) {
		return domain.InvalidField("metadata", "metadata holds U+0000", "take it out of its strings, as the savers do")
	}
	return cmp.Or(
		domain.CheckSize("checkpoint", len(c.Header), MaxHeader),
		domain.CheckSize("metadata", len(c.Metadata), MaxMetadata),
	)
}

func (v NewValue) validate(at string) error {
	if v.Type == "" {
		return domain.InvalidField(at+"type", "a value has a type", "send the type that your serialiser gave the bytes")
	}
	return cmp.Or(
		domain.CheckText(at+"channel", v.Channel, MaxChannel),
		domain.CheckText(at+"type", v.Type, MaxName),
		domain.CheckSize(at+"value", len(v.Data), MaxValue),
	)
}

// holdsNUL says whether a string of valid JSON has U+0000.
func holdsNUL(raw []byte) bool {
	for i := 0; i+5 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if i++; raw[i] == 'u' && string(raw[i+1:i+5]) == "0000" {
			return true
		}
	}
	return false
}

// Want asks for the checkpoint itself, for what its channels can stand on, and for
// the versions of the parent where a value did not come.
func (c *PutCheckpoint) Want(State, Env) Want {
	w := wantStep(c.key(), c.Parent)
	if c.ofItself() {
		w.Latest = []string{c.NS} // where it is new
	}
	if c.Prepare() == nil && c.Parent != nil && len(c.built.unsent) > 0 {
		w.Versions = w.Base
	}
	return w
}

// WantBlobs asks, once the bases are known, which of the new bytes are there.
func (c *PutCheckpoint) WantBlobs(f *Facts) []value.Address {
	if c.Prepare() != nil {
		return nil
	}
	step, _ := c.whole(f)
	return step.wantBlobs(f)
}

// Decide records the checkpoint, or says that it is there already.
func (c *PutCheckpoint) Decide(s State, f *Facts, env Env) (Outcome, error) {
	opened, err := s.open(c.Thread, env, c.ids())
	if err != nil {
		return Outcome{}, err
	}
	if err := c.Prepare(); err != nil {
		return Outcome{}, err
	}
	step, needs := c.whole(f)
	if len(needs) > 0 {
		return Outcome{Needs: needs}, nil
	}
	out, err := step.decide(f, env)
	if err != nil || len(out.Events) == 0 {
		return out, err
	}
	out.Versions = map[CheckpointKey]Versions{c.key(): c.built.versions}
	out.Events = append(out.Events, s.questionSaved(env, c.NS)...)
	return opened.before(out), nil
}

func (c *PutCheckpoint) ids() []uuid.UUID {
	if c.Parent == nil {
		return []uuid.UUID{c.TS}
	}
	return []uuid.UUID{c.TS, *c.Parent}
}

// Made is the number of the checkpoint where it is stored.
func (c *PutCheckpoint) Made(f *Facts) int64 { return f.Checkpoints[c.key()].Number }

// whole is the checkpoint with the values that did not come, and what has to be
// known first.
func (c *PutCheckpoint) whole(f *Facts) (builtStep, []ChannelAt) {
	step := c.built.builtStep
	step.channels = slices.Clone(step.channels)
	if c.ofItself() {
		step.parent = nil
		if there, ok := f.Checkpoints[c.key()]; ok {
			step.parent, step.again = there.Parent, &there
		}
	}
	var needs []ChannelAt
	for _, name := range c.built.unsent {
		id, there, known := c.unsent(f, name)
		m, described := f.Values[id]
		switch {
		case !known:
			needs = append(needs, ChannelAt{c.NS, name, c.built.versions[name]})
		case there && described:
			step.channels = append(step.channels, builtChannel{name: name, builtValue: builtValue{manifest: m}, stored: true})
		}
	}
	return step, needs
}

// ofItself says whether the request names the checkpoint as its own parent.
func (c *PutCheckpoint) ofItself() bool { return c.Parent != nil && *c.Parent == c.TS }

// unsent finds the value of a channel that did not come. That of the parent at the
// same version is the only one that cannot be another branch's; a parent that has
// none there says that there is none.
func (c *PutCheckpoint) unsent(f *Facts, name string) (id value.Address, there, known bool) {
	version := c.built.versions[name]
	if c.Parent != nil {
		key := CheckpointKey{c.NS, *c.Parent}
		if parent, has := f.Checkpoints[key]; has && f.Versions[key][name] == version {
			id, there = parent.Channels[name]
			return id, there, true
		}
	}
	if slices.Contains(c.built.written, name) {
		return id, false, true
	}
	return f.valueAt(ChannelAt{c.NS, name, version})
}
