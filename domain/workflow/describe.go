package workflow

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

const (
	// lookUpAbove is how many new bytes make it worth asking which of them the
	// stream has already: below, sending them again costs less than the look-up.
	lookUpAbove = 4 << 10
	// describeMost bounds the JSON of one event with values: above it, the
	// descriptions of the largest are moved into blobs.
	describeMost = 40 << 10
	// eventMost bounds the JSON of one event, so that a commit of it has room
	// for its envelope and for the names of the bytes that go ahead.
	eventMost = 52 << 10
	// needSize is what naming bytes that are there already takes in a commit.
	needSize = 68
)

// builtStep is one checkpoint cut into values, whichever command brings it. It depends on
// the request alone, so it is made once however often the command is decided.
type builtStep struct {
	key              CheckpointKey
	parent           *uuid.UUID
	header, metadata builtValue
	channels         []builtChannel
	thread           int
	flow             string
	// again is what is stored of the checkpoint, where that says which the parent is.
	again *Checkpoint
}

type builtValue struct {
	manifest value.Manifest
	blobs    []value.Blob
}

type builtChannel struct {
	name string
	builtValue
	// stored says that the value is one of the stream's own.
	stored bool
}

func build(typ string, raw []byte) builtValue { return buildOver(typ, raw, nil) }

func buildOver(typ string, raw []byte, before []value.Blob) builtValue {
	m, blobs := value.BuildOver(typ, raw, before)
	return builtValue{m, blobs}
}

// wantStep asks for a checkpoint itself and for what its channels can stand on.
func wantStep(key CheckpointKey, parent *uuid.UUID) Want {
	w := Want{Checkpoints: []CheckpointKey{key}, Newest: []string{key.NS}}
	if parent == nil {
		w.Latest = []string{key.NS}
	} else {
		w.Base = []CheckpointKey{{key.NS, *parent}}
	}
	return w
}

// wantBlobs asks which of the new bytes are there, where there are enough of them
// to matter.
func (c *builtStep) wantBlobs(f *Facts) []value.Address {
	var out []value.Address
	size := 0
	_, blobs, _ := c.describe(f)
	for _, b := range blobs {
		if !f.Blobs[b.Address] {
			out, size = append(out, b.Address), size+len(b.Bytes)
		}
	}
	if size <= lookUpAbove {
		return nil
	}
	return out
}

// decide records the checkpoint, or says that it is there already.
func (c *builtStep) decide(f *Facts, env Env) (Outcome, error) {
	if there, ok := f.Checkpoints[c.key]; ok && c.same(there) {
		return Outcome{Existing: there.Number}, nil
	}
	e, blobs, err := c.describe(f)
	if err != nil {
		return Outcome{}, err
	}
	e.Epoch = epochOf(env.Principal)
	return Outcome{Events: []Event{e}, Blobs: blobs}, nil
}

// same says whether the stored checkpoint has the same bytes everywhere.
func (c *builtStep) same(there Checkpoint) bool {
	ids := map[string]value.Address{}
	for _, ch := range c.channels {
		ids[ch.name] = ch.manifest.ID()
	}
	return equalValue(there.Header, c.header) && equalValue(there.Metadata, c.metadata) &&
		maps.Equal(ids, there.Channels) && equalTS(there.Parent, c.parent)
}

func equalValue(v value.Value, b builtValue) bool {
	m, err := v.Resolve(nil, func(value.Address) ([]byte, error) { return nil, errNotInline })
	return err == nil && m.ID() == b.manifest.ID()
}

var errNotInline = fmt.Errorf("the manifest is not inline")

func equalTS(a, b *uuid.UUID) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// describe says the checkpoint as a change: over its parent where that is
// there, over the newest of its namespace when it has none, and over what is stored of
// it when only that says which the parent is.
func (c *builtStep) describe(f *Facts) (Checkpointed, []value.Blob, error) {
	d := description{f: f, seen: map[value.Address]bool{}}
	e := Checkpointed{
		ThreadTS: c.key.TS, ParentTS: c.parent, NS: c.key.NS, CurrentThread: c.thread, FlowMetadata: c.flow,
		Header: d.value(c.header, nil), Metadata: d.value(c.metadata, nil),
	}
	base, inherits := c.base(f)
	e.Inherits = inherits
	e.ParentMissing = c.parent != nil && !inherits
	if c.again != nil {
		e.ParentMissing = c.again.Missing
	}
	present := map[string]bool{}
	for _, ch := range c.channels {
		present[ch.name] = true
		id, had := base.Channels[ch.name]
		if had && inherits && id == ch.manifest.ID() {
			continue
		}
		e.Channels = append(e.Channels, ChannelValue{ch.name, d.value(ch.builtValue, c.over(f, ch, id, had))})
	}
	if inherits {
		e.Removed = missingFrom(base.Channels, present)
	}
	err := d.spill(&e, c)
	return e, d.blobs, err
}

