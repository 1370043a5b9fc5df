package workflows

import (
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// maxNumber is the largest number that every client reads exactly.
const maxNumber = 1 << 53

// Ref names a workflow as people and machines do: by number or by UUID.
type Ref struct {
	// ID is set for a UUID, else Number counts.
	ID     uuid.UUID
	Number int64
}

// ParseRef reads what stands in a path.
func ParseRef(s string) (Ref, error) {
	if id, err := uuid.Parse(s); err == nil && len(s) == 36 && id != uuid.Nil {
		return Ref{ID: id}, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > maxNumber || strconv.FormatInt(n, 10) != s {
		return Ref{}, domain.InvalidField("id", fmt.Sprintf("id must be a workflow's number or UUID, got %.64q", s), "send one of those that creating the workflow returned")
	}
	return Ref{Number: n}, nil
}

func notFound() error {
	return &domain.Error{Code: domain.CodeNotFound, Message: "there is no such workflow", Fix: "check the id; duolog workflow list shows yours"}
}
