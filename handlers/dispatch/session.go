package dispatch

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/conversation"
	"github.com/duolog/duolog/domain/directory"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/planted"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/projections"
)

// session decides a batch of commands of one stream: each on the state that the
// one before it left.
type session struct {
	snap       *projections.Snapshot
	head       journal.Hash
	time       time.Time
	partitions int32
	newID      func() uuid.UUID
	// runless and fenced are policies of the tenant.
	runless, fenced bool
	// pending are the commands decided in this batch, by id.
	pending map[uuid.UUID]int
	// open is the commit that the next command may join; nil for none.
	open *joint
	// ghost says that state and facts show what was decided and cannot be packed:
	// nothing more is decided on them.
	ghost bool
}

// decided is one command's outcome, before it has a verdict.
type decided struct {
	// in is the commit that it is part of; nil when the command appends nothing.
	in *joint
	// item is the index in the commit of the event that names what was made, existing
	// the number of what was there.
	item     int
	existing int64
	// count is how many things were removed, writes how many writes were made.
	count, writes int
	// done is set for a command that was carried out before.
	done *projections.Done
	// after and directory are the state the command left.
	after     workflow.State
	directory directory.State
	// sameAs is the index of the command of this batch with the same id, or -1.
	sameAs int
	// needs is what has to be looked up before it can be decided.
	needs []workflow.ChannelAt
	err   error
}

// decide takes one command and, if it changes something, makes it part of the
// state that the next one sees.
func (s *session) decide(r *Request, index int, now time.Time) decided {
	d := decided{sameAs: -1}
	if done, ok := s.snap.Done[r.CommandID]; ok && !planted.Bug("no_command_dedupe") {
		d.done, d.after, d.directory, d.err = &done, s.snap.Workflow, s.snap.Directory, sameBody(r.Hash, done.Body)
		if c, ok := r.Workflow.(maker); ok {
			d.existing = c.Made(s.snap.Facts)
		}
		return d
	}
	if first, ok := s.pending[r.CommandID]; ok && !planted.Bug("no_command_dedupe") {
		d.sameAs = first
		return d
	}
	switch {
	case s.snap.Stopped != "" && !r.allowedWhenStopped():
		d.err = stopped(s.snap.Stopped)
		return d
	case s.ghost:
		d.err = notNow("what came before it could not be written")
		return d
	}
	commit := journal.Commit{
		Stream: r.Stream, ID: s.newID(), Time: later(r.at(now), s.time),
		Command:   journal.CommandRef{ID: r.CommandID, Type: r.commandType(), Hash: r.Hash},
		Principal: r.Principal,
	}
	d.err = safely(func() error { return s.outcome(r, index, commit, &d) })
	if d.in != nil {
		s.pending[r.CommandID] = index
	}
	d.after, d.directory = s.snap.Workflow, s.snap.Directory
	return d
}

// outcome decides, and makes what it comes to part of a commit.
func (s *session) outcome(r *Request, index int, commit journal.Commit, d *decided) error {
	var blobs []value.Blob
	var err error
	switch {
	case r.Workflow != nil:
		blobs, err = s.decideWorkflow(r, &commit, d)
	case r.Conversation != nil:
		blobs, err = s.decideConversation(r, &commit)
	default:
		err = s.decideDirectory(r, &commit)
	}
	if err != nil || len(commit.Events) == 0 {
		return err
	}
	s.put(r, index, commit, blobs, d)
	return nil
}

// safely keeps a command that makes the domain panic from taking the process,
// and every other tenant's requests, with it: it is refused.
func safely(decide func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &domain.Error{Code: domain.CodeInternal, Message: "this command cannot be decided", Fix: "report it with the request id", Err: fmt.Errorf("panic: %v", p)}
		}
	}()
	return decide()
}

func (s *session) decideWorkflow(r *Request, commit *journal.Commit, d *decided) ([]value.Blob, error) {
	env := workflow.Env{
		CommandID: r.CommandID, Workflow: r.Stream.ID, Now: commit.Time, Principal: r.Principal, AllowRunless: s.runless, FenceWriters: s.fenced,
	}
	if err := s.snap.Workflow.Takes(r.Workflow); err != nil {
		return nil, err
	}
	out, err := r.decide(s.snap, env)
	if err != nil {
		return nil, err
	}
	d.item, d.existing, d.needs, d.count = out.Item, out.Existing, out.Needs, out.Count
	fetch := fetchFrom(out.Blobs)
	state := s.snap.Workflow
	for _, e := range out.Events {
		if state, err = workflow.Apply(state, workflow.Recorded{Event: e, Time: commit.Time, Principal: r.Principal}); err != nil {
			return nil, fmt.Errorf("apply %s to %s: %w", e.EventType(), r.Stream, err)
		}
		if !out.Replayed {
			err = s.learn(e, fetch)
		}
		if err != nil {
			return nil, fmt.Errorf("apply %s to %s: %w", e.EventType(), r.Stream, err)
		}
		if err = add(commit, e.EventType(), e, e.Values(), out.Blobs, out.Gone...); err != nil {
			return nil, err
		}
		if recorded, ok := e.(workflow.WritesRecorded); ok {
			d.writes += len(recorded.Writes)
		}
	}
	s.snap.Workflow = state
	if !out.Replayed {
		s.snap.Facts.Learn(out)
	}
	return out.Blobs, nil
}

