package cut

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// At says as of when a stream is read. The zero value is now.
type At struct {
	// field is the input that says so, text what it says.
	field, text string
	// One of these is set.
	position   *domain.Position
	time       time.Time
	checkpoint uuid.UUID
}

// Set says whether it is not now.
func (a At) Set() bool { return a.text != "" }

// Checkpoint is the checkpoint that was named; nil where none was.
func (a At) Checkpoint() uuid.UUID { return a.checkpoint }

// String is what was asked for.
func (a At) String() string { return a.text }

// ParseAt reads what a client asks for in a field: a position or its token, a time, or
// the id of a checkpoint. Empty is now. Anything else is invalid_field.
func ParseAt(field, text string, log uuid.UUID) (At, error) {
	at := At{field: field, text: text}
	if text == "" {
		return at, nil
	}
	if id, err := uuid.Parse(text); err == nil && len(text) == 36 && id != uuid.Nil {
		at.checkpoint = id
		return at, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil && t.Year() >= 1970 && t.Year() <= 9999 {
		at.time = t.UTC()
		return at, nil
	}
	position, err := domain.ParseToken(text, log)
	if err != nil {
		if strings.Contains(text, "@") {
			return At{}, invalidAt(field, text, "is not a position of this log", err)
		}
		return At{}, invalidAt(field, text, "is no position, time or checkpoint", err)
	}
	at.position = &position
	return at, nil
}

func invalidAt(field, text, why string, err error) error {
	e := domain.InvalidField(field, fmt.Sprintf("%s %.80q %s", field, text, why),
		"send a position such as 3:1042, a time such as 2026-11-21T10:00:00Z, or the thread_ts of a checkpoint")
	e.Err = err
	return e
}
