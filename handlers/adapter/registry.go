package adapter

import (
	"maps"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain/workflow"
)

// Registry finds an adapter by the name in a callback context. It is not
// changed once made.
type Registry map[string]Adapter

// Has says whether there is such an adapter.
func (r Registry) Has(name string) bool { return r.Find(name) != nil }

// Find is the adapter of that name, nil for none. What follows a slash is the
// hook that the adapter shall tell.
func (r Registry) Find(name string) Adapter {
	kind, _, _ := strings.Cut(name, workflow.LaneHook)
	return r[kind]
}

// Names lists the adapters in order.
func (r Registry) Names() []string { return slices.Sorted(maps.Keys(r)) }
