package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/adapter"
)

// Why a delivery was given up, in a word.
const (
	ReasonUnknown   = "unknown_hook"
	ReasonDisabled  = "disabled"
	ReasonGone      = "gone"
	ReasonForbidden = "address_not_allowed"
	// ReasonHint is that of a hint which failed: the next one tells the same.
	ReasonHint = "not_repeated"
)

// meaning is what an answer says about the delivery.
type meaning struct {
	// from and to are the statuses, both included.
	from, to int
	made     bool
	// gone ends the hook, waits says that Retry-After counts.
	gone, waits bool
	what        string
}

// meanings is the one table of what an answer means; the first that fits counts.
func meanings() []meaning {
	return []meaning{
		{from: 200, to: 299, made: true},
		{from: 410, to: 410, gone: true, what: "the hook is not called any more"},
		{from: 429, to: 429, waits: true, what: "it has too much to do"},
		{from: 502, to: 504, waits: true, what: "it cannot answer right now"},
		{from: 300, to: 399, what: "redirects are not followed: give the hook the address it leads to"},
		{from: 0, to: 999, what: "only 2xx is a success"},
	}
}

func meaningOf(status int) meaning {
	for _, m := range meanings() {
		if status >= m.from && status <= m.to {
			return m
		}
	}
	return meaning{what: "that is no status of HTTP"}
}

// outcome is what an answer makes of an attempt.
func outcome(d adapter.Delivery, target string, r Response, now time.Time) adapter.Outcome {
	out := adapter.Outcome{Answer: &workflow.Answer{Target: target, Status: r.Status, Body: r.Body}}
	m := meaningOf(r.Status)
	if m.made {
		out.Receipt = adapter.Receipt(strconv.Itoa(r.Status) + " " + http.StatusText(r.Status))
		return out
	}
	out.Err = fmt.Errorf("the receiver answered %d: %s", r.Status, m.what)
	out.RetryIn = delay(d)
	if m.waits {
		out.RetryIn = max(out.RetryIn, retryAfter(r.RetryAfter, now))
	}
	if m.gone {
		out.Err = &adapter.PermanentError{Err: out.Err, Reason: ReasonGone}
	}
	return out
}

// unanswered is what an attempt comes to that brought no answer.
func unanswered(d adapter.Delivery, target string, err error, took time.Duration) adapter.Outcome {
	out := adapter.Outcome{Answer: &workflow.Answer{Target: target}, RetryIn: delay(d)}
	switch {
	case Forbidden(err):
		out.Err = &adapter.PermanentError{
			Err:    fmt.Errorf("the address is not one that hooks may reach (webhook_allow lists more): %w", err),
			Reason: ReasonForbidden,
		}
	case errors.Is(err, errNotConnected):
		out.Err = err
	case errors.Is(err, context.DeadlineExceeded):
		out.Err = fmt.Errorf("the receiver did not answer within %s and may have taken it: %w", took.Round(time.Second), adapter.ErrUnknown)
	default:
		out.Err = fmt.Errorf("the receiver gave no answer and may have taken it: %w: %w", err, adapter.ErrUnknown)
	}
	return out
}

// withoutURL takes the address out of an error: it may hold a secret.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// retryAfter reads seconds or a date; 0 for neither.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseInt(header, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
