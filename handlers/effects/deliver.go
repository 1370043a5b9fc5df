package effects

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
	"github.com/duolog/duolog/handlers/effects/stored"
	"github.com/duolog/duolog/handlers/tracing"
)

// deliver sends one answer to where its message came from.
func (r *Runner) deliver(ctx context.Context, j *job) error {
	owed, ok := j.state.Delivery(j.intent.ID)
	if !ok {
		return nil
	}
	d, err := r.deliveryOf(ctx, j, owed)
	if err != nil {
		return err
	}
	a := r.cfg.Adapters.Find(owed.Adapter)
	if owed.Attempt.Open {
		done, err := r.resolveDelivery(ctx, j, a, d)
		if done || err != nil {
			return err
		}
	}
	d.Attempt, d.Try = d.Attempt+1, d.Try+1
	attempt := &workflow.AttemptDelivery{Delivery: owed.ID, By: r.cfg.Instance, Attempt: d.Attempt}
	if err := r.claim(ctx, j, systemCallback, "attempt_delivery", attempt); err != nil {
		return err
	}
	if a == nil {
		return r.settleDelivery(ctx, j, d, adapter.Outcome{Err: &adapter.PermanentError{
			Err: fmt.Errorf("no adapter %q is configured", owed.Adapter), Reason: "unknown_adapter",
		}})
	}
	return r.send(ctx, j, a, d)
}

// send calls the surface. Where it is unknown whether that worked, an adapter
// that de-duplicates may be asked again as after any failure; the attempt of
// another stays open until it is looked up or settled by hand.
func (r *Runner) send(ctx context.Context, j *job, a adapter.Adapter, d adapter.Delivery) error {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	callCtx, span := tracing.Start(callCtx, "deliver to "+j.intent.Lane)
	out := adapter.Send(callCtx, a, d)
	span.End(out.Err)
	r.cfg.Point("effects.after_call")
	if out.Hook != nil {
		r.cfg.Logger.WarnContext(ctx, "surface not told of the end", slog.String("stream", j.stream.String()), slog.Any("error", out.Hook))
	}
	if unknown(out.Err) && !deduplicates(a) {
		return fmt.Errorf("deliver %s to %s: %w", d.ID, j.intent.Lane, out.Err)
	}
	return r.settleDelivery(ctx, j, d, out)
}

func unknown(err error) bool {
	return errors.Is(err, adapter.ErrUnknown) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

func deduplicates(a adapter.Adapter) bool {
	d, ok := a.(adapter.Deduplicator)
	return ok && d.Deduplicates()
}

// resolveDelivery finds out what became of an open attempt; done is false where
// it may be made again at once.
func (r *Runner) resolveDelivery(ctx context.Context, j *job, a adapter.Adapter, d adapter.Delivery) (done bool, err error) {
	if a == nil || deduplicates(a) {
		return false, nil
	}
	l, ok := a.(adapter.Lookuper)
	if !ok {
		return true, errLeft
	}
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	receipt, err := l.Lookup(callCtx, d)
	if err != nil {
		return true, fmt.Errorf("look up delivery %s at %s: %w", d.ID, j.intent.Lane, err)
	}
	if receipt == "" {
		// Not sent: a failure like any other, so the domain says when it is due again.
		return true, r.settleDelivery(ctx, j, d, adapter.Outcome{Err: errors.New("it was not found at its destination")})
	}
	return true, r.settleDelivery(ctx, j, d, adapter.Outcome{Receipt: receipt})
}

// settleDelivery records how an attempt ended.
func (r *Runner) settleDelivery(ctx context.Context, j *job, d adapter.Delivery, out adapter.Outcome) error {
	c := &workflow.SettleDelivery{
		Delivery: d.ID, Attempt: d.Attempt, Receipt: string(out.Receipt), Answer: out.Answer, RetryInMS: out.RetryIn.Milliseconds(),
	}
	switch {
	case out.Err != nil:
		if permanent, ok := errors.AsType[*adapter.PermanentError](out.Err); ok {
			c.Final, c.Reason = true, permanent.Reason
		}
		c.Receipt, c.Error = "", out.Err.Error()
	case out.Receipt == "":
		c.Error = "the adapter gave no receipt"
	}
	_, err := r.settle(ctx, j, systemCallback, commandID(d.ID, "settle_delivery", d.Attempt), c)
	return err
}

func (r *Runner) deliveryOf(ctx context.Context, j *job, owed workflow.Delivery) (adapter.Delivery, error) {
	flow, _, err := r.flowOf(ctx, j)
	if err != nil {
		return adapter.Delivery{}, err
	}
	message, err := stored.Bytes(ctx, r.cfg.States, j.stream, &owed.Message)
	if err != nil {
		return adapter.Delivery{}, err
	}
	_, named, _ := strings.Cut(owed.Adapter, workflow.LaneHook)
	return adapter.Delivery{
		Flow: flow, ID: owed.ID, Attempt: owed.Attempt.Count, Try: owed.Attempt.Count - owed.Before, At: owed.RequestedAt,
		Kind: owed.Kind, Error: owed.Error, Hook: cmp.Or(owed.Hook, named), Event: owed.Event, Message: string(message),
	}, nil
}

// flowOf is the workflow as an adapter sees it, and the adapter its callback
// context names.
func (r *Runner) flowOf(ctx context.Context, j *job) (adapter.Flow, string, error) {
	raw, err := stored.Bytes(ctx, r.cfg.States, j.stream, j.state.Created.CallbackContext)
	if err != nil {
		return adapter.Flow{}, "", err
	}
	var named struct {
		Adapter string `json:"adapter"`
	}
	if len(raw) > 0 {
		// A context that is no object of that shape names no adapter.
		_ = json.Unmarshal(raw, &named)
	}
	return adapter.Flow{
		Tenant: j.stream.Tenant, Workflow: j.stream.ID, Number: j.number, Title: j.state.Created.Title, Context: raw,
		Definition: j.state.Created.Flow.Definition, Status: j.state.Status, ClientReference: j.state.Created.ClientReference,
	}, named.Adapter, nil
}
