package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/adapter/webhook/payload"
	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

// Name is what a callback context calls this adapter.
const Name = "webhook"

// Gone tells whether a target has answered 410 Gone. It MAY be behind: a hook is
// then called once more.
type Gone interface {
	Gone(ctx context.Context, tenant domain.Tenant, target string) (bool, error)
}

// Config is what an Adapter is made of.
type Config struct {
	Hooks  Book
	Client *Client
	Gone   Gone
	// URL is where people reach the API.
	URL string
	// Agent names this program to receivers.
	Agent string
	Now   func() time.Time
}

// Adapter tells hooks.
type Adapter struct{ cfg Config }

// New makes an Adapter.
func New(cfg Config) (*Adapter, error) {
	if cfg.Client == nil || cfg.Gone == nil || cfg.Now == nil {
		return nil, errors.New("webhook: client, gone and now are needed")
	}
	return &Adapter{cfg}, nil
}

// Remote is for adapter.Remote.
func (*Adapter) Remote() {}

// Deduplicates is true: a receiver takes one webhook-id once.
func (*Adapter) Deduplicates() bool { return true }

// DeliverResult tells the hook that the callback context names.
func (a *Adapter) DeliverResult(ctx context.Context, d adapter.Delivery) (adapter.Receipt, error) {
	out := a.Tell(ctx, d)
	return out.Receipt, out.Err
}

// DeliverError does the same.
func (a *Adapter) DeliverError(ctx context.Context, d adapter.Delivery) (adapter.Receipt, error) {
	out := a.Tell(ctx, d)
	return out.Receipt, out.Err
}

// Tell makes one attempt.
func (a *Adapter) Tell(ctx context.Context, d adapter.Delivery) adapter.Outcome {
	hook, known := a.cfg.Hooks.Find(d.Tenant, d.Hook)
	switch {
	case !known:
		return refused(ReasonUnknown, "there is no hook %q: add it to the tenant's hooks", d.Hook)
	case hook.Disabled:
		return refused(ReasonDisabled, "hook %q is disabled in the configuration", d.Hook)
	}
	gone, err := a.cfg.Gone.Gone(ctx, d.Tenant, hook.Target())
	if err != nil {
		return adapter.Outcome{Err: fmt.Errorf("look whether hook %q is gone: %w", d.Hook, err)}
	}
	if gone {
		return refused(ReasonGone, "hook %q answered 410 Gone: give it another url, or another revision to call this one again", d.Hook)
	}
	body, err := a.body(d)
	if err != nil {
		return refused("", "%w", err)
	}
	return once(d, a.post(ctx, hook, d, body))
}

// post sends the body, signed, and says what came of it.
func (a *Adapter) post(ctx context.Context, hook Hook, d adapter.Delivery, body []byte) adapter.Outcome {
	began := a.cfg.Now()
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {a.cfg.Agent}}
	standard.Sign(header, d.ID.String(), began, body, hook.Keys...)
	answer, err := a.cfg.Client.Post(ctx, hook.URL.String(), header, body)
	now := a.cfg.Now()
	if err != nil {
		return unanswered(d, hook.Target(), err, now.Sub(began))
	}
	answer.Body = hook.redact(answer.Body)
	return outcome(d, hook.Target(), answer, now)
}

// once gives up a hint that failed: the next one tells the same anew.
func once(d adapter.Delivery, out adapter.Outcome) adapter.Outcome {
	if _, final := errors.AsType[*adapter.PermanentError](out.Err); d.Event == payload.Progress && out.Err != nil && !final {
		out.Err = &adapter.PermanentError{Err: out.Err, Reason: ReasonHint}
	}
	return out
}

func refused(reason, format string, args ...any) adapter.Outcome {
	return adapter.Outcome{Err: &adapter.PermanentError{Err: fmt.Errorf(format, args...), Reason: reason}}
}

// body is what is sent: for an event what was recorded with it, for an answer
// what the delivery says.
func (a *Adapter) body(d adapter.Delivery) ([]byte, error) {
	if d.Kind == workflow.DeliverEvent {
		return payload.Body(d.ID, json.RawMessage(d.Message)), nil
	}
	p := payload.Payload{Type: typeOf(d.Kind), Timestamp: d.At, Data: payload.Data{
		Workflow: d.Workflow, Number: d.Number, Flow: d.Definition, Title: d.Title, ClientReference: d.ClientReference,
		Status: string(d.Status), Error: d.Error, Text: d.Message, URL: payload.Link(a.cfg.URL, d.Number),
	}}
	raw, err := p.Encode()
	return payload.Body(d.ID, raw), err
}

// typeOf is the event that an answer is.
func typeOf(kind workflow.DeliveryKind) string {
	switch kind {
	case workflow.DeliverError:
		return payload.Failed
	case workflow.DeliverQuestion:
		return payload.InputRequired
	case workflow.DeliverResult, workflow.DeliverEvent:
	}
	return payload.Completed
}
