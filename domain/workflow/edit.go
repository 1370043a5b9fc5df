package workflow

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/value"
)

// Edit is another checkpoint over one that is there: the same state with other
// values in some channels.
type Edit struct {
	// Header and Metadata are those of the checkpoint that is there, as stored:
	// what follows is made of them.
	Header   json.RawMessage `json:"header"`
	Metadata json.RawMessage `json:"metadata"`
	Set      []SetChannel    `json:"set,omitempty"`
}

// SetChannel is the new value of one channel, as JSON.
type SetChannel struct {
	Channel string          `json:"channel"`
	Value   json.RawMessage `json:"value"`
}

// MaxSet is how many channels one edit may set.
const MaxSet = 100

// Size is about how many bytes the edit brings; nil has none.
func (e *Edit) Size() int {
	if e == nil {
		return 0
	}
	n := len(e.Header) + len(e.Metadata)
	for _, s := range e.Set {
		n += len(s.Value)
	}
	return n
}

func (e *Edit) validate() error {
	if len(e.Set) > MaxSet {
		return domain.InvalidField("set", fmt.Sprintf("set has %d channels; the limit is %d", len(e.Set), MaxSet), "set fewer at once")
	}
	seen := map[string]bool{}
	for _, s := range e.Set {
		if s.Channel == "" || seen[s.Channel] {
			return domain.InvalidField("set", "a channel without a name, or one that comes twice", "name each channel once")
		}
		seen[s.Channel] = true
		if err := domain.CheckText("set", s.Channel, MaxChannel); err != nil {
			return err
		}
		if !json.Valid(s.Value) {
			return domain.InvalidField("set", "the value of "+s.Channel+" is no JSON", "send JSON")
		}
	}
	return nil
}

// source is what LangGraph calls where the checkpoint comes from.
func (e *Edit) source() string {
	if len(e.Set) == 0 {
		return "fork"
	}
	return "update"
}

// describe makes the checkpoint. The facts have the one it goes over, with its
// values, and the newest of its namespace.
func (e *Edit) describe(f *Facts, over CheckpointKey, newest uuid.UUID, env Env) (Checkpointed, []value.Blob, error) {
	parent, ok := f.Checkpoints[over]
	if !ok {
		return Checkpointed{}, nil, noCheckpoint(over.TS)
	}
	if !equalValue(parent.Header, build(value.TypeJSON, e.Header)) || !equalValue(parent.Metadata, build(value.TypeJSON, e.Metadata)) {
		return Checkpointed{}, nil, writtenAnew(over.TS)
	}
	set, changed := e.changed(parent)
	id := nextCheckpointID(over.TS, newest, env)
	header, metadata, err := e.rewrite(id, changed, env)
	if err != nil {
		return Checkpointed{}, nil, err
	}
	d := description{f: f, seen: map[value.Address]bool{}}
	out := Checkpointed{
		ThreadTS: id, ParentTS: &over.TS, Inherits: true, NS: over.NS, CurrentThread: parent.Thread,
		Header: d.value(build(value.TypeJSON, header), nil), Metadata: d.value(build(value.TypeJSON, metadata), nil),
	}
	for _, ch := range set {
		var base *value.Manifest
		if m, ok := f.Values[parent.Channels[ch.name]]; ok {
			base = &m
		}
		out.Channels = append(out.Channels, ChannelValue{ch.name, d.value(ch.builtValue, base)})
	}
	return out, d.blobs, d.spill(&out, &builtStep{channels: set})
}

// changed are the channels whose value is another one, by name.
func (e *Edit) changed(parent Checkpoint) (set []builtChannel, names []string) {
	for _, s := range e.Set {
		b := build(value.TypeJSON, s.Value)
		if parent.Channels[s.Channel] != b.manifest.ID() {
			set, names = append(set, builtChannel{name: s.Channel, builtValue: b}), append(names, s.Channel)
		}
	}
	slices.Sort(names)
	slices.SortFunc(set, func(a, b builtChannel) int { return slices.Compare([]byte(a.name), []byte(b.name)) })
	return set, names
}

// rewrite makes header and metadata of the new checkpoint: what is not known
// stays as it is.
func (e *Edit) rewrite(id uuid.UUID, changed []string, env Env) (header, metadata []byte, err error) {
	h, err := parseMembers(e.Header)
	if err != nil {
		return nil, nil, fmt.Errorf("the header of the checkpoint: %w", err)
	}
	h.set("id", quoted(id.String()))
	h.set("ts", quoted(env.Now.UTC().Format("2006-01-02T15:04:05.000000+00:00")))
	if raw, ok := h.get("channel_versions"); ok && len(changed) > 0 {
		versions, err := bumped(raw, changed, env)
		if err != nil {
			return nil, nil, err
		}
		h.set("channel_versions", versions)
		h.addUpdated(changed)
	}
	if raw, ok := h.get(channelsMember); ok {
		if values, err := parseMembers(raw); err == nil {
			for _, name := range changed {
				values.set(name, json.RawMessage(`0`))
			}
			h.set(channelsMember, values.json())
		}
	}
	m, err := parseMembers(e.Metadata)
	if err != nil {
		return nil, nil, fmt.Errorf("the metadata of the checkpoint: %w", err)
	}
	m.set("source", quoted(e.source()))
	m.drop("run_id") // no run wrote it
	if raw, ok := m.get("step"); ok {
		var step int64
		if json.Unmarshal(raw, &step) == nil {
			m.set("step", fmt.Appendf(nil, "%d", step+1))
		}
	}
	return h.json(), m.json(), nil
}

// addUpdated lists the changed channels among those that the step updated: LangGraph
// looks for the next tasks among what these trigger. Where it has no list it looks at
// all.
func (m *members) addUpdated(changed []string) {
	raw, ok := m.get("updated_channels")
	var updated []string
	if !ok || json.Unmarshal(raw, &updated) != nil || updated == nil {
		return
	}
	updated = append(updated, changed...)
	slices.Sort(updated)
	m.set("updated_channels", quotedList(slices.Compact(updated)))
}

// bumped gives the changed channels a version above all that there are.
func bumped(raw json.RawMessage, changed []string, env Env) (json.RawMessage, error) {
	versions, err := parseMembers(raw)
	if err != nil {
		return nil, fmt.Errorf("channel_versions: %w", err)
	}
	next := nextVersion(versions, env.derive("version"))
	for _, name := range changed {
		versions.set(name, next)
	}
	return versions.json(), nil
}
