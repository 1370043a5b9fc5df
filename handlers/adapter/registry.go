package adapter

import (
	"maps"
	"slices"
)

// Registry finds an adapter by the name in a callback context. It is not
// changed once made.
type Registry map[string]Adapter

// Has says whether there is such an adapter.
func (r Registry) Has(name string) bool { return r[name] != nil }

// Names lists the adapters in order.
func (r Registry) Names() []string { return slices.Sorted(maps.Keys(r)) }
