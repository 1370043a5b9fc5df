package workflow

import (
	"strings"
	"time"

	"github.com/google/uuid"
)

// IntentKind names the effect that is owed.
type IntentKind string

// The kinds of effect.
const (
	IntentRun     IntentKind = "run"
	IntentStop    IntentKind = "stop"
	IntentDeliver IntentKind = "deliver"
)

// Intent is an effect that was asked for and whose outcome is not in the log.
type Intent struct {
	Kind IntentKind
	// ID is the run or the delivery.
	ID uuid.UUID
	// Due is when it may be tried.
	Due time.Time
	// Attempt is the latest attempt; Open means its outcome is unknown.
	Attempt Attempt
	// Lane serialises effects that go to one destination.
	Lane string
	// Home is the instance that claimed the run: an engine that is bound to its
	// node knows the workload there and nowhere else. Empty before the claim,
	// and for deliveries.
	Home string
}

// NodeOf is the node of an instance: instances are named node/random.
func NodeOf(instance string) string {
	if i := strings.LastIndexByte(instance, '/'); i >= 0 {
		return instance[:i]
	}
	return instance
}

// MaxDeliveryAttempts bounds how often one delivery is tried each time it is
// asked for.
const MaxDeliveryAttempts = 10

// deliveryDelays is how long to wait after the nth failed attempt.
func deliveryDelays() []time.Duration {
	return []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 30 * time.Minute,
		2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	}
}

// Intents lists what the workflow owes. It derives from the state alone: no
// clock, no table of its own.
func (s State) Intents() []Intent {
	if s.Importing() {
		return nil // it is owed elsewhere
	}
	var out []Intent
	if run := s.ActiveRun(); run != nil {
		out = append(out, run.intents()...)
	}
	for _, d := range s.Deliveries {
		out = append(out, Intent{
			Kind: IntentDeliver, ID: d.ID, Due: d.due(), Attempt: d.Attempt, Lane: d.lane(),
		})
	}
	return out
}

func (r Run) intents() []Intent {
	var out []Intent
	if r.Phase != RunPhaseStarted {
		out = append(out, Intent{Kind: IntentRun, ID: r.ID, Due: later(r.RequestedAt, r.Attempt.At), Attempt: r.Attempt, Lane: r.Engine, Home: r.Attempt.By})
	}
	if r.Stop != nil && r.Phase == RunPhaseStarted {
		out = append(out, Intent{Kind: IntentStop, ID: r.ID, Due: later(r.Stop.RequestedAt, r.Stop.Attempt.At), Attempt: r.Stop.Attempt, Lane: r.Engine, Home: r.Attempt.By})
	}
	return out
}

func (d Delivery) due() time.Time {
	tried := d.Attempt.Count - d.Before
	switch {
	case tried == 0, d.Attempt.Open:
		return later(d.RequestedAt, d.Attempt.At)
	case !d.RetryAt.IsZero():
		return d.RetryAt
	}
	delays := deliveryDelays()
	return d.Attempt.At.Add(delays[min(tried, len(delays))-1])
}

// lane is the destination: hooks of one kind do not wait for one another.
func (d Delivery) lane() string {
	if d.Hook == "" {
		return d.Adapter
	}
	return d.Adapter + LaneHook + d.Hook
}

// LaneHook stands in a lane between the adapter and the hook.
const LaneHook = "/"

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// DeliveryOf is the delivery an event is about, if it is about one.
func DeliveryOf(e Event) (uuid.UUID, bool) {
	switch e := e.(type) {
	case DeliveryRequested:
		return e.Delivery, true
	case DeliveryAttempted:
		return e.Delivery, true
	case Delivered:
		return e.Delivery, true
	case DeliveryFailed:
		return e.Delivery, true
	case DeliveryGivenUp:
		return e.Delivery, true
	case NotificationRequested:
		return e.Delivery, true
	case DeliveryAnswered:
		return e.Delivery, true
	case RedeliveryRequested:
		return e.Delivery, true
	default:
		return uuid.Nil, false
	}
}
