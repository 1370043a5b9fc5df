package workflow

import (
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
	// Undeliverable is set when no such adapter exists: the delivery is
	// recorded and given up in one commit, so that it can be found.
	Undeliverable bool `json:"undeliverable,omitempty"`
}

// CommandType names the command.
func (*RequestDelivery) CommandType() string { return "workflow.request_delivery" }

// Decide asks for one answer per run: nothing of a run follows its final one.
func (c *RequestDelivery) Decide(s State, _ *Facts, env Env) (Outcome, error) {
	if !s.Exists() {
		return Outcome{}, notFound()
	}
	id := uuid.NewSHA1(c.Run, []byte("answer"))
	if _, owed := s.Delivery(id); owed || s.Answered == c.Run {
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
	// Final says that another attempt cannot help.
	Final bool `json:"final,omitempty"`
}

// CommandType names the command.
func (*SettleDelivery) CommandType() string { return "workflow.settle_delivery" }

// Decide records the outcome once, and gives up after the last attempt.
func (c *SettleDelivery) Decide(s State, _ *Facts, _ Env) (Outcome, error) {
	d, ok := s.Delivery(c.Delivery)
	if !ok || d.Attempt.Count != c.Attempt || !d.Attempt.Open {
		return alreadySo()
	}
	if c.Receipt == "" && c.Error == "" {
		return Outcome{}, domain.InvalidField("receipt", "an outcome has a receipt or an error", "send one of them")
	}
	if c.Receipt != "" {
		return events(Delivered{Delivery: c.Delivery, Attempt: c.Attempt, Receipt: domain.CleanText(c.Receipt, MaxShortText)})
	}
	failed := DeliveryFailed{Delivery: c.Delivery, Attempt: c.Attempt, Error: domain.CleanText(c.Error, MaxShortText)}
	switch {
	case c.Final:
		return events(failed, DeliveryGivenUp{Delivery: c.Delivery, Reason: "refused", Error: failed.Error})
	case c.Attempt >= MaxDeliveryAttempts:
		return events(failed, DeliveryGivenUp{Delivery: c.Delivery, Reason: "attempts_exhausted", Error: failed.Error})
	}
	return events(failed)
}
