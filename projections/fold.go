package projections

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// folder turns accepted commits into rows.
type folder struct {
	partitions    int32
	workflows     workflow.Decoder
	conversations conversation.Decoder
	directories   directory.Decoder
	carries       carries
	codec         *Codec
}

func newFolder(partitions int32, codec *Codec) *folder {
	return &folder{partitions: partitions, codec: codec, workflows: workflow.NewDecoder(), conversations: conversation.NewDecoder(), directories: directory.NewDecoder(), carries: newCarries()}
}

// decoded is a commit with its events read.
type decoded struct {
	commit        journal.Commit
	position      domain.Position
	workflow      []workflow.Event
	conversation  []conversation.Event
	directory     []directory.Event
	blobs         map[value.Address][]byte
	readFromStore workflow.Fetch
	// holdings reads all rows of the stream as they are before the commit.
	holdings func() (*holdings, error)
	// pinned reads what a checkpoint stands on, as it is before the commit.
	pinned func(workflow.Pinned) (pinRow, error)
	// writes is the number behind those of the commit's writes that are folded: of
	// several events of writes none has a number of another's.
	writes int64
}

// decode reads the events of a commit. Its error is kept with the commit: it
// matters only if the commit is accepted.
func (f *folder) decode(p journal.Parsed) (*decoded, error) {
	d := &decoded{commit: p.Commit, position: p.Record.Position, blobs: map[value.Address][]byte{}}
	for _, b := range p.Blobs {
		d.blobs[b.Address] = b.Bytes
	}
	for _, e := range p.Commit.Events {
		switch p.Stream.Kind {
		case domain.KindWorkflow:
			event, err := f.workflows.Decode(e)
			if err != nil {
				return d, err
			}
			d.workflow = append(d.workflow, event)
		case domain.KindConversation:
			event, err := f.conversations.Decode(e)
			if err != nil {
				return d, err
			}
			d.conversation = append(d.conversation, event)
		case domain.KindNamespace, domain.KindUser:
			event, err := f.directories.Decode(e)
			if err != nil {
				return d, err
			}
			d.directory = append(d.directory, event)
		default:
			return d, fmt.Errorf("streams of kind %q are unknown to this build", p.Stream.Kind)
		}
	}
	return d, nil
}

// wants adds what folding the commit needs and the stream does not have.
func (d *decoded) wants(s *stream, w *wanted) {
	for _, event := range d.workflow {
		e, ok := event.(workflow.Checkpointed)
		if !ok {
			continue
		}
		if e.Inherits && e.ParentTS != nil {
			key := workflow.CheckpointKey{NS: e.NS, TS: *e.ParentTS}
			if _, has := s.facts.Checkpoints[key]; !has {
				w.checkpoints = append(w.checkpoints, checkpointKey{s.short, key})
			}
		}
		for _, c := range e.Channels {
			id, ok := c.Value.BaseID()
			if _, has := s.facts.Values[id]; ok && !has {
				w.manifests = append(w.manifests, manifestKey{s.short, id})
			}
		}
	}
	for _, event := range d.conversation {
		if id := conversation.MessageOf(event); storable(id) {
			w.messages = append(w.messages, messageKey{s.key, id})
		}
	}
	d.wantsEntries(s, w)
}

// storable says whether Postgres takes the text as a parameter.
func storable(s string) bool { return !slices.Contains([]byte(s), 0) }

// fetch reads the bytes a fold needs: those of the commit first.
func (d *decoded) fetch(a value.Address) ([]byte, error) {
	if b, ok := d.blobs[a]; ok {
		return b, nil
	}
	if d.readFromStore == nil {
		return nil, fmt.Errorf("bytes %s are not in the commit", a)
	}
	return d.readFromStore(a)
}

// fold applies one accepted commit to the stream and adds its rows. On an error
// nothing of the stream has changed and the rows of the commit are not added:
// state and rows are worked out first.
func (f *folder) fold(s *stream, d *decoded, r *rows) error {
	switch s.id.Kind {
	case domain.KindWorkflow:
		return f.foldWorkflow(s, d, r)
	case domain.KindConversation:
		return f.foldConversation(s, d, r)
	case domain.KindNamespace, domain.KindUser:
		f.foldDirectory(s, d, r)
		return nil
	}
	return fmt.Errorf("streams of kind %q are unknown to this build", s.id.Kind)
}

