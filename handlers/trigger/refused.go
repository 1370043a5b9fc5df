package trigger

import (
	"errors"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/trigger"
)

// RefusedError is a trigger that was refused: why, and how far it came.
type RefusedError struct {
	Err    *domain.Error
	Record trigger.Record
}

func (r *RefusedError) Error() string { return r.Err.Error() }

// Unwrap gives the refusal to errors.As and errors.Is.
func (r *RefusedError) Unwrap() error { return r.Err }

// RecordOf is how far a trigger came that was refused; nil for any other error.
func RecordOf(err error) *trigger.Record {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return &r.Record
	}
	return nil
}

// wrapped says that a step was refused because of something else that was: it keeps
// the words and the fix, under the code of the step. What could not be told stays.
func wrapped(code domain.Code, what string, err error) error {
	cause, ok := errors.AsType[*domain.Error](err)
	if !ok || cause.Code == domain.CodeNotNow || cause.Code == domain.CodeRateLimited || cause.Code == domain.CodeLogUnsafe {
		return err
	}
	return &domain.Error{Code: code, Message: what + ": " + cause.Message, Field: cause.Field, Fix: cause.Fix, Err: cause.Err}
}

// ExecuteFailed is the refusal of a start that came to its last step.
func ExecuteFailed(err error) error {
	return wrapped(domain.CodeExecuteFailed, "the workflow could not be started", err)
}

// missing says whether what was asked for is not there.
func missing(err error) bool {
	return domain.CodeOf(err) == domain.CodeNotFound || domain.CodeOf(err) == domain.CodeGone
}
