package workflow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

// Limits of a checkpoint.
const (
	MaxNS       = 4096
	MaxChannel  = 256
	MaxMetadata = 64 << 10
	// MaxModel is the limit of model metadata; above it, it is dropped.
	MaxModel = 1024
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

	built *builtCheckpoint
}

// builtCheckpoint is the checkpoint cut into values. It depends on the request
// alone, so it is made once however often the command is decided.
type builtCheckpoint struct {
	header, metadata builtValue
	channels         []builtChannel
}

type builtValue struct {
	manifest value.Manifest
	blobs    []value.Blob
}

type builtChannel struct {
	name string
	builtValue
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
	b := &builtCheckpoint{header: build(header), metadata: build(c.Metadata)}
	for _, p := range parts {
		if err := domain.CheckText("checkpoint.channel_values", p.Name, MaxChannel); err != nil {
			return err
		}
		b.channels = append(b.channels, builtChannel{p.Name, build(p.Raw)})
	}
	c.built = b
	return nil
}

func build(raw []byte) builtValue {
	m, blobs := value.Build("json", raw)
	return builtValue{m, blobs}
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

func (c *SaveCheckpoint) key() CheckpointKey { return CheckpointKey{c.NS, c.ThreadTS} }

// Want asks for the checkpoint itself, for what its channels can stand on, and
// for the bytes the stream may have already.
func (c *SaveCheckpoint) Want(State, Env) Want {
	w := Want{Checkpoints: []CheckpointKey{c.key()}, Newest: []string{c.NS}}
	if c.ParentTS == nil {
		w.Latest = []string{c.NS}
	} else {
		w.Base = []CheckpointKey{{c.NS, *c.ParentTS}}
	}
	return w
}

// WantBlobs asks, once the bases are known, which of the new bytes are there.
func (c *SaveCheckpoint) WantBlobs(f *Facts) []value.Address {
	if c.Prepare() != nil {
		return nil
	}
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

// Decide records the checkpoint, or says that it is there already.
func (c *SaveCheckpoint) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if err := s.mayWriteState(env); err != nil {
		return Outcome{}, err
	}
	if err := c.Prepare(); err != nil {
		return Outcome{}, err
	}
	if there, ok := f.Checkpoints[c.key()]; ok && c.same(there) {
		return Outcome{Existing: there.Number}, nil
	}
	e, blobs, err := c.describe(f)
	if err != nil {
		return Outcome{}, err
	}
	e.Epoch = epochOf(env.Principal)
	out := Outcome{Events: []Event{e}, Blobs: blobs}
	if model, ok := cleanModel(c.Model); ok && model != s.Model {
		out.Events = append(out.Events, ModelSelected{Metadata: model})
	}
	return out, nil
}

// same says whether the stored checkpoint has the same bytes everywhere.
func (c *SaveCheckpoint) same(there Checkpoint) bool {
	ids := map[string]value.Address{}
	for _, ch := range c.built.channels {
		ids[ch.name] = ch.manifest.ID()
	}
	return equalValue(there.Header, c.built.header) && equalValue(there.Metadata, c.built.metadata) &&
		maps.Equal(ids, there.Channels) && equalTS(there.Parent, c.ParentTS)
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
// there, over the newest of its namespace when it has none.
func (c *SaveCheckpoint) describe(f *Facts) (Checkpointed, []value.Blob, error) {
	d := description{f: f, seen: map[value.Address]bool{}}
	e := Checkpointed{
		ThreadTS: c.ThreadTS, ParentTS: c.ParentTS, NS: c.NS, CurrentThread: c.CurrentThread, FlowMetadata: c.FlowMetadata,
		Header: d.value(c.built.header, nil), Metadata: d.value(c.built.metadata, nil),
	}
	base, inherits := c.base(f)
	e.Inherits = inherits
	e.ParentMissing = c.ParentTS != nil && !inherits
	present := map[string]bool{}
	for _, ch := range c.built.channels {
		present[ch.name] = true
		id, had := base.Channels[ch.name]
		if had && inherits && id == ch.manifest.ID() {
			continue
		}
		var over *value.Manifest
		if m, ok := f.Values[id]; had && ok {
			over = &m
		}
		e.Channels = append(e.Channels, ChannelValue{ch.name, d.value(ch.builtValue, over)})
	}
	if inherits {
		e.Removed = missingFrom(base.Channels, present)
	}
	err := d.spill(&e, c.built)
	return e, d.blobs, err
}

func (c *SaveCheckpoint) base(f *Facts) (base Checkpoint, isParent bool) {
	if c.ParentTS != nil {
		if parent, ok := f.Checkpoints[CheckpointKey{c.NS, *c.ParentTS}]; ok {
			return parent, true
		}
	}
	return f.Checkpoints[f.Latest[c.NS]], false
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
func (d *description) spill(e *Checkpointed, built *builtCheckpoint) error {
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

// cleanModel is the model metadata to record: blank and too long ones change
// nothing, an api_key never reaches the log, everything else stays as it came.
func cleanModel(raw string) (string, bool) {
	if strings.TrimSpace(raw) == "" || domain.CheckText("", raw, MaxModel) != nil {
		return "", false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(raw), &fields) != nil {
		return raw, true
	}
	if _, has := fields["api_key"]; !has {
		return raw, true
	}
	delete(fields, "api_key")
	out, err := json.Marshal(fields)
	return string(out), err == nil
}
