package workflow_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
	"github.com/duolog/duolog/domain/workflow"
)

var (
	wfID  = uuid.MustParse("0198a3ef-5b20-7a10-8c3d-2f1e0d9c8b7a")
	run1  = uuid.MustParse("0198a3f0-7c1e-7b55-9d2f-3e0c5a1b2c3d")
	run2  = uuid.MustParse("0198a3f1-0aa0-7c11-8e44-9f0b1c2d3e4f")
	conv  = uuid.MustParse("5f0c7d2e-63a1-5c1e-9a40-1d2c3b4a5968")
	epoch = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
)

// fataler is what *testing.T and *rapid.T share.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// story is one workflow: given events, when a command is decided, then events
// or a refusal. With every step it also checks what holds of all of them.
type story struct {
	t     fataler
	state workflow.State
	facts *workflow.Facts
	// blobs are all bytes of the stream, own those of the last commit.
	blobs map[value.Address][]byte
	own   []value.Blob
	env   workflow.Env
	n     int

	out workflow.Outcome
	err error
	// packed is the size of the JSON of the last commit.
	packed int
}

func given(t fataler, events ...workflow.Event) *story {
	t.Helper()
	s := &story{t: t, facts: workflow.NewFacts(), blobs: map[value.Address][]byte{}}
	s.env = workflow.Env{Workflow: wfID, Now: epoch, Principal: domain.Principal{User: "ada"}, AllowRunless: true}
	for _, e := range events {
		s.apply(e)
	}
	return s
}

func (s *story) apply(e workflow.Event) {
	s.t.Helper()
	next, err := workflow.Apply(s.state, workflow.Recorded{Event: e, Time: s.env.Now, Principal: s.env.Principal})
	if err != nil {
		s.t.Fatalf("apply %s: %v", e.EventType(), err)
	}
	if err := s.facts.Apply(e, s.fetch); err != nil {
		s.t.Fatalf("apply %s to the facts: %v", e.EventType(), err)
	}
	s.state = next
}

// fetch reads the bytes of the commit itself: whoever applies an event right
// after it was decided has no others.
func (s *story) fetch(a value.Address) ([]byte, error) {
	for _, b := range s.own {
		if b.Address == a {
			return b.Bytes, nil
		}
	}
	return nil, fmt.Errorf("no bytes %s in the commit", a)
}

// as lets a run speak from here on.
func (s *story) as(run uuid.UUID, epoch int) *story {
	s.env.Principal = domain.Principal{User: "ada", Run: &domain.RunRef{ID: run, Epoch: epoch}}
	return s
}

func (s *story) at(d time.Duration) *story {
	s.env.Now = epoch.Add(d)
	return s
}

func (s *story) runless(allowed bool) *story {
	s.env.AllowRunless = allowed
	return s
}

// when decides a command and applies what it comes to, as a dispatcher does.
func (s *story) when(c workflow.Command) *story {
	s.t.Helper()
	s.n++
	s.env.CommandID = uuid.NewSHA1(wfID, fmt.Append(nil, s.n))
	c.Want(s.state, s.env)
	s.out, s.err = c.Decide(s.state, s.facts, s.env)
	again, err := c.Decide(s.state, s.facts, s.env)
	if !reflect.DeepEqual(s.out, again) || fmt.Sprint(err) != fmt.Sprint(s.err) {
		s.t.Fatalf("decided again it differs: %v", err)
	}
	if s.err != nil {
		if _, ok := s.err.(*domain.Error); !ok || len(s.out.Events) > 0 { //nolint:errorlint // the shape is the point
			s.t.Fatalf("refused with %T and %d events", s.err, len(s.out.Events))
		}
		return s
	}
	s.pack(c)
	for _, b := range s.out.Blobs {
		s.blobs[b.Address] = b.Bytes
	}
	s.own = s.out.Blobs
	for _, e := range s.out.Events {
		before := s.state
		s.apply(e)
		s.replay(before, e)
	}
	s.facts.Learn(s.out)
	return s
}

// replay applies what the log keeps of an event: it comes to the same.
func (s *story) replay(before workflow.State, e workflow.Event) {
	s.t.Helper()
	raw, err := journal.NewEvent(e.EventType(), 1, e)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	decoded, err := workflow.NewDecoder().Decode(raw)
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	after, err := workflow.Apply(before, workflow.Recorded{Event: decoded, Time: s.env.Now, Principal: s.env.Principal})
	if err != nil {
		s.t.Fatalf("%v", err)
	}
	if d := cmp.Diff(s.state, after, cmpopts.EquateEmpty()); d != "" {
		s.t.Fatalf("replayed, %s comes to something else: %s", e.EventType(), d)
	}
}