func (f *folder) foldWorkflow(s *stream, d *decoded, r *rows) error {
	state := s.workflow
	var later []func(*rows)
	for i, event := range d.workflow {
		recorded := workflow.Recorded{Event: event, Time: d.commit.Time, Principal: d.commit.Principal}
		number := d.position.ItemNumber(f.partitions, i)
		next, err := workflow.ApplyNumbered(state, recorded, number)
		if err != nil {
			return err
		}
		add, err := f.foldEvent(s, d, &step{recorded, state, next, number})
		if err != nil {
			return err
		}
		if add != nil {
			later = append(later, add)
		}
		state = next
	}
	if stateIsKept(s.workflow, state) {
		later = append(later, func(r *rows) { r.addState(s.key, d, state) })
	}
	s.workflow = state
	for _, add := range later {
		add(r)
	}
	return nil
}

// step is an event of a commit with the states around it.
type step struct {
	workflow.Recorded

	before, after workflow.State
	number        int64
}

// foldEvent makes one event part of the facts, and gives what adds its rows; nil where
// it has none of its own.
func (f *folder) foldEvent(s *stream, d *decoded, at *step) (func(*rows), error) {
	switch e := at.Event.(type) {
	case workflow.Checkpointed:
		return f.foldCheckpoint(s, d, e, at.number)
	case workflow.Forked:
		return f.foldForked(s, d, e, at.number)
	case workflow.Pinned:
		pin, err := d.pinned(e)
		pin.number = at.number
		return func(r *rows) { r.pins = append(r.pins, pin) }, err
	case workflow.AccessDecided:
		return func(r *rows) { r.addAccess(s, at, e) }, nil
	case workflow.ToolDecided:
		return func(r *rows) { r.addTool(s, at, e) }, nil
	case workflow.ThreadDeleted:
		gone, err := d.removed(s, at.after)
		if err != nil {
			return nil, err
		}
		s.facts, s.parts = workflow.NewFacts(), nil
		return func(r *rows) { r.remove(gone) }, nil
	case workflow.ThreadPruned:
		gone, err := d.pruned(s, at.after, e)
		s.parts = nil
		return func(r *rows) { r.remove(gone) }, err
	case workflow.WritesRecorded:
		first := max(at.number, d.writes)
		d.writes = first + int64(len(e.Writes))
		return func(r *rows) { f.addWrites(r, s.short, e, first) }, nil
	case workflow.CommandsJoined:
		return f.foldJoined(d, e, at.number)
	default:
		row, changed := DeliveryAfter(at.before, at.after, at.Recorded)
		if !changed {
			return nil, nil
		}
		attempt, made := attemptAfter(s.id, at.before, at.Recorded)
		return func(r *rows) { r.addDelivery(s.id, row, at.number); r.addAttempt(attempt, made) }, nil
	}
}

func (f *folder) foldCheckpoint(s *stream, d *decoded, e workflow.Checkpointed, number int64) (func(*rows), error) {
	st, err := s.facts.Store(e, d.fetch)
	if err != nil {
		return nil, err
	}
	st.Checkpoint.Number = number
	s.facts.Add(st)
	run, err := d.runOf(e.Metadata)
	epoch := int32(e.Epoch) //nolint:gosec // epochs count runs
	return func(r *rows) { f.addCheckpoint(r, s, st, epoch, run, d.position.Offset, keepsOf(e, st)) }, err
}

// DeliveryAfter is the delivery that the event changed, as it is afterwards.
func DeliveryAfter(before, after workflow.State, r workflow.Recorded) (workflow.Delivery, bool) {
	id, ok := workflow.DeliveryOf(r.Event)
	if !ok {
		return workflow.Delivery{}, false
	}
	if d, owed := after.Delivery(id); owed {
		return d, true
	}
	d, was := before.Delivery(id)
	d, _ = workflow.ApplyDelivery(d, r)
	return d, was
}

