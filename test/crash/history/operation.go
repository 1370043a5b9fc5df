package history

import (
	"fmt"
	"math"
	"sync"

	"github.com/google/uuid"
)

// Kind is what an operation asks for.
type Kind string

// The kinds of operations.
const (
	Create Kind = "create"
	Change Kind = "change status"
	Save   Kind = "save checkpoint"
	Write  Kind = "record write"
	Get    Kind = "read workflow"
	List   Kind = "list checkpoints"
	Read   Kind = "read checkpoint"
)

// Reads says whether the kind changes nothing.
func (k Kind) Reads() bool { return k == Get || k == List || k == Read }

// Outcome is what is known of an operation.
type Outcome string

// The outcomes.
const (
	// Done: it was answered with success.
	Done Outcome = "done"
	// Refused: it was answered that it cannot be; nothing happened.
	Refused Outcome = "refused"
	// Unknown: no answer, or one that says nothing.
	Unknown Outcome = "unknown"
	// Accepted: it will happen, or be refused, at some time.
	Accepted Outcome = "accepted"
)

// Operation is one request of a client.
type Operation struct {
	Client   int
	Kind     Kind
	Workflow uuid.UUID
	// Command is the id of the command, where the client chose one by its key.
	Command uuid.UUID
	// Event is the status event of a change.
	Event string
	// TS is the checkpoint, as text.
	TS string
	// Task and Idx place a write.
	Task string
	Idx  int
	// Place is set for the writes to one place, and the reads of it, that are
	// checked apart from the rest of their workflow: so many may overlap there
	// that the two together would take ages.
	Place string
	// Data is what is written, unique in the history.
	Data string
	// Limit is how many checkpoints a list may have.
	Limit int
	// Repeat says that the command was done before: it must not be done again.
	Repeat bool

	// Sent and Answered are on one clock, in nanoseconds.
	Sent, Answered int64
	Outcome        Outcome
	// Seen is what a read saw, and which status a refusal named.
	Seen string
	// Tries is how often it was sent.
	Tries int
	// By is who answered, for messages.
	By string
}

func (o Operation) String() string {
	what := fmt.Sprintf("%s %s%s", o.Kind, o.Event, o.TS)
	if o.Kind == Write {
		what += fmt.Sprintf(" %s/%d", o.Task, o.Idx)
	}
	if o.Repeat {
		what += " (again)"
	}
	return fmt.Sprintf("[%d] %s %q -> %s %q (client %d, %s, tries %d, %.3f…%.3f s)",
		o.Limit, what, o.Data, o.Outcome, o.Seen, o.Client, o.By, o.Tries, seconds(o.Sent), seconds(o.Answered))
}

func seconds(at int64) float64 { return float64(at) / 1e9 }

// Open says whether the operation may still happen after its answer.
func (o Operation) Open() bool {
	return (o.Outcome == Unknown || o.Outcome == Accepted) && !o.Kind.Reads() && !o.Repeat
}

// interval is when the operation took place.
func (o Operation) interval() (from, to int64) {
	if o.Open() {
		return o.Sent, math.MaxInt64
	}
	return o.Sent, o.Answered
}

// Log takes operations from many clients.
type Log struct {
	mu  sync.Mutex
	ops []Operation
}

// Add takes one operation.
func (l *Log) Add(o Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, o)
}

// Operations are those taken so far.
func (l *Log) Operations() []Operation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Operation(nil), l.ops...)
}

// Len is how many there are.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ops)
}

// Violation is something that must not be.
type Violation struct {
	// Check names the check that found it.
	Check string `json:"check"`
	What  string `json:"what"`
}