// over is the value that a channel is described over: itself where it is stored
// already, that of the base otherwise; nil for none.
func (c *builtStep) over(f *Facts, ch builtChannel, id value.Address, had bool) *value.Manifest {
	if ch.stored {
		return &ch.manifest
	}
	if m, ok := f.Values[id]; had && ok {
		return &m
	}
	return nil
}

func (c *builtStep) base(f *Facts) (base Checkpoint, isParent bool) {
	if c.again != nil {
		return *c.again, false
	}
	if c.parent != nil {
		if parent, ok := f.Checkpoints[CheckpointKey{c.key.NS, *c.parent}]; ok {
			return parent, true
		}
	}
	return f.Checkpoints[f.Latest[c.key.NS]], false
}

func missingFrom(had map[string]value.Address, present map[string]bool) []string {
	var out []string
	for name := range had {
		if !present[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// description collects the values of one event and the bytes they bring.
type description struct {
	f     *Facts
	seen  map[value.Address]bool
	blobs []value.Blob
	// manifests is what the spilled manifests take of the record's headers.
	manifests int
}

func (d *description) value(b builtValue, over *value.Manifest) value.Value {
	v := value.Diff(b.manifest, over)
	if d.f.Forked {
		over = nil // what it names may stand in another stream, and is brought
	}
	d.add(value.NewBlobs(b.blobs, v, over)...)
	return v
}

func (d *description) add(blobs ...value.Blob) {
	for _, b := range blobs {
		if !d.seen[b.Address] && !d.f.Blobs[b.Address] {
			d.seen[b.Address] = true
			d.blobs = append(d.blobs, b)
		}
	}
}

// spill moves the descriptions of the largest values into blobs until the event
// is small enough for one commit. It refuses what has too many channels even
// so.
func (d *description) spill(e *Checkpointed, built *builtStep) error {
	if e.encodedMost() <= describeMost {
		return nil // as nearly every step
	}
	size := len(e.AppendJSON(nil))
	for _, v := range e.Values() {
		size += d.needs(v)
	}
	manifests := map[string]value.Manifest{}
	for _, ch := range built.channels {
		manifests[ch.name] = ch.manifest
	}
	cost := func(v value.Value) int { return v.EncodedSize() + d.needs(v) }
	for _, i := range largestFirst(len(e.Channels), func(i int) int { return cost(e.Channels[i].Value) }) {
		if size <= describeMost {
			break
		}
		ch := &e.Channels[i]
		v, blob := value.Spill(manifests[ch.Channel])
		if saved := cost(ch.Value) - v.EncodedSize(); saved > 0 {
			ch.Value, size = v, size-saved
			d.manifest(blob)
		}
	}
	return cmp.Or(
		domain.CheckSize("checkpoint.channel_values", size, eventMost),
		domain.CheckSize("checkpoint.channel_values", d.manifests, journal.MaxHeaderBytes),
	)
}

// encodedMost is at least what the event takes in a commit, with the names of the
// bytes that it needs.
func (e *Checkpointed) encodedMost() int {
	const frame, escaped = 512, 6
	n := frame + escaped*(len(e.NS)+len(e.FlowMetadata))
	for _, name := range e.Removed {
		n += frame + escaped*len(name)
	}
	for _, c := range e.Channels {
		n += escaped * len(c.Channel)
	}
	for _, v := range e.Values() {
		n += v.EncodedMost() + needSize*len(v.Add)
	}
	return n
}

// needs is what the commit takes to name the bytes of v that it does not bring.
func (d *description) needs(v value.Value) int {
	n := 0
	for _, a := range v.Named() {
		if !d.seen[a] {
			n += needSize
		}
	}
	return n
}

// manifest brings a spilled manifest, also one that is there already, and ahead
// of everything else: who applies the event reads it from the commit itself.
func (d *description) manifest(b value.Blob) {
	if !d.seen[b.Address] {
		d.seen[b.Address] = true
		d.blobs = append([]value.Blob{b}, d.blobs...)
		d.manifests += len(journal.BlobHeader) + 2*len(b.Address) + len(b.Bytes)
	}
}

// largestFirst orders 0 to n-1 by size, equal ones as they come.
func largestFirst(n int, size func(int) int) []int {
	order, sizes := make([]int, n), make([]int, n)
	for i := range order {
		order[i], sizes[i] = i, size(i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sizes[b], sizes[a]) })
	return order
}
