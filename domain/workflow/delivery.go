package workflow

import (
	"cmp"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// RequestDelivery asks that the answer of a run be sent back.
type RequestDelivery struct {
	noFacts

	Run     uuid.UUID    `json:"run"`
	Adapter string       `json:"adapter"`
	Kind    DeliveryKind `json:"kind"`
	Error   string       `json:"error,omitempty"`
	Message string       `json:"message"`
	// While limits it to the time that the run is the latest and the workflow stands so:
	// what was asked before the workload ended must not be told of what was stopped since.
	While Status `json:"while,omitempty"`
	// Undeliverable is set when no such adapter exists: the delivery is
	// recorded and given up in one commit, so that it can be found.
	Undeliverable bool `json:"undeliverable,omitempty"`
}

// CommandType names the command.
func (*RequestDelivery) CommandType() string { return "workflow.request_delivery" }

// Decide asks for one answer per run, and for one per turn of a run that asks and goes
// on by itself: nothing of a run follows its final one.
func (c *RequestDelivery) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	id := s.answerID(c.Run)
	if _, owed := s.Delivery(id); owed || s.Answered == c.Run {
		return alreadySo()
	}
	if c.While != "" && (s.Status != c.While || s.Run == nil || s.Run.ID != c.Run) {
		return alreadySo()
	}
	if !c.Kind.valid() {
		return Outcome{}, domain.InvalidField("kind", "kind is not a kind of delivery", "send result, error or question")
	}
	var out Outcome
	out.Events = []Event{DeliveryRequested{
		Delivery: id, Run: c.Run, Adapter: domain.CleanText(c.Adapter, MaxName), Kind: c.Kind,
		Error: domain.CleanText(c.Error, MaxShortText), Message: out.whole("text", []byte(c.Message)),
	}}
	if c.Undeliverable {
		out.Events = append(out.Events, DeliveryGivenUp{Delivery: id, Reason: "unknown_adapter"})
	}
	return out, nil
}

func (k DeliveryKind) valid() bool {
	return k == DeliverResult || k == DeliverError || k == DeliverQuestion
}

// AttemptDelivery claims the right to call the surface.
type AttemptDelivery struct {
	noFacts

	Delivery uuid.UUID `json:"delivery"`
	By       string    `json:"by"`
	Attempt  int       `json:"attempt"`
}

// CommandType names the command.
func (*AttemptDelivery) CommandType() string { return "workflow.attempt_delivery" }

// Decide gives the claim to one caller.
func (c *AttemptDelivery) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	d, ok := s.Delivery(c.Delivery)
	if !ok || d.Attempt.Count != c.Attempt-1 {
		return Outcome{}, claimed()
	}
	if err := domain.CheckText("by", c.By, MaxID); err != nil {
		return Outcome{}, err
	}
	return events(DeliveryAttempted{Delivery: c.Delivery, Attempt: c.Attempt, By: c.By})
}

// SettleDelivery records how an attempt ended.
type SettleDelivery struct {
	noFacts

	Delivery uuid.UUID `json:"delivery"`
	Attempt  int       `json:"attempt"`
	// Receipt is the surface's own id of what was sent; empty when it failed.
	Receipt string `json:"receipt,omitempty"`
	Error   string `json:"error,omitempty"`
	// Final says that another attempt cannot help, Reason in a word why;
	// refused where it is left out.
	Final  bool   `json:"final,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Answer is what the destination said, where it is one that says something.
	Answer *Answer `json:"answer,omitempty"`
	// RetryInMS is how long to wait before the next attempt, in milliseconds,
	// where the destination or its schedule says so.
	RetryInMS int64 `json:"retry_in_ms,omitempty"`
}

// MaxRetryIn bounds how long a destination may ask to be left alone.
const MaxRetryIn = 48 * time.Hour

// CommandType names the command.
func (*SettleDelivery) CommandType() string { return "workflow.settle_delivery" }

// Decide records the outcome once, and gives up after the last attempt.
func (c *SettleDelivery) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	d, ok := s.Delivery(c.Delivery)
	if !ok || d.Attempt.Count != c.Attempt || !d.Attempt.Open {
		return alreadySo()
	}
	if c.Receipt == "" && c.Error == "" {
		return Outcome{}, domain.InvalidField("receipt", "an outcome has a receipt or an error", "send one of them")
	}
	ended := c.ended(d)
	if c.Answer == nil && c.RetryInMS == 0 {
		return events(ended...)
	}
	answered := DeliveryAnswered{Delivery: c.Delivery, Attempt: c.Attempt, Answer: c.Answer.clean()}
	if _, again := ended[len(ended)-1].(DeliveryFailed); again && c.RetryInMS > 0 {
		answered.RetryAt = env.Now.Add(time.Duration(min(c.RetryInMS, MaxRetryIn.Milliseconds())) * time.Millisecond)
	}
	return events(append([]Event{answered}, ended...)...)
}

// ended are the events of the outcome.
func (c *SettleDelivery) ended(d Delivery) []Event {
	if c.Receipt != "" {
		return []Event{Delivered{Delivery: c.Delivery, Attempt: c.Attempt, Receipt: domain.CleanText(c.Receipt, MaxShortText)}}
	}
	failed := DeliveryFailed{Delivery: c.Delivery, Attempt: c.Attempt, Error: domain.CleanText(c.Error, MaxShortText)}
	out := []Event{failed}
	switch {
	case c.Final:
		reason := cmp.Or(domain.CleanText(c.Reason, MaxName), "refused")
		out = append(out, DeliveryGivenUp{Delivery: c.Delivery, Reason: reason, Error: failed.Error})
	case c.Attempt-d.Before >= MaxDeliveryAttempts:
		out = append(out, DeliveryGivenUp{Delivery: c.Delivery, Reason: "attempts_exhausted", Error: failed.Error})
	}
	return out
}

// MaxAnswer bounds what is kept of what a destination said, in bytes.
const MaxAnswer = 512

func (a *Answer) clean() Answer {
	if a == nil {
		return Answer{}
	}
	return Answer{Target: domain.CleanText(a.Target, MaxShortText), Status: a.Status, Body: domain.CleanText(a.Body, MaxAnswer)}
}