func (f *folder) foldConversation(s *stream, d *decoded, r *rows) error {
	for _, event := range d.conversation {
		recorded := conversation.Recorded{Event: event, Time: d.commit.Time, Principal: d.commit.Principal}
		s.conversation = conversation.Apply(s.conversation, recorded)
		s.messages.Apply(recorded)
		id := conversation.MessageOf(event)
		if err := r.addMessage(s.key, s.messages.Messages[id]); err != nil {
			return err
		}
	}
	return nil
}

// finish adds the rows that hold one state per stream.
func (f *folder) finish(s *stream, r *rows) error {
	state, err := s.encodeState()
	if err != nil {
		return fmt.Errorf("encode the state of %s: %w", s.key, err)
	}
	r.heads.put(s.key, headRow{
		stream: s.key, partition: journal.PartitionOf([]byte(s.key), f.partitions), offset: s.offset,
		number: s.number, hash: s.hash[:], time: s.time, state: state,
	})
	switch {
	case s.id.Kind == domain.KindWorkflow && s.workflow.Exists():
		r.addWorkflow(s, journal.PartitionOf([]byte(s.key), f.partitions))
	case s.id.Kind == domain.KindConversation && s.conversation.Place != nil:
		r.addConversation(s)
	}
	return nil
}

// keepsOf is how many entries the values of an event keep of the values before them, by
// their ids.
func keepsOf(e workflow.Checkpointed, st workflow.Stored) map[value.Address]int {
	out := make(map[value.Address]int, len(e.Channels))
	for _, c := range e.Channels {
		out[st.Checkpoint.Channels[c.Channel]] = c.Value.Keep
	}
	return out
}

func (f *folder) addCheckpoint(r *rows, s *stream, st workflow.Stored, epoch int32, run []byte, offset int64, keeps map[value.Address]int) {
	c := st.Checkpoint
	names, ids := packChannels(c.Channels)
	r.checkpoints.put(version[checkpointKey]{checkpointKey{s.short, c.Key}, offset}, checkpointRow{
		stream: s.short, nsHash: NSHash(c.Key.NS), threadTS: c.Key.TS, ns: []byte(c.Key.NS), parentTS: c.Parent, number: c.Number,
		header: f.codec.packValue(c.Header), metadata: f.codec.packValue(c.Metadata), channels: names, ids: ids,
		currentThread: int32(c.Thread), epoch: epoch, runID: run, //nolint:gosec // bounded at the API
	})
	for id, m := range st.Values {
		r.addManifest(s, id, m, keeps[id])
	}
}

// addManifest packs what the value keeps of the one before it into a part, which the
// next ones share.
func (r *rows) addManifest(s *stream, id value.Address, m value.Manifest, keep int) {
	packed, part := m.PackOver(keep)
	row := manifestRow{stream: s.short, id: id[:], manifest: packed, whole: m}
	if len(part.Bytes) > 0 {
		row.part = part.Address[:]
		if s.partIsNew(part.Address) {
			r.parts = append(r.parts, partRow{stream: s.short, address: part.Address[:], entries: part.Bytes})
		}
	}
	r.manifests = append(r.manifests, row)
}

// packChannels writes a channel map as its names and the ids in their order.
func packChannels(channels map[string]value.Address) (names, ids []byte) {
	sorted := slices.Sorted(maps.Keys(channels))
	ids = make([]byte, 0, len(sorted)*len(value.Address{}))
	for _, name := range sorted {
		id := channels[name]
		ids = append(ids, id[:]...)
	}
	if sorted == nil {
		sorted = []string{}
	}
	return mustJSON(sorted), ids
}

// UnpackChannels reads the channels and ids columns of a checkpoint.
func UnpackChannels(names, ids []byte) (map[string]value.Address, error) {
	var sorted []string
	if err := json.Unmarshal(names, &sorted); err != nil {
		return nil, fmt.Errorf("read channel names: %w", err)
	}
	const size = len(value.Address{})
	if len(ids) != len(sorted)*size {
		return nil, fmt.Errorf("%d channels with %d bytes of ids", len(sorted), len(ids))
	}
	out := make(map[string]value.Address, len(sorted))
	for i, name := range sorted {
		out[name] = value.Address(ids[i*size : (i+1)*size])
	}
	return out, nil
}

