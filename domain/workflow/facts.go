package workflow

import (
	"bytes"
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
	// Newest asks which checkpoint is the newest of these namespaces, or has the
	// newest writes: one that is newer still is not there, and has none, and need
	// not be looked for.
	Newest []string
	// Versions asks for the versions in the headers of these checkpoints.
	Versions []CheckpointKey
	// Writes of these checkpoints.
	Writes []CheckpointKey
	// Blobs asks which of these bytes the stream has.
	Blobs []value.Address
	// Deliveries asks for these, owed or ended.
	Deliveries []uuid.UUID
	// Tree asks for everything that has checkpoints or writes, Runs for the checkpoints
	// of these runs of a graph. A command that asks for either is the first of its batch.
	Tree bool
	Runs []string
}

// Facts is what was looked up. Within a batch it is part of the state: Apply
// changes it, so that a command sees what the one before it did.
type Facts struct {
	Checkpoints map[CheckpointKey]Checkpoint
	// Latest is the newest checkpoint of a namespace, by id, among Checkpoints.
	Latest map[string]CheckpointKey
	// Newest is the id of the newest checkpoint that there is, or that has writes,
	// nil for none, of the namespaces that were asked for.
	Newest map[string]uuid.UUID
	// Highest is the same of checkpoints alone: an agent that does not wait writes for
	// checkpoints that it has yet to put.
	Highest map[string]uuid.UUID
	// Versions are those in the headers of checkpoints.
	Versions map[CheckpointKey]Versions
	// Elsewhere is what was looked for among all checkpoints of a namespace.
	Elsewhere map[ChannelAt]FoundAt
	// Values are the manifests of channel values by id.
	Values map[value.Address]value.Manifest
	Writes map[WriteKey]value.Value
	// Settled are the checkpoints whose writes are all among Writes.
	Settled map[CheckpointKey]bool
	Blobs   map[value.Address]bool
	// Deliveries are as they stood when they were looked up; one that was
	// touched since counts as owed.
	Deliveries map[uuid.UUID]Delivery
	// Tree is nil unless it was asked for, and OfRuns empty.
	Tree   *Tree
	OfRuns map[CheckpointKey]bool
	// Forked says that bytes of the values may stand in another stream: this one is a
	// fork. A commit can then not name what a base names.
	Forked bool
}

// NewFacts is a Facts without any.
func NewFacts() *Facts {
	return &Facts{
		Checkpoints: map[CheckpointKey]Checkpoint{}, Latest: map[string]CheckpointKey{}, Newest: map[string]uuid.UUID{}, Highest: map[string]uuid.UUID{},
		Values: map[value.Address]value.Manifest{}, Writes: map[WriteKey]value.Value{}, Blobs: map[value.Address]bool{},
		Deliveries: map[uuid.UUID]Delivery{}, Versions: map[CheckpointKey]Versions{}, Elsewhere: map[ChannelAt]FoundAt{},
		Settled: map[CheckpointKey]bool{}, OfRuns: map[CheckpointKey]bool{},
	}
}

// Fetch reads the bytes of a blob of the stream.
type Fetch func(value.Address) ([]byte, error)

// All is the fetch for values that stand on several blobs, which it reads one by one.
func (f Fetch) All(addresses []value.Address) (map[value.Address][]byte, error) {
	out := make(map[value.Address][]byte, len(addresses))
	for _, a := range addresses {
		b, err := f(a)
		if err != nil {
			return nil, err
		}
		out[a] = b
	}
	return out, nil
}

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
	return v.ResolveOver(&base, fetch)
}

// Add makes a stored checkpoint part of the facts.
func (f *Facts) Add(s Stored) {
	key := s.Checkpoint.Key
	f.Checkpoints[key] = s.Checkpoint
	maps.Copy(f.Values, s.Values)
	if latest, ok := f.Latest[key.NS]; !ok || after(key.TS, latest.TS) {
		f.Latest[key.NS] = key
	}
	f.reach(key)
	if f.noCheckpoint(key) {
		f.Highest[key.NS] = key.TS
	}
}

// reach says that there is a checkpoint, or writes of one. One that is newer than
// all that there were had no writes before.
func (f *Facts) reach(key CheckpointKey) {
	if f.absent(key) {
		f.Newest[key.NS] = key.TS
		f.Settled[key] = true
	}
}

// Learn is what a command says beyond its events.
func (f *Facts) Learn(o Outcome) {
	maps.Copy(f.Versions, o.Versions)
	for _, b := range o.Blobs {
		f.Blobs[b.Address] = true
	}
}

// Holds says whether the facts answer all that is wanted, so that nothing has to
// be looked up: what is not among them is known not to be there.
func (f *Facts) Holds(w Want) bool {
	for _, key := range w.Checkpoints {
		if _, there := f.Checkpoints[key]; !there && !f.noCheckpoint(key) {
			return false
		}
	}
	for _, key := range w.Base {
		if c, there := f.Checkpoints[key]; there && !f.hasValues(c) || !there && !f.noCheckpoint(key) {
			return false
		}
	}
	for _, ns := range w.Latest {
		highest, known := f.Highest[ns]
		c, there := f.Checkpoints[CheckpointKey{ns, highest}]
		if !known || highest != uuid.Nil && (!there || !f.hasValues(c)) {
			return false
		}
	}
	for _, key := range w.Versions {
		_, there := f.Checkpoints[key]
		if _, known := f.Versions[key]; there && !known {
			return false
		}
	}
	for _, key := range w.Writes {
		if !f.Settled[key] && !f.absent(key) {
			return false
		}
	}
	return len(w.Deliveries) == 0 && !w.Tree && len(w.Runs) == 0
}

