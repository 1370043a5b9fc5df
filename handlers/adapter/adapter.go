package adapter

import (
	"context"
	"encoding/json"
	"errors"

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
	// Context is the callback context as it came with the message.
	Context json.RawMessage
}

// Delivery is one thing to send back.
type Delivery struct {
	Flow
	// ID is the idempotency key: the same for every attempt.
	ID      uuid.UUID
	Attempt int
	Kind    workflow.DeliveryKind
	// Error is the stable reason of an error: no_response, flow_failed, stopped.
	Error string
	// Message is what to say, for people, in Markdown.
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
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap is what the surface said.
func (e *PermanentError) Unwrap() error { return e.Err }

// Send makes one attempt: the method for what d is, then the hook.
//
// The second error is the hook's: the delivery was made all the same.
func Send(ctx context.Context, a Adapter, d Delivery) (r Receipt, err, hook error) {
	switch d.Kind {
	case workflow.DeliverError:
		if f, ok := a.(FlowFailed); ok {
			r, err = f.OnFlowFailed(ctx, d)
			return r, err, nil
		}
		r, err = a.DeliverError(ctx, d)
		return r, err, nil
	case workflow.DeliverQuestion:
		if q, ok := a.(QuestionAsker); ok {
			r, err = q.DeliverQuestion(ctx, d)
			return r, err, nil
		}
		r, err = a.DeliverResult(ctx, d)
		return r, err, nil
	case workflow.DeliverResult:
	}
	if r, err = a.DeliverResult(ctx, d); err != nil {
		return r, err, nil
	}
	if c, ok := a.(FlowCompleted); ok {
		hook = c.OnFlowCompleted(ctx, d)
	}
	return r, nil, hook
}