// decide is the command's own decision, and who was allowed to have it: what changes
// nothing, nobody has to be allowed for the record.
func (r *Request) decide(snap *projections.Snapshot, env workflow.Env) (workflow.Outcome, error) {
	if r.Access == nil {
		return r.Workflow.Decide(snap.Workflow, snap.Facts, env)
	}
	decision := access.Decide(*r.Access)
	if err := decision.Refusal(); err != nil {
		return workflow.Outcome{}, err
	}
	out, err := r.Workflow.Decide(snap.Workflow, snap.Facts, env)
	if len(out.Events) > 0 {
		out.Events = append(out.Events, workflow.AccessDecided(decision))
	}
	return out, err
}

// learn makes an event part of the facts, so that the next command sees it.
func (s *session) learn(e workflow.Event, fetch workflow.Fetch) error {
	if planted.Bug("facts_not_updated_in_batch") {
		return nil
	}
	return s.snap.Facts.Apply(e, fetch)
}

func (s *session) decideConversation(r *Request, commit *journal.Commit) ([]value.Blob, error) {
	out, err := r.Conversation.Decide(s.snap.Conversation, s.snap.Messages, r.Stream.ID)
	if err != nil {
		return nil, err
	}
	for _, e := range out.Events {
		recorded := conversation.Recorded{Event: e, Time: commit.Time, Principal: r.Principal}
		s.snap.Conversation = conversation.Apply(s.snap.Conversation, recorded)
		s.snap.Messages.Apply(recorded)
		if err := add(commit, e.EventType(), e, e.Values(), out.Blobs); err != nil {
			return nil, err
		}
	}
	return out.Blobs, nil
}

func (s *session) decideDirectory(r *Request, commit *journal.Commit) error {
	events, err := r.Directory.Decide(s.snap.Directory, s.snap.Entries, r.Stream)
	if err != nil {
		return err
	}
	for _, e := range events {
		s.snap.Entries.Apply(s.snap.Directory, e, 0)
		s.snap.Directory = directory.Apply(s.snap.Directory, directory.Recorded{Event: e, Time: commit.Time, Principal: r.Principal})
		if err := add(commit, e.EventType(), e, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// add encodes an event into the commit and names the bytes it refers to that
// the commit does not bring, but for those that are gone.
func add(commit *journal.Commit, name string, data any, values []value.Value, own []value.Blob, gone ...value.Address) error {
	e, err := journal.NewEvent(name, 1, data)
	if err != nil {
		return err
	}
	commit.Events = append(commit.Events, e)
	brought := make(map[value.Address]bool, len(own)+len(gone))
	for _, b := range own {
		brought[b.Address] = true
	}
	for _, a := range gone {
		brought[a] = true
	}
	for _, v := range values {
		for _, a := range v.Named() {
			if !brought[a] {
				brought[a] = true
				commit.Needs = append(commit.Needs, a)
			}
		}
	}
	return nil
}

func fetchFrom(blobs []value.Blob) workflow.Fetch {
	return func(a value.Address) ([]byte, error) {
		for _, b := range blobs {
			if b.Address == a {
				return b.Bytes, nil
			}
		}
		return nil, fmt.Errorf("bytes %s are not new", a)
	}
}

func (r *Request) commandType() string {
	switch {
	case r.Workflow != nil:
		return r.Workflow.CommandType()
	case r.Conversation != nil:
		return r.Conversation.CommandType()
	}
	return r.Directory.CommandType()
}

// allowedWhenStopped says whether the command works on the last good state of a
// stopped stream: what ends its run does.
func (r *Request) allowedWhenStopped() bool {
	switch c := r.Workflow.(type) {
	case *workflow.UpdateStatus:
		return c.Event == workflow.EventStop
	case *workflow.AttemptStop, *workflow.FinishWorkload:
		return true
	}
	return false
}

// The commands that bring bytes, that say how many those are, and that have to be
// told more once their facts are known.
type (
	preparer interface{ Prepare() error }
	sized    interface{ Size() int }
	curious  interface {
		WantBlobs(f *workflow.Facts) []value.Address
	}
	// maker finds what an earlier command with the same id has made.
	maker interface{ Made(f *workflow.Facts) int64 }
)

func (r *Request) size() int64 {
	if c, ok := r.Workflow.(sized); ok {
		return int64(c.Size() + overhead)
	}
	return overhead
}

// overhead is what a command weighs beside its bytes.
const overhead = 4 << 10

func (r *Request) validate() error {
	commands := 0
	for _, set := range []bool{r.Workflow != nil, r.Conversation != nil, r.Directory != nil} {
		if set {
			commands++
		}
	}
	switch {
	case commands != 1:
		return errors.New("a request has one command")
	case r.CommandID == uuid.Nil:
		return errors.New("a request has a command id")
	case r.Workflow != nil && r.Stream.Kind != domain.KindWorkflow, r.Conversation != nil && r.Stream.Kind != domain.KindConversation,
		r.Directory != nil && r.Stream.Kind != r.Directory.Kind():
		return fmt.Errorf("a %s cannot take %s", r.Stream.Kind, r.commandType())
	}
	return nil
}

func sameBody(sent, recorded journal.Hash) error {
	if sent == recorded {
		return nil
	}
	return &domain.Error{
		Code: domain.CodeKeyReused, Field: "Idempotency-Key", Message: "this key was used for another request",
		Fix: "use a new key, or send the same body",
	}
}

func stopped(reason string) error {
	return &domain.Error{
		Code: domain.CodeStreamStopped, Message: "this workflow is stopped: " + reason,
		Fix: "duolog doctor lists it; a build that understands its last event goes on by itself",
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
