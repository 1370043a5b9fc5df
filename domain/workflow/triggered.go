package workflow

import (
	"github.com/duolog/duolog/domain/trigger"
)

// Triggered says how it came that the workflow may run: each step that was taken
// before, and how its flow was chosen.
type Triggered struct {
	trigger.Record
}