// addWrites adds the writes of an event as one row.
func (f *folder) addWrites(r *rows, key ShortKey, e workflow.WritesRecorded, number int64) {
	if len(e.Writes) == 0 {
		return
	}
	r.writes = append(r.writes, writeRow{
		stream: key, nsHash: NSHash(e.NS), threadTS: e.ThreadTS, number: number, packed: f.codec.packWrites(e.Writes),
	})
}

func (r *rows) addMessage(key string, m conversation.Message) error {
	row := messageRow{stream: key, messageID: m.ID, author: m.Author, text: mustJSON(m.Text), flow: m.Flow, at: m.At, mode: string(m.Mode)}
	if m.Workflow != uuid.Nil {
		row.workflow = &m.Workflow
	}
	if m.ID == "" {
		return fmt.Errorf("an event names a message that was not received")
	}
	if m.Refused != nil {
		row.refused = mustJSON(m.Refused)
	}
	if m.Stopped != nil {
		row.stopped = mustJSON(m.Stopped)
	}
	r.messages.put(messageKey{key, m.ID}, row)
	return nil
}

func (r *rows) addConversation(s *stream) {
	c := s.conversation
	row := conversationRow{
		stream: s.key, tenant: string(s.id.Tenant), id: s.id.ID, adapter: c.Place.Adapter, team: c.Place.Team,
		channel: c.Place.Channel, thread: c.Place.Thread, messages: int32(c.Messages), updatedAt: c.UpdatedAt, //nolint:gosec // counts messages
	}
	if c.Workflow != uuid.Nil {
		row.workflow = &c.Workflow
	}
	r.conversations.put(s.key, row)
}

func (r *rows) addWorkflow(s *stream, partition int32) {
	w := s.workflow
	row := workflowRow{
		stream: s.key, short: s.short, tenant: string(s.id.Tenant), id: s.id.ID, number: s.number, status: string(w.Status),
		definition: w.Created.Flow.Definition, source: w.Created.Trigger.Source, owner: w.Owner.User,
		engine: w.Created.Engine, createdAt: w.CreatedAt,
	}
	if w.Thread != nil {
		row.thread = w.Thread.ID
	}
	row.ttl = -1
	expires, ttl := w.Expires()
	if row.expires = expires; ttl != nil {
		row.ttl = *ttl
	}
	if w.Created.Project != nil {
		row.project = w.Created.Project.Path
	}
	if w.Run != nil {
		row.run, row.active, row.workload, row.home = &w.Run.ID, w.ActiveRun() != nil && !w.Importing(), w.Run.Workload, workflow.NodeOf(w.Run.Attempt.By)
	}
	intents := intentsOf(s, partition)
	if s.written != nil && s.written.same(row, intents) {
		return // as nearly every step leaves it
	}
	s.written = &written{row, intents}
	r.workflows.put(s.key, row)
	r.touched = append(r.touched, s.key)
	r.intents = append(r.intents, intents...)
}

func intentsOf(s *stream, partition int32) []intentRow {
	var out []intentRow
	for _, i := range s.workflow.Intents() {
		out = append(out, intentRow{
			stream: s.key, kind: string(i.Kind), id: i.ID, partition: partition, due: i.Due,
			attempt: int32(i.Attempt.Count), open: i.Attempt.Open, by: i.Attempt.By, lane: i.Lane, home: workflow.NodeOf(i.Home), //nolint:gosec // counts attempts
		})
	}
	return out
}

// written is what the tables hold of a workflow beside its head.
type written struct {
	workflow workflowRow
	intents  []intentRow
}

func (w *written) same(row workflowRow, intents []intentRow) bool {
	if (row.run == nil) != (w.workflow.run == nil) || row.run != nil && *row.run != *w.workflow.run {
		return false
	}
	row.run = w.workflow.run // the pointers may differ
	return row == w.workflow && slices.Equal(intents, w.intents)
}

// mustJSON encodes what domain types made: it cannot fail.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", v, err))
	}
	return b
}

// stoppedAt lists a stream whose accepted commit could not be folded.
func stoppedAt(s *stream, at domain.Position, why error, build string, since time.Time) stoppedRow {
	reason := why.Error()
	if len(reason) > 1024 {
		reason = reason[:1024]
	}
	return stoppedRow{stream: s.key, partition: at.Partition, offset: at.Offset, reason: reason, build: build, since: since}
}
