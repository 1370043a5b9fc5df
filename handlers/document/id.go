package document

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// ParseUUID reads the usual form alone, in either case.
func ParseUUID(s string) (uuid.UUID, error) {
	if len(s) != 36 {
		return uuid.Nil, errors.New("a UUID has 36 characters")
	}
	return uuid.Parse(s)
}

// ParseThreadTS reads the id of a checkpoint, which stands in the member name.
func ParseThreadTS(name, s string) (uuid.UUID, error) {
	id, err := ParseUUID(s)
	if err != nil || !workflow.TimeOrdered(id) {
		return id, domain.InvalidField(name, fmt.Sprintf("%s must be a time-ordered UUID (v1, v6 or v7), got %.64q", name, s), "send the checkpoint's id")
	}
	return id, nil
}
