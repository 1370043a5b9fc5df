package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/duolog/duolog/domain"
)

// codeMethod is the one code of HTTP alone.
const codeMethod domain.Code = "method_not_allowed"

// statusOf is the one table from codes to statuses.
func statusOf(code domain.Code) int {
	switch code {
	case domain.CodeInvalidField, domain.CodeInvalidBody, domain.CodeUnknownEvent, domain.CodeIllegalStatus:
		return http.StatusBadRequest
	case domain.CodeUnauthenticated, domain.CodeTokenInvalid, domain.CodeTokenExpired, domain.CodeTokenRevoked,
		domain.CodeWrongAudience, domain.CodeUnknownIssuer:
		return http.StatusUnauthorized
	case domain.CodeForbidden, domain.CodeReadOnly, domain.CodeFlowNotEnabled,
		domain.CodeScope, domain.CodeAccessDenied:
		return http.StatusForbidden
	case domain.CodeNotFound:
		return http.StatusNotFound
	case domain.CodeGone:
		return http.StatusGone
	case codeMethod:
		return http.StatusMethodNotAllowed
	case domain.CodeConflict, domain.CodeStaleRun, domain.CodeWorkflowEnded, domain.CodeWorkflowBusy,
		domain.CodeThreadDeleted, domain.CodeStaleWriter, domain.CodeSendWhole:
		return http.StatusConflict
	case domain.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case domain.CodeKeyReused, domain.CodeNamespaceMissing, domain.CodeWorkspaceProject, domain.CodeServiceAccount, domain.CodeExecuteFailed:
		return http.StatusUnprocessableEntity
	case domain.CodeRateLimited:
		return http.StatusTooManyRequests
	case domain.CodeNotNow, domain.CodeStreamStopped, domain.CodeLogUnsafe:
		return http.StatusServiceUnavailable
	case domain.CodeInternal:
	}
	return http.StatusInternalServerError
}

// retryAfter is how many seconds to wait before the same request may fare
// better; empty where it will not.
func retryAfter(code domain.Code) string {
	switch statusOf(code) {
	case http.StatusTooManyRequests:
		return "1"
	case http.StatusServiceUnavailable:
		if code == domain.CodeNotNow {
			return "1"
		}
		return "10"
	}
	return ""
}

// refusalOf is what a client is told of an error. What is not a *domain.Error
// is ours, and its text stays in the log.
func refusalOf(err error) *domain.Error {
	if e, ok := errors.AsType[*domain.Error](err); ok {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return notNow("there was no answer within the deadline")
	}
	return &domain.Error{Code: domain.CodeInternal, Message: "the server could not carry this out", Fix: "send it again; if it stays, the request_id finds the cause in the server's log"}
}

func notNow(message string) *domain.Error {
	return &domain.Error{Code: domain.CodeNotNow, Message: message, Fix: "send the same request again"}
}

func notFound(what, fix string) error {
	return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such " + what, Fix: fix}
}

// noSuchWorkflow is also what is said of other people's workflows.
func noSuchWorkflow() error {
	return notFound("workflow", "check the id; duolog workflow list shows yours")
}

func tooLarge(field, message, fix string) error {
	return &domain.Error{Code: domain.CodeTooLarge, Field: field, Message: message, Fix: fix}
}

// errorBody is the one shape of a refusal.
func errorBody(e *domain.Error, requestID string) []byte {
	o := object{b: make([]byte, 0, 512)}
	o.text("code", string(e.Code))
	o.text("message", e.Message)
	o.text("field", e.Field)
	o.text("fix", e.Fix)
	o.text("request_id", requestID)
	return o.end()
}
