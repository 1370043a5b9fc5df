package workflow

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// MaxThread bounds the id of a thread, in bytes.
const MaxThread = 1024

// threadSpace is the namespace of the ids that threads' workflows derive from the
// threads' own.
func threadSpace() uuid.UUID { return uuid.MustParse("6f1e1a5c-7f0b-5b0e-9d55-0d2a7c1f4e63") }

// ThreadStream is the stream of a thread: the workflow with that id where the
// thread's is a UUID in its usual form, one that derives from it otherwise.
func ThreadStream(tenant domain.Tenant, thread string) domain.StreamID {
	id, err := uuid.Parse(thread)
	if err != nil || id.String() != thread {
		id = uuid.NewSHA1(threadSpace(), []byte(thread))
	}
	return domain.StreamID{Tenant: tenant, Kind: domain.KindWorkflow, ID: id}
}

// CheckThread refuses what cannot be the id of a thread.
func CheckThread(field, thread string) error {
	if err := domain.CheckSize(field, len(thread), MaxThread); err != nil {
		return err
	}
	if thread == "" || !utf8.ValidString(thread) {
		return domain.InvalidField(field, field+" must be text of 1 to 1,024 bytes", "send the id of the thread")
	}
	return nil
}

// ThreadRef is the thread that a write is for.
type ThreadRef struct {
	ID string `json:"id"`
	// Incarnation is the one that the client knows of; 0 where it knows of none.
	Incarnation int `json:"incarnation,omitempty"`
	// Writer names who writes, where only one may; empty for nobody in particular.
	Writer string `json:"writer,omitempty"`

	// copied says that the write is a copy of another thread's.
	copied bool
}

func (r ThreadRef) validate() error {
	return cmp.Or(CheckThread("thread_id", r.ID), domain.CheckText("writer", r.Writer, MaxID))
}

// Thread is what a workflow is to LangGraph.
type Thread struct {
	// ID is the thread's own id; empty where that is the workflow's.
	ID string `json:"id,omitempty"`
	// Incarnation counts the lives of the thread from 1: each deletion ends one.
	Incarnation int `json:"incarnation"`
	// Ended is how the latest one that ended did; Gone says that none has begun since.
	Ended *ThreadEnd `json:"ended,omitempty"`
	Gone  bool       `json:"gone,omitempty"`
	// Writer is who took the thread last, where writers are fenced. Displaced are those
	// whom others took it from, the latest last.
	Writer    string   `json:"writer,omitempty"`
	Displaced []string `json:"displaced,omitempty"`
	// Retention is for how long the thread is kept; nil where its tenant says that.
	// Expired says that nothing was written since it was applied last.
	Retention *Retention `json:"retention,omitempty"`
	Expired   bool       `json:"expired,omitempty"`
}

// maxDisplaced bounds the writers that are remembered to have lost a thread.
const maxDisplaced = 64

// ThreadEnd is a deletion.
type ThreadEnd struct {
	At time.Time `json:"at"`
	// Newest is the time of the newest checkpoint id that there was; zero for none.
	Newest time.Time `json:"newest,omitzero"`
}

// ThreadOpened begins a life of a thread.
type ThreadOpened struct {
	Thread      string `json:"thread"`
	Incarnation int    `json:"incarnation"`
}

// ThreadDeleted ends a life of a thread: its checkpoints and writes are gone, and
// what comes late for them is refused.
type ThreadDeleted struct {
	Incarnation int `json:"incarnation"`
	// Newest is the id, of checkpoints and writes that there were, that is the newest
	// by the time in it.
	Newest *uuid.UUID `json:"newest,omitempty"`
	// Reason is why, where nobody asked for it: expired.
	Reason string `json:"reason,omitempty"`
}

// ThreadTaken says that a writer has taken the thread: whoever had it before may not
// write any more.
type ThreadTaken struct {
	Writer string `json:"writer"`
}

func applyThread(s State, r Recorded) State {
	if _, pruned := r.Event.(ThreadPruned); pruned && s.Thread == nil {
		return s
	}
	t := s.ThreadNow()
	switch e := r.Event.(type) {
	case ThreadOpened:
		t.ID, t.Incarnation, t.Gone, t.Expired = e.Thread, e.Incarnation, false, false
		t.Writer, t.Displaced = "", nil
	case ThreadTaken:
		if t.Writer != "" {
			t.Displaced = append(slices.Clone(t.Displaced), t.Writer)
			t.Displaced = t.Displaced[max(0, len(t.Displaced)-maxDisplaced):]
		}
		t.Writer = e.Writer
	case RetentionSet:
		t.Retention, t.Expired = clone(e.Retention), false
	case ThreadPruned:
		t.Expired = e.Reason == ReasonExpired
	case ThreadDeleted:
		t.Incarnation, t.Gone = e.Incarnation, true
		t.Ended = &ThreadEnd{At: r.Time}
		if e.Newest != nil {
			t.Ended.Newest, _ = timeOf(*e.Newest)
		}
	default: // Apply sends no other event here
	}
	s.Thread = &t
	return s
}

// written says that something was written: what there is may expire again.
func (s State) written() State {
	if s.Thread != nil && s.Thread.Expired {
		t := s.ThreadNow()
		t.Expired = false
		s.Thread = &t
	}
	return s
}

