package document

import (
	"errors"

	"github.com/duolog/duolog/domain"
)

// InvalidBody refuses a document that cannot be read; err is why, for the log.
func InvalidBody(message, fix string, err error) error {
	return &domain.Error{Code: domain.CodeInvalidBody, Message: message, Fix: fix, Err: err}
}

// InvalidField refuses a member; err is why, for the log.
func InvalidField(field, message, fix string, err error) error {
	refused := domain.InvalidField(field, message, fix)
	refused.Err = err
	return refused
}

// InField makes a refusal of a part one of its field.
func InField(field string, err error) error {
	e, ok := errors.AsType[*domain.Error](err)
	if !ok {
		return err
	}
	named := *e
	named.Field = field
	if named.Code == domain.CodeInvalidBody {
		named.Code = domain.CodeInvalidField
	}
	return &named
}

// Inside names the element that a refusal is about.
func Inside(at string, err error) error {
	e, ok := errors.AsType[*domain.Error](err)
	if !ok {
		return err
	}
	named := *e
	if named.Field = at; e.Field != "" {
		named.Field += "." + e.Field
	}
	return &named
}
