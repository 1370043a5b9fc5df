package domain

import (
	"errors"
	"fmt"
)

// Code is the stable name of a kind of failure. Clients match on it.
type Code string

// The codes that cross a boundary. handlers/api maps each to an HTTP status in
// one table.
const (
	CodeInvalidField     Code = "invalid_field"
	CodeInvalidBody      Code = "invalid_body"
	CodeTooLarge         Code = "too_large"
	CodeUnauthenticated  Code = "unauthenticated"
	CodeForbidden        Code = "forbidden"
	CodeNotFound         Code = "not_found"
	CodeGone             Code = "gone"
	CodeConflict         Code = "conflict"
	CodeUnknownEvent     Code = "unsupported_status_event"
	CodeIllegalStatus    Code = "illegal_status_transition"
	CodeStaleRun         Code = "stale_run"
	CodeWorkflowEnded    Code = "workflow_ended"
	CodeKeyReused        Code = "idempotency_key_reused"
	CodeRateLimited      Code = "rate_limited"
	CodeNotNow           Code = "not_now"
	CodeStreamStopped    Code = "stream_stopped"
	CodeLogUnsafe        Code = "log_unsafe"
	CodeReadOnly         Code = "read_only"
	CodeInternal         Code = "internal"
	CodeFlowNotEnabled   Code = "flow_not_enabled"
	CodeNamespaceMissing Code = "namespace_not_configured"
	CodeWorkspaceProject Code = "workspace_project_error"
	CodeServiceAccount   Code = "service_account_error"
	CodeExecuteFailed    Code = "execute_workflow_failed"
	CodeWorkflowBusy     Code = "workflow_busy"
	CodeThreadDeleted    Code = "thread_deleted"
	CodeStaleWriter      Code = "stale_writer"
	CodeSendWhole        Code = "send_whole"
	CodeTokenInvalid     Code = "token_invalid"
	CodeTokenExpired     Code = "token_expired"
	CodeTokenRevoked     Code = "token_revoked"
	CodeWrongAudience    Code = "wrong_audience"
	CodeUnknownIssuer    Code = "unknown_issuer"
	CodeScope            Code = "insufficient_scope"
	CodeAccessDenied     Code = "access_denied"
)

// Error is the one error shape of the product: what is wrong, which field says
// so, and what to do about it.
type Error struct {
	Code    Code
	Message string
	// Field is the input that is wrong, where one is.
	Field string
	// Fix is what the reader can do.
	Fix string
	Err error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, &Error{Code: c}) compare codes.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Message == "" && t.Code == e.Code
}

// CodeOf is the code of err, or internal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// InvalidField is the refusal of one input.
func InvalidField(field, message, fix string) *Error {
	return &Error{Code: CodeInvalidField, Field: field, Message: message, Fix: fix}
}