// ThreadNow is the thread of the workflow, also of one that no thread has begun.
func (s State) ThreadNow() Thread {
	if s.Thread == nil {
		return Thread{Incarnation: 1}
	}
	t := *s.Thread
	t.Ended, t.Displaced, t.Retention = clone(t.Ended), slices.Clone(t.Displaced), clone(t.Retention)
	return t
}

// Current is the incarnation that a write belongs to: of a thread that is gone, the one
// that the write begins.
func (t Thread) Current() int {
	if t.Gone {
		return t.Incarnation + 1
	}
	return t.Incarnation
}

// opening are the events that begin a thread before its first write.
type opening struct{ Outcome }

func (o opening) before(out Outcome) Outcome {
	out.Item += len(o.Events)
	out.Events = append(o.Events, out.Events...)
	out.Blobs = append(o.Blobs, out.Blobs...)
	return out
}

// open says whether a thread may be written to, with these checkpoints, and what
// begins it where it is not there yet.
func (s State) open(ref ThreadRef, env Env, ids []uuid.UUID) (opening, error) {
	var o opening
	if !s.Exists() {
		if env.Principal.Run != nil {
			return o, notFound()
		}
		if !env.AllowRunless {
			return o, runless()
		}
		created := Created{
			Goal: o.whole("text", nil), Flow: Flow{Definition: "langgraph"}, Engine: EngineNone, Privileges: []int{}, PreApproved: []int{},
			Principal: domain.Principal{User: env.Principal.User}, Trigger: Trigger{Source: "thread"},
		}
		o.Events = []Event{created, ThreadOpened{Thread: ref.ID, Incarnation: 1}}
		return o, o.take(Thread{}, ref, env)
	}
	if err := s.mayWriteState(env); err != nil {
		return o, err
	}
	t := s.ThreadNow()
	if t.late(ref, ids) {
		return o, &domain.Error{
			Code: domain.CodeThreadDeleted, Message: "the thread was deleted, and this belongs to what was deleted",
			Fix: "begin the thread anew with a checkpoint of its own, or stop this writer",
		}
	}
	if t.Gone {
		o.Events = []Event{ThreadOpened{Thread: ref.ID, Incarnation: t.Current()}}
		t = Thread{}
	}
	return o, o.take(t, ref, env)
}

// take gives the thread to a writer that does not have it, and has not lost it, where
// the tenant lets only one write.
func (o *opening) take(t Thread, ref ThreadRef, env Env) error {
	switch {
	case !env.FenceWriters, ref.copied:
		return nil
	case ref.Writer == "":
		return domain.InvalidField("writer", "this tenant lets one writer at a time write to a thread, and this one has no name", "send writer, another for each process that writes")
	case slices.Contains(t.Displaced, ref.Writer):
		return &domain.Error{
			Code: domain.CodeStaleWriter, Field: "writer", Message: fmt.Sprintf("%.80q has taken this thread over from this writer", t.Writer),
			Fix: "stop, or read the thread again and go on as another writer",
		}
	case ref.Writer != t.Writer:
		o.Events = append(o.Events, ThreadTaken{Writer: ref.Writer})
	}
	return nil
}

// EngineNone is the engine of a workflow that runs elsewhere.
const EngineNone = "none"

// late says whether a write belongs to a life of the thread that has ended: the
// client says so, or the checkpoints it is about are no newer than the end.
func (t Thread) late(ref ThreadRef, ids []uuid.UUID) bool {
	if ref.Incarnation != 0 && ref.Incarnation < t.Current() {
		return true
	}
	if t.Ended == nil || ref.copied {
		return false
	}
	for _, id := range ids {
		made, known := timeOf(id)
		if known && !made.After(later(t.Ended.At, t.Ended.Newest)) {
			return true
		}
	}
	return false
}

// timeOf is the time in an id that has one.
func timeOf(id uuid.UUID) (time.Time, bool) {
	if !TimeOrdered(id) {
		return time.Time{}, false
	}
	t := id.Time()
	if id.Version() == 6 { // RFC 9562; the library reads it otherwise
		t = uuid.Time(binary.BigEndian.Uint64(id[:8])>>16<<12 | binary.BigEndian.Uint64(id[:8])&0xfff) //nolint:gosec // 60 bits
	}
	return time.Unix(t.UnixTime()).UTC(), true
}

// DeleteThread ends a life of a thread.
type DeleteThread struct {
	onAll

	Reason string `json:"reason,omitempty"`
}

// CommandType names the command.
func (*DeleteThread) CommandType() string { return "workflow.delete_thread" }

// Want asks for all there is.
func (*DeleteThread) Want(State, Env) Want { return Want{Tree: true} }

// Decide deletes what is there; a thread that is not there, or not any more, is gone
// already.
func (c *DeleteThread) Decide(s State, f *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return alreadySo()
	}
	if err := s.mayManage(env); err != nil {
		return Outcome{}, err
	}
	return s.deleteThread(f, c.Reason)
}

// deleteThread ends the life of the thread that there is.
func (s State) deleteThread(f *Facts, reason string) (Outcome, error) {
	t := s.ThreadNow()
	if t.Gone {
		return alreadySo()
	}
	deleted := ThreadDeleted{Incarnation: t.Incarnation, Newest: f.Tree.newest(), Reason: reason}
	return Outcome{Events: []Event{deleted}, Count: f.Tree.size()}, nil
}
