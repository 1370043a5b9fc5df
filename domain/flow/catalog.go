package flow

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// Catalog is the flows that come with the product, by reference.
type Catalog struct{ flows map[string]Flow }

// NewCatalog refuses two flows of one reference.
func NewCatalog(list []Flow) (Catalog, error) {
	c := Catalog{map[string]Flow{}}
	for _, f := range list {
		if _, taken := c.flows[f.Reference]; taken {
			return c, fmt.Errorf("the catalog has two flows %s", f.Reference)
		}
		c.flows[f.Reference] = f
	}
	return c, nil
}

// References lists what people can ask for, in order.
func (c Catalog) References() []string { return slices.Sorted(maps.Keys(c.flows)) }

// Find is the flow of a reference.
func (c Catalog) Find(reference string) (Flow, bool) {
	f, ok := c.flows[reference]
	return f, ok
}

// Recorded is the flow, and the configuration of it, that a workflow with these values
// runs; false for one that the catalog does not know, or does not know any more.
func (c Catalog) Recorded(pins workflow.Flow) (Flow, Config, bool) {
	for _, reference := range c.References() {
		f := c.flows[reference]
		if f.records(pins) {
			return f, f.Config, true
		}
		for _, v := range f.Variants {
			if v.records(pins) {
				return f, v.Config, true
			}
		}
	}
	return Flow{}, Config{}, false
}

// ReferenceOf is what a workflow with these values was asked for as; a flow that the
// catalog does not know is what it was pinned to.
func (c Catalog) ReferenceOf(pins workflow.Flow) string {
	f, _, _ := c.Recorded(pins)
	return cmp.Or(f.Reference, pins.Definition)
}

// unknown is the refusal of a flow that is not in the catalog.
func (c Catalog) unknown(reference string) error {
	return &domain.Error{
		Code: domain.CodeFlowNotEnabled, Field: "workflow_definition", Message: fmt.Sprintf("there is no %.80q flow in the catalog", reference),
		Fix: "ask for one of " + strings.Join(c.References(), ", "),
	}
}