// pack lays the commit out as the log takes it: it fits, and it names every
// byte that its values stand on.
func (s *story) pack(c workflow.Command) {
	s.t.Helper()
	commit := journal.Commit{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: wfID}, ID: s.env.CommandID, Time: s.env.Now,
		Command: journal.CommandRef{ID: s.env.CommandID, Type: c.CommandType()}, Principal: s.env.Principal,
	}
	brought := map[value.Address]bool{}
	for _, b := range s.out.Blobs {
		brought[b.Address] = true
	}
	for _, e := range s.out.Events {
		raw, err := journal.NewEvent(e.EventType(), 1, e)
		if err != nil {
			s.t.Fatalf("%v", err)
		}
		commit.Events = append(commit.Events, raw)
		for _, v := range e.Values() {
			for _, a := range v.Named() {
				if _, there := s.blobs[a]; !brought[a] && !there {
					s.t.Fatalf("%s names bytes %s that are nowhere", e.EventType(), a)
				} else if !brought[a] {
					commit.Needs = append(commit.Needs, a)
					brought[a] = true
				}
			}
		}
	}
	packed, err := journal.Pack(commit, s.out.Blobs, 64)
	if err != nil {
		s.t.Fatalf("%s passes the log's limit: %v", c.CommandType(), err)
	}
	s.packed = len(packed.Commit.Value)
	s.manifestsRide(packed.Commit)
}

// manifestsRide: a fold reads spilled manifests from the commit itself.
func (s *story) manifestsRide(m journal.Message) {
	s.t.Helper()
	rides := map[string]bool{}
	for _, h := range m.Headers {
		rides[h.Key] = true
	}
	for _, e := range s.out.Events {
		for _, v := range e.Values() {
			if !v.Manifest.IsZero() && !rides[journal.BlobHeader+v.Manifest.String()] {
				s.t.Fatalf("manifest %s goes ahead of its commit", v.Manifest)
			}
		}
	}
}

// then compares what came of the command; no events means that it was so.
func (s *story) then(want ...workflow.Event) *story {
	s.t.Helper()
	if s.err != nil {
		s.t.Fatalf("refused: %v", s.err)
	}
	if d := cmp.Diff(want, s.out.Events, cmpopts.EquateEmpty()); d != "" {
		s.t.Fatalf("events: %s", d)
	}
	return s
}

func (s *story) refused(code domain.Code, field string) *story {
	s.t.Helper()
	if s.err == nil {
		s.t.Fatalf("taken, with %d events; %s was expected", len(s.out.Events), code)
	}
	e, ok := s.err.(*domain.Error) //nolint:errorlint // the shape is the point
	if !ok || e.Code != code || e.Field != field {
		s.t.Fatalf("%s of %q, not %s of %q: %v", domain.CodeOf(s.err), e.Field, code, field, s.err)
	}
	return s
}

func text(s string) value.Value {
	m, _ := value.Build("text", []byte(s))
	return value.Diff(m, nil)
}

func created() workflow.Created {
	return workflow.Created{
		Goal: text("goal"), Flow: workflow.Flow{Definition: "developer/v1"}, Engine: "local",
		Privileges: []int{1, 2}, PreApproved: []int{1}, Trigger: workflow.Trigger{Source: "api"},
		Principal: domain.Principal{User: "ada"},
	}
}

func requested(run uuid.UUID, epoch int) workflow.RunRequested {
	return workflow.RunRequested{Run: run, Epoch: epoch, Engine: "local", Kind: workflow.RunStart}
}

// status brings a workflow there, whatever the way.
func status(s workflow.Status) workflow.StatusChanged {
	return workflow.StatusChanged{Event: workflow.EventStart, From: workflow.StatusCreated, To: s}
}

// running is a workflow whose first run an engine has.
func running() []workflow.Event {
	return []workflow.Event{
		created(), requested(run1, 1),
		workflow.RunAttempted{Run: run1, Attempt: 1, By: "a"},
		workflow.RunStarted{Run: run1, Workload: "pid:1"},
		status(workflow.StatusRunning),
	}
}

func TestNothingWithoutAWorkflow(t *testing.T) {
	t.Parallel()
	for _, c := range []workflow.Command{
		&workflow.RequestRun{}, &workflow.FinishWorkload{}, &workflow.SaveCheckpoint{}, &workflow.RecordWrites{},
		&workflow.UpdateStatus{}, &workflow.ReceiveMessage{}, &workflow.RequestDelivery{}, &workflow.Notify{}, &workflow.Redeliver{},
	} {
		given(t).when(c).refused(domain.CodeNotFound, "")
	}
	for _, c := range []workflow.Command{&workflow.AttemptRun{Attempt: 1}, &workflow.AttemptStop{Attempt: 1}, &workflow.AttemptDelivery{Attempt: 1}} {
		given(t).when(c).refused(domain.CodeConflict, "")
	}
	given(t).when(&workflow.ConfirmRun{}).then()
	given(t).when(&workflow.SettleDelivery{}).then()
}
