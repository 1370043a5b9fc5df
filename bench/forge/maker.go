package forge

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/bench/load"
	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

// stream is one workflow on its way, as dispatch would hold it.
type stream struct {
	id    domain.StreamID
	head  journal.Hash
	state workflow.State
	facts *workflow.Facts
	items []string
	last  *uuid.UUID
	steps int
}

// Maker makes the commits of one partition, one after another. Workflows take turns
// step by step, as they do when many agents work at once.
type Maker struct {
	texts      load.Texts
	partitions int32
	partition  int32
	// now moves by a millisecond a commit, made counts ids.
	now  time.Time
	made uint64
	// streams are those that take turns, turn is how many turns there were.
	streams []*stream
	turn    int
}

// NewMaker begins an empty partition.
func NewMaker(partition, partitions int32, began time.Time, texts load.Texts) *Maker {
	return &Maker{texts: texts, partitions: partitions, partition: partition, now: began}
}

const (
	// steps is how many events a workflow has: its creation, then checkpoints.
	steps = 20
	// active is how many workflows of a partition take turns.
	active = 32
)

// Next is the next commit.
func (m *Maker) Next() (journal.Message, error) {
	at := m.turn % active
	m.turn++
	if at >= len(m.streams) {
		m.streams = append(m.streams, m.stream())
	} else if m.streams[at].steps == steps {
		m.streams[at] = m.stream()
	}
	return m.next(m.streams[at])
}

// newText makes a record of about 1 KB.
const newText = 100

// id is time-ordered and the same in each run.
func (m *Maker) id() uuid.UUID {
	m.made++
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], uint64(m.now.UnixMilli())<<16|m.made&0xfff)
	binary.BigEndian.PutUint64(u[8:], uint64(m.partition)<<40|m.made) //nolint:gosec // small
	u[6], u[8] = u[6]&0x0f|0x70, u[8]&0x3f|0x80
	return u
}

// stream begins a workflow that belongs to the partition.
func (m *Maker) stream() *stream {
	for {
		id := domain.StreamID{Tenant: "bench", Kind: domain.KindWorkflow, ID: m.id()}
		if journal.PartitionOf([]byte(id.String()), m.partitions) == m.partition {
			return &stream{id: id, facts: workflow.NewFacts()}
		}
	}
}

// next decides the stream's next command and packs its commit.
func (m *Maker) next(s *stream) (journal.Message, error) {
	m.now = m.now.Add(time.Millisecond)
	var command workflow.Command = &workflow.Start{
		Goal: "be rebuilt", Flow: workflow.Flow{Definition: "developer/v1", Version: "1.0.0"}, Engine: "local", Trigger: workflow.Trigger{Source: "api"},
	}
	if s.steps > 0 {
		save, err := m.checkpoint(s)
		if err != nil {
			return journal.Message{}, err
		}
		command = save
	}
	s.steps++
	return m.decide(s, command)
}

// decide carries out a command and packs its commit.
func (m *Maker) decide(s *stream, command workflow.Command) (journal.Message, error) {
	env := workflow.Env{CommandID: m.id(), Workflow: s.id.ID, Now: m.now, Principal: domain.Principal{User: "mia"}, AllowRunless: true}
	out, err := command.Decide(s.state, s.facts, env)
	if err != nil {
		return journal.Message{}, err
	}
	return m.pack(s, command, env, out)
}

// checkpoint is the conversation with one more message, all of it, as clients send it.
func (m *Maker) checkpoint(s *stream) (*workflow.SaveCheckpoint, error) {
	ts, parent := m.id(), s.last
	s.last, s.items = &ts, append(s.items, fmt.Sprintf(`{"type":"human","content":"%s"}`, m.texts.Cut(newText)))
	c := &workflow.SaveCheckpoint{
		ThreadTS: ts, ParentTS: parent, Metadata: json.RawMessage(`{"source":"loop"}`),
		Checkpoint: json.RawMessage(`{"v":4,"id":"` + ts.String() + `","channel_versions":{},"channel_values":{"messages":[` + strings.Join(s.items, ",") + `]}}`),
	}
	return c, c.Prepare()
}

// pack makes the outcome part of the stream and lays it out for the log.
func (m *Maker) pack(s *stream, command workflow.Command, env workflow.Env, out workflow.Outcome) (journal.Message, error) {
	commit := journal.Commit{
		Stream: s.id, Parent: s.head, ID: m.id(), Time: env.Now,
		Command: journal.CommandRef{ID: env.CommandID, Type: command.CommandType()}, Principal: env.Principal,
	}
	own := map[value.Address][]byte{}
	for _, b := range out.Blobs {
		own[b.Address] = b.Bytes
	}
	for _, e := range out.Events {
		if err := s.apply(e, env, own); err != nil {
			return journal.Message{}, err
		}
		encoded, err := journal.NewEvent(e.EventType(), 1, e)
		if err != nil {
			return journal.Message{}, err
		}
		commit.Events, commit.Needs = append(commit.Events, encoded), append(commit.Needs, needed(e, own)...)
	}
	packed, err := journal.Pack(commit, out.Blobs, m.partitions)
	if err != nil {
		return journal.Message{}, err
	}
	if len(packed.Ahead) > 0 {
		return journal.Message{}, fmt.Errorf("commit %s does not fit one record", commit.ID)
	}
	s.head = packed.Hash
	return packed.Commit, nil
}

// apply makes an event part of the state, and of the facts what the next step needs.
func (s *stream) apply(e workflow.Event, env workflow.Env, own map[value.Address][]byte) error {
	var err error
	if s.state, err = workflow.Apply(s.state, workflow.Recorded{Event: e, Time: env.Now, Principal: env.Principal}); err != nil {
		return err
	}
	return s.facts.Apply(e, func(a value.Address) ([]byte, error) {
		if b, ok := own[a]; ok {
			return b, nil
		}
		return nil, fmt.Errorf("bytes %s are not new", a)
	})
}

// needed are the bytes that an event names and that do not come with it.
func needed(e workflow.Event, own map[value.Address][]byte) []value.Address {
	var out []value.Address
	seen := map[value.Address]bool{}
	for _, v := range e.Values() {
		for _, a := range v.Named() {
			if _, brought := own[a]; !brought && !seen[a] {
				seen[a] = true
				out = append(out, a)
			}
		}
	}
	return out
}
