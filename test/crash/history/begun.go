package history

import (
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
)

// Order is one thing that was asked for: by a message, whose id is the goal, or by a
// start under a key of the client's.
type Order struct {
	Tenant domain.Tenant
	Goal   string
	// Command is that of a start, nil for a message.
	Command uuid.UUID
}

// Keyed says whether it is a start, and no message.
func (o Order) Keyed() bool { return o.Command != uuid.Nil }

// Begun says whether each order began one workflow, and whether all workflows of their
// tenants were ordered.
func Begun(j *Journal, orders []Order) []Violation {
	begun := make([]int, len(orders))
	tenants := map[domain.Tenant]bool{}
	for _, o := range orders {
		tenants[o.Tenant] = true
	}
	var found []Violation
	each(j, func(stream domain.StreamID, commands []uuid.UUID, kind string, e workload) {
		if kind != "workflow.created" || !tenants[stream.Tenant] {
			return
		}
		i := slices.IndexFunc(orders, func(o Order) bool {
			return o.Tenant == stream.Tenant && (o.Keyed() && slices.Contains(commands, o.Command) || !o.Keyed() && e.Trigger.MessageID == o.Goal)
		})
		if i < 0 {
			found = append(found, Violation{"nothing from nowhere", fmt.Sprintf("nobody asked for %s", stream)})
			return
		}
		begun[i]++
	})
	for i, n := range begun {
		if n != 1 {
			found = append(found, Violation{"each order is one workflow", fmt.Sprintf("%q in %s is %d workflows", orders[i].Goal, orders[i].Tenant, n)})
		}
	}
	return found
}
