package workflow

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/journal"
	"github.com/duolog/duolog/domain/value"
)

// SystemImport acts for whoever imports. What it records happened elsewhere: nothing
// follows from it.
const SystemImport = "import"

// ImportBegun says, with the first commit of an import, that the workflow comes from
// another log, and to whom it belongs here.
type ImportBegun struct {
	// Log and Stream are where it stood, Head is the hash of its last commit there.
	Log    uuid.UUID    `json:"log"`
	Stream string       `json:"stream"`
	Head   journal.Hash `json:"head"`
	// Commits is how many there are to come, this one among them.
	Commits        int        `json:"commits"`
	User           string     `json:"user"`
	ServiceAccount string     `json:"service_account,omitempty"`
	Namespace      *Container `json:"namespace,omitempty"`
	Project        *Container `json:"project,omitempty"`
	Engine         string     `json:"engine"`
	// At is when it was begun: the commit has the time it had there.
	At time.Time `json:"at"`
}

// Imported says which commit of the other log the events before it are.
type Imported struct {
	// N counts from 0.
	N        int          `json:"n"`
	Position string       `json:"position"`
	Hash     journal.Hash `json:"hash"`
	// Principal is who stood behind it there, as the file says.
	Principal domain.Principal `json:"principal"`
}

// ImportEnded says that all of it is here. What was under way there has ended with it.
type ImportEnded struct {
	Commits int `json:"commits"`
}

// Import is where a workflow comes from, and how far it has come.
type Import struct {
	Log     uuid.UUID    `json:"log"`
	Stream  string       `json:"stream"`
	Head    journal.Hash `json:"head"`
	Commits int          `json:"commits"`
	Done    int          `json:"done"`
	BegunAt time.Time    `json:"begun_at"`
	EndedAt time.Time    `json:"ended_at,omitzero"`
}

// Importing says whether an import has begun and not ended: until then nothing else
// happens to the workflow, and it owes nothing.
func (s State) Importing() bool { return s.Import != nil && s.Import.EndedAt.IsZero() }

// Takes refuses what does not go with an import that has not ended.
func (s State) Takes(c Command) error {
	switch c.(type) {
	case *ImportCommit, *EndImport:
		return nil
	}
	if !s.Importing() {
		return nil
	}
	return &domain.Error{
		Code: domain.CodeConflict, Message: fmt.Sprintf("the import of this workflow has not ended: %d of %d commits are here", s.Import.Done, s.Import.Commits),
		Fix: "import the file again, with the same key if it had one: it goes on from there",
	}
}

// ImportCommit records one commit of another log as one of this. The caller has
// checked the file.
type ImportCommit struct {
	noFacts

	Events   []journal.Event `json:"events"`
	Imported Imported        `json:"imported"`
	// Begun is set for the first.
	Begun *ImportBegun `json:"begun,omitempty"`

	// Blobs are the bytes that it brings, Gone those that it names and that are
	// nowhere any more.
	Blobs []value.Blob    `json:"-"`
	Gone  []value.Address `json:"-"`
}

// CommandType names the command.
func (*ImportCommit) CommandType() string { return "workflow.import_commit" }

// Size is how many bytes the commit brings.
func (c *ImportCommit) Size() int {
	n := 0
	for _, b := range c.Blobs {
		n += len(b.Bytes)
	}
	return n
}

