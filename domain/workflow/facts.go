package workflow

import (
	"fmt"
	"maps"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain/value"
)

// CheckpointKey addresses one checkpoint of a workflow.
type CheckpointKey struct {
	NS string
	TS uuid.UUID
}

// Checkpoint is one stored checkpoint, its channels by the id of their value.
type Checkpoint struct {
	Key      CheckpointKey
	Parent   *uuid.UUID
	Header   value.Value
	Metadata value.Value
	Channels map[string]value.Address
	Thread   int
	// Missing marks a checkpoint whose parent was not there.
	Missing bool
	// Number is set for one that is stored already.
	Number int64
}

// WriteKey addresses one pending write.
type WriteKey struct {
	Checkpoint CheckpointKey
	Task       string
	Idx        int
}

// Want says which facts a command needs. They are looked up by primary key.
type Want struct {
	// Checkpoints by key: is it there, and with what.
	Checkpoints []CheckpointKey
	// Base names checkpoints whose channel values are needed as well, to say
	// what is new.
	Base []CheckpointKey
	// Latest asks, for these namespaces, for the newest checkpoint as a base.
	Latest []string
	// Writes of these checkpoints.
	Writes []CheckpointKey
	// Blobs asks which of these bytes the stream has.
	Blobs []value.Address
}

// Facts is what was looked up. Within a batch it is part of the state: Apply
// changes it, so that a command sees what the one before it did.
type Facts struct {
	Checkpoints map[CheckpointKey]Checkpoint
	// Latest is the newest checkpoint of a namespace, by id.
	Latest map[string]CheckpointKey
	// Values are the manifests of channel values by id.
	Values map[value.Address]value.Manifest
	Writes map[WriteKey]value.Value
	Blobs  map[value.Address]bool
}

// NewFacts is a Facts without any.
func NewFacts() *Facts {
	return &Facts{
		Checkpoints: map[CheckpointKey]Checkpoint{}, Latest: map[string]CheckpointKey{},
		Values: map[value.Address]value.Manifest{}, Writes: map[WriteKey]value.Value{}, Blobs: map[value.Address]bool{},
	}
}

// Fetch reads the bytes of a blob of the stream.
type Fetch func(value.Address) ([]byte, error)

// Stored is what one checkpointed event adds.
type Stored struct {
	Checkpoint Checkpoint
	// Values are the manifests of the channels that changed.
	Values map[value.Address]value.Manifest
}

// Store resolves a checkpointed event against the facts: the parent's channels
// carried over, the changed ones resolved over their base. It needs the parent
// and the bases to be among the facts and changes nothing.
func (f *Facts) Store(e Checkpointed, fetch Fetch) (Stored, error) {
	out := Stored{
		Values: map[value.Address]value.Manifest{},
		Checkpoint: Checkpoint{
			Key: CheckpointKey{e.NS, e.ThreadTS}, Parent: clone(e.ParentTS), Header: e.Header, Metadata: e.Metadata,
			Channels: map[string]value.Address{}, Thread: e.CurrentThread, Missing: e.ParentMissing,
		},
	}
	if e.Inherits {
		if e.ParentTS == nil {
			return Stored{}, fmt.Errorf("checkpoint %s inherits from no parent", e.ThreadTS)
		}
		parent, ok := f.Checkpoints[CheckpointKey{e.NS, *e.ParentTS}]
		if !ok {
			return Stored{}, fmt.Errorf("checkpoint %s inherits from %s, which is not there", e.ThreadTS, e.ParentTS)
		}
		maps.Copy(out.Checkpoint.Channels, parent.Channels)
	}
	for _, name := range e.Removed {
		delete(out.Checkpoint.Channels, name)
	}
	for _, c := range e.Channels {
		m, err := f.resolve(c.Value, fetch)
		if err != nil {
			return Stored{}, fmt.Errorf("channel %q of checkpoint %s: %w", c.Channel, e.ThreadTS, err)
		}
		id := m.ID()
		out.Checkpoint.Channels[c.Channel], out.Values[id] = id, m
	}
	return out, nil
}

func (f *Facts) resolve(v value.Value, fetch Fetch) (value.Manifest, error) {
	id, ok := v.BaseID()
	if !ok {
		return v.Resolve(nil, fetch)
	}
	base, ok := f.Values[id]
	if !ok {
		return value.Manifest{}, fmt.Errorf("its base %s is not there", id)
	}
	return v.Resolve(&base, fetch)
}

// Add makes a stored checkpoint part of the facts.
func (f *Facts) Add(s Stored) {
	key := s.Checkpoint.Key
	f.Checkpoints[key] = s.Checkpoint
	maps.Copy(f.Values, s.Values)
	if latest, ok := f.Latest[key.NS]; !ok || after(key.TS, latest.TS) {
		f.Latest[key.NS] = key
	}
}

// after orders checkpoint ids as text, which for time-ordered ids is by age.
func after(a, b uuid.UUID) bool { return a.String() > b.String() }

// Apply changes the facts by one event of the stream.
func (f *Facts) Apply(e Event, fetch Fetch) error {
	switch e := e.(type) {
	case Checkpointed:
		s, err := f.Store(e, fetch)
		if err != nil {
			return err
		}
		f.Add(s)
	case WritesRecorded:
		for _, w := range e.Writes {
			f.Writes[WriteKey{CheckpointKey{e.NS, e.ThreadTS}, w.Task, w.Idx}] = w.Value
		}
	default:
		// Everything else is State.
	}
	return nil
}
