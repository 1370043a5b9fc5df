package adapter

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// Adapter sends what a run came to. Its methods MUST be safe for concurrent use
// and end when ctx does.
type Adapter interface {
	// DeliverResult sends an answer. A question is sent so where the adapter
	// does not ask by itself.
	DeliverResult(ctx context.Context, d Delivery) (Receipt, error)
	// DeliverError says why there is none.
	DeliverError(ctx context.Context, d Delivery) (Receipt, error)
}

// Flow is the workflow a message started.
type Flow struct {
	Tenant   domain.Tenant
	Workflow uuid.UUID
	// Number is the workflow's number for people.
	Number int64
	Title  string
	// Definition is the flow's name, Status where the workflow stands now.
	Definition string
	Status     workflow.Status
	// ClientReference is what its client calls it.
	ClientReference string
	// Context is the callback context as it came with the message.
	Context json.RawMessage
}

// Delivery is one thing to send back.
type Delivery struct {
	Flow
	// ID is the idempotency key: the same for every attempt.
	ID      uuid.UUID
	Attempt int
	// Try is the attempt's number since the delivery was last asked for, At when
	// that was.
	Try  int
	At   time.Time
	Kind workflow.DeliveryKind
	// Error is the stable reason of an error: no_response, flow_failed, stopped.
	Error string
	// Hook is the hook that is told, Event what of; empty for an answer that goes
	// to a surface.
	Hook  string
	Event string
	// Message is what to say, for people, in Markdown; for an event it is JSON.
	Message string
}

// Receipt is the surface's own id of what was sent.
type Receipt string

// FlowStarted is an adapter that is told when the first run of a flow has
// started: once at most, and never again.
type FlowStarted interface {
	OnFlowStarted(ctx context.Context, f Flow) error
}

// FlowCompleted is an adapter that is told after a result was delivered. Its
// error is logged and changes nothing.
type FlowCompleted interface {
	OnFlowCompleted(ctx context.Context, d Delivery) error
}

// FlowFailed is an adapter that sends errors its own way; the others are asked
// to DeliverError.
type FlowFailed interface {
	OnFlowFailed(ctx context.Context, d Delivery) (Receipt, error)
}

// QuestionAsker is an adapter that sends a question its own way: with choices,
// with buttons to approve.
type QuestionAsker interface {
	DeliverQuestion(ctx context.Context, d Delivery) (Receipt, error)
}

// Deduplicator is an adapter whose surface sends one delivery once, however
// often it is asked under the same id.
type Deduplicator interface {
	Deduplicates() bool
}

// Lookuper is an adapter whose surface can be asked what became of a delivery.
// An empty receipt without an error means that it was not sent.
type Lookuper interface {
	Lookup(ctx context.Context, d Delivery) (Receipt, error)
}

// ErrUnknown says that a delivery may have been made.
var ErrUnknown = errors.New("the surface did not say whether it was sent")

// PermanentError says that a delivery cannot be made, now or later.
type PermanentError struct {
	Err error
	// Reason is why, in a word: gone, unknown_hook. Empty is refused.
	Reason string
}

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap is what the surface said.
func (e *PermanentError) Unwrap() error { return e.Err }

// Outcome is how one attempt ended.
type Outcome struct {
	Receipt Receipt
	Err     error
	// Answer is what the destination said, of an adapter that tells.
	Answer *workflow.Answer
	// RetryIn is how long to wait after a failure; 0 leaves it to the schedule
	// of all deliveries.
	RetryIn time.Duration
	// Hook is what telling the surface of the end came to: the delivery was made
	// all the same.
	Hook error
}

// Teller is an adapter that makes each kind of delivery, events among them, in
// one way, and says what came back.
type Teller interface {
	Tell(ctx context.Context, d Delivery) Outcome
}

// Remote is an adapter that calls something outside, which may take as long as
// it is let: it is never given all of the room there is for effects.
type Remote interface {
	Remote()
}

var errNoEvents = errors.New("this adapter tells nobody of events")

// Send makes one attempt: the method for what d is, then the hook.
func Send(ctx context.Context, a Adapter, d Delivery) Outcome {
	if t, ok := a.(Teller); ok {
		return t.Tell(ctx, d)
	}
	var out Outcome
	switch d.Kind {
	case workflow.DeliverError:
		out.Receipt, out.Err = sendError(ctx, a, d)
	case workflow.DeliverQuestion:
		out.Receipt, out.Err = sendQuestion(ctx, a, d)
	case workflow.DeliverEvent:
		out.Err = &PermanentError{Err: errNoEvents}
	case workflow.DeliverResult:
		out.Receipt, out.Err = a.DeliverResult(ctx, d)
		if c, ok := a.(FlowCompleted); ok && out.Err == nil {
			out.Hook = c.OnFlowCompleted(ctx, d)
		}
	}
	return out
}

func sendError(ctx context.Context, a Adapter, d Delivery) (Receipt, error) {
	if f, ok := a.(FlowFailed); ok {
		return f.OnFlowFailed(ctx, d)
	}
	return a.DeliverError(ctx, d)
}

func sendQuestion(ctx context.Context, a Adapter, d Delivery) (Receipt, error) {
	if q, ok := a.(QuestionAsker); ok {
		return q.DeliverQuestion(ctx, d)
	}
	return a.DeliverResult(ctx, d)
}
