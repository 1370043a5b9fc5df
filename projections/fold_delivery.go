package projections

import (
	"cmp"
	"strings"
	"time"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

func (r *rows) addDelivery(id domain.StreamID, d workflow.Delivery, number int64) {
	row := deliveryRow{
		stream: id.String(), id: d.ID, run: d.Run, adapter: d.Adapter, kind: string(d.Kind), status: d.Status,
		attempts: int32(d.Attempt.Count), body: mustJSON(d), requestedAt: d.RequestedAt, //nolint:gosec // counts attempts
		tenant: string(id.Tenant), hook: HookOf(d), event: d.Event, first: number, last: number,
	}
	key := deliveryKey{row.stream, d.ID}
	if before, there := r.deliveries.get(key); there {
		row.first = before.first
	}
	r.deliveries.put(key, row)
}

// HookOf is the hook that a delivery tells, of an event or of an answer; empty for a
// messaging surface.
func HookOf(d workflow.Delivery) string {
	_, named, _ := strings.Cut(d.Adapter, workflow.LaneHook)
	return cmp.Or(d.Hook, named)
}

// How an attempt ended, as the table says it.
const (
	attemptOpen   = "open"
	attemptMade   = "delivered"
	attemptFailed = "failed"
)

// attemptAfter is the attempt that an event begins or ends. What came back was
// applied to the delivery just before.
func attemptAfter(id domain.StreamID, before workflow.State, r workflow.Recorded) (row attemptRow, made bool) {
	delivery, _ := workflow.DeliveryOf(r.Event)
	d, owed := before.Delivery(delivery)
	row = attemptRow{
		stream: id.String(), id: delivery, attempt: int32(d.Attempt.Count), tenant: string(id.Tenant), at: d.Attempt.At, by: d.Attempt.By, //nolint:gosec // counts attempts
	}
	switch e := r.Event.(type) {
	case workflow.DeliveryAttempted:
		row.attempt, row.at, row.by, row.outcome = int32(e.Attempt), r.Time, e.By, attemptOpen //nolint:gosec // counts attempts
		return row, owed
	case workflow.Delivered:
		row.outcome, row.note = attemptMade, e.Receipt
	case workflow.DeliveryFailed:
		row.outcome, row.note = attemptFailed, e.Error
	default:
		return row, false
	}
	row.endedAt = &r.Time
	if d.Answer != nil {
		row.target, row.status, row.answer = d.Answer.Target, int32(d.Answer.Status), d.Answer.Body //nolint:gosec // a status of HTTP
	}
	row.retryAt = instant(d.RetryAt)
	return row, owed
}

func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (r *rows) addAttempt(row attemptRow, made bool) {
	if made {
		r.attempts.put(attemptKey{deliveryKey{row.stream, row.id}, row.attempt}, row)
	}
}