// absent says that there is no such checkpoint, and no write of it.
func (f *Facts) absent(key CheckpointKey) bool {
	newest, known := f.Newest[key.NS]
	return known && after(key.TS, newest)
}

// noCheckpoint says that there is no such checkpoint; writes of it there may be.
func (f *Facts) noCheckpoint(key CheckpointKey) bool {
	highest, known := f.Highest[key.NS]
	return known && after(key.TS, highest)
}

func (f *Facts) hasValues(c Checkpoint) bool {
	for _, id := range c.Channels {
		if _, ok := f.Values[id]; !ok {
			return false
		}
	}
	return true
}

// keptNamespaces is how many namespaces of a workflow are worth remembering.
const keptNamespaces = 4

// Trim is what is needed for the next step: the newest checkpoint of each
// namespace with its values; nothing of a workflow with many namespaces.
func (f *Facts) Trim() *Facts {
	out := NewFacts()
	out.Forked = f.Forked
	if len(f.Latest) > keptNamespaces {
		return out
	}
	for ns, key := range f.Latest {
		c, ok := f.Checkpoints[key]
		if !ok {
			continue
		}
		out.Latest[ns], out.Checkpoints[key] = key, c
		if newest, known := f.Newest[ns]; known {
			out.Newest[ns] = newest
		}
		if highest, known := f.Highest[ns]; known {
			out.Highest[ns] = highest
		}
		for _, id := range c.Channels {
			if m, ok := f.Values[id]; ok {
				out.Values[id] = m
			}
		}
		if versions, known := f.Versions[key]; known {
			out.Versions[key] = versions
		}
	}
	f.trimWrites(out)
	return out
}

// trimWrites keeps the writes of the checkpoints that are kept and of those that are yet
// to come, where all of them are known; and that the stream has their bytes, of which the
// checkpoints to come are made: an agent that does not wait is some steps ahead with them.
func (f *Facts) trimWrites(out *Facts) {
	for key := range f.Settled {
		if _, kept := out.Checkpoints[key]; kept || out.noCheckpoint(key) {
			out.Settled[key] = true
		}
	}
	for key, v := range f.Writes {
		if !out.Settled[key.Checkpoint] {
			continue
		}
		out.Writes[key] = v
		for _, a := range v.Named() {
			if f.Blobs[a] {
				out.Blobs[a] = true
			}
		}
	}
}

// Merge adds facts of the same stream at the same commit.
func (f *Facts) Merge(o *Facts) {
	for key, c := range o.Checkpoints {
		if have, there := f.Checkpoints[key]; !there || have.Number == 0 {
			f.Checkpoints[key] = c // one that was looked up knows its number as well
		}
	}
	maps.Copy(f.Values, o.Values)
	maps.Copy(f.Newest, o.Newest)
	maps.Copy(f.Highest, o.Highest)
	maps.Copy(f.Versions, o.Versions)
	maps.Copy(f.Settled, o.Settled)
	maps.Copy(f.Writes, o.Writes)
	maps.Copy(f.Blobs, o.Blobs)
	for ns, key := range o.Latest {
		if latest, ok := f.Latest[ns]; !ok || after(key.TS, latest.TS) {
			f.Latest[ns] = key
		}
	}
}

// Weight is about how many bytes of memory the facts take.
func (f *Facts) Weight() int {
	const each, address = 256, 64
	n := 0
	for _, c := range f.Checkpoints {
		n += each * (1 + len(c.Channels))
		n += c.Header.Weight() + c.Metadata.Weight()
	}
	for _, m := range f.Values {
		n += each + m.Weight()
	}
	for _, v := range f.Versions {
		n += v.weight()
	}
	for _, v := range f.Writes {
		n += each + v.Weight()
	}
	return n + address*len(f.Blobs)
}

// after orders checkpoint ids as Postgres does, and as their text is ordered,
// which for time-ordered ids is by age.
func after(a, b uuid.UUID) bool { return bytes.Compare(a[:], b[:]) > 0 }

// Apply changes the facts by one event of the stream.
func (f *Facts) Apply(e Event, fetch Fetch) error {
	switch e := e.(type) {
	case Checkpointed:
		s, err := f.Store(e, fetch)
		if err != nil {
			return err
		}
		f.Add(s)
	case Forked:
		_, err := f.AddForked(e, fetch)
		return err
	case WritesRecorded:
		for _, w := range e.Writes {
			f.Writes[WriteKey{CheckpointKey{e.NS, e.ThreadTS}, w.Task, w.Idx}] = w.Value
		}
		f.reach(CheckpointKey{e.NS, e.ThreadTS})
	case ThreadDeleted:
		f.forget()
	case ThreadPruned:
		gone, err := e.Gone(fetch)
		if err != nil {
			return err
		}
		f.prune(gone)
	default:
		// Everything else is State, but for what was looked up of deliveries.
		if id, ok := DeliveryOf(e); ok {
			f.touch(id)
		}
	}
	return nil
}

func (f *Facts) touch(delivery uuid.UUID) {
	if d, known := f.Deliveries[delivery]; known {
		d.Status = DeliveryOwed
		f.Deliveries[delivery] = d
	}
}