// Decide takes the commits in their order.
func (c *ImportCommit) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	switch {
	case c.Begun != nil && s.Exists():
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "the workflow exists already", Fix: "use another idempotency key"}
	case c.Begun == nil && (!s.Importing() || s.Import.Done != c.Imported.N || s.Import.Done == s.Import.Commits):
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "this is not the next commit of the import", Fix: "import the file again from its beginning: what is here is passed over"}
	}
	if len(c.Events) >= domain.MaxItems-1 {
		return Outcome{}, &domain.Error{Code: domain.CodeTooLarge, Message: fmt.Sprintf("a commit of %d events cannot be imported", len(c.Events)), Fix: "nothing: no build writes one"}
	}
	out := Outcome{Blobs: c.Blobs, Gone: c.Gone, Replayed: true}
	decoder := NewDecoder()
	for i, raw := range c.Events {
		e, err := decoder.Decode(raw)
		if err != nil {
			return Outcome{}, &domain.Error{Code: domain.CodeInvalidBody, Message: err.Error(), Fix: "use a newer duolog"}
		}
		if _, creates := e.(Created); creates != (c.Begun != nil && i == 0) {
			return Outcome{}, &domain.Error{Code: domain.CodeInvalidBody, Message: "a workflow begins with its creation, and is created once", Fix: "export it again"}
		}
		out.Events = append(out.Events, e)
	}
	if c.Begun != nil {
		out.Events = append(out.Events, *c.Begun)
	}
	out.Events = append(out.Events, c.Imported)
	return out, applies(s, &out, c)
}

// applies refuses what a fold would stop at: a file may have been made by hand.
func applies(s State, out *Outcome, c *ImportCommit) error {
	var err error
	for _, e := range out.Events {
		if s, err = Apply(s, Recorded{Event: e}); err != nil {
			*out = Outcome{}
			return &domain.Error{Code: domain.CodeInvalidBody, Message: fmt.Sprintf("commit %d does not follow on what is before it: %v", c.Imported.N, err), Fix: "export the workflow again"}
		}
	}
	return nil
}

// EndImport ends an import: what was under way is settled, nothing of it is done here.
type EndImport struct {
	noFacts

	Head journal.Hash `json:"head"`
}

// CommandType names the command.
func (*EndImport) CommandType() string { return "workflow.end_import" }

// reasonImported is why what was under way in another log has ended here.
const reasonImported = "imported"

// Decide ends it once all is here.
func (c *EndImport) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	switch {
	case s.Import == nil || s.Import.Head != c.Head:
		return Outcome{}, &domain.Error{Code: domain.CodeConflict, Message: "there is no such import", Fix: "import the file"}
	case !s.Importing():
		return alreadySo()
	case s.Import.Done != s.Import.Commits:
		return Outcome{}, s.Takes(nil)
	}
	var out []Event
	if run := s.ActiveRun(); run != nil {
		out = append(out, WorkloadFinished{Run: run.ID, Epoch: run.Epoch, Status: WorkloadStopped, Reason: reasonImported})
	}
	for _, d := range s.Deliveries {
		out = append(out, DeliveryGivenUp{Delivery: d.ID, Reason: reasonImported})
	}
	if len(s.FollowUps) > 0 { // their conversation is where they came from
		settled := FollowUpsSettled{How: FollowUpMoved}
		for _, f := range s.FollowUps {
			settled.Messages = append(settled.Messages, f.MessageID)
		}
		out = append(out, settled)
	}
	if s.Status == StatusRunning {
		out = append(out, StatusChanged{Event: EventPause, From: s.Status, To: StatusPaused, Reason: reasonImported})
	}
	return events(append(out, ImportEnded{Commits: s.Import.Commits})...)
}

// applyImport is how far an import has come.
func applyImport(s State, r Recorded) (State, error) {
	if e, ok := r.Event.(ImportBegun); ok {
		created := *s.Created
		created.Principal = domain.Principal{User: e.User, ServiceAccount: e.ServiceAccount}
		created.Namespace, created.Project, created.Engine, created.CallbackContext = clone(e.Namespace), clone(e.Project), e.Engine, nil
		s.Created, s.Owner = &created, created.Principal
		s.Import = &Import{Log: e.Log, Stream: e.Stream, Head: e.Head, Commits: e.Commits, BegunAt: e.At}
		return s, nil
	}
	if s.Import == nil {
		return s, fmt.Errorf("%s of what is no import", r.Event.EventType())
	}
	i := *s.Import
	switch e := r.Event.(type) {
	case Imported:
		// What was imported there before had its own end, which is not this one's.
		i.Done, i.EndedAt = e.N+1, time.Time{}
	case ImportEnded:
		i.EndedAt = r.Time
	default: // Apply sends no other event here
	}
	s.Import = &i
	return s, nil
}
