package flow

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
)

// Ask is what somebody says of the flow that they want.
type Ask struct {
	// Reference names it; empty leaves it to the policy.
	Reference string
	// Constraint is a version or a range of them; empty for the default.
	Constraint string
	// Inline is a configuration of the caller's own; nil for that of the catalog.
	Inline *Inline
}

// Inline is the configuration of a flow that the catalog does not have.
type Inline struct {
	SchemaVersion string
	Body          json.RawMessage
}

// Resolved is what a workflow records, and what it may do.
type Resolved struct {
	workflow.Flow

	// Inline is the configuration of the caller's own; nil for none.
	Inline json.RawMessage
	// PreApproved are the privileges that need no approval of a person.
	PreApproved []int
	Tools       Tools
}

// The rules that a reason names.
const (
	RuleTenant  = "tenant"
	RuleCatalog = "catalog"
	RuleFlag    = "flag"
	RuleVersion = "version"
	RuleInline  = "inline"
)

// Reason is one step of a resolution, for people.
type Reason struct {
	Rule string `json:"rule"`
	// Flag is the one that was asked, On what it said.
	Flag string `json:"flag,omitempty"`
	On   bool   `json:"on,omitempty"`
	Text string `json:"text"`
}

// Resolve makes the four values of a flow. Flags are asked by name, each once; the
// caller decides for which project. It returns flow_not_enabled for a flow that is not
// there and invalid_field for what cannot be resolved, each with what there is.
func (c Catalog) Resolve(reference string, flags func(name string) bool, inline *Inline, constraint string) (Resolved, []Reason, error) {
	f, known := c.Find(reference)
	switch {
	case inline != nil:
		return c.resolveInline(reference, known, *inline, constraint)
	case !known:
		return Resolved{}, nil, c.unknown(reference)
	}
	config, reasons := f.choose(flags)
	pins, reason, err := config.pick(constraint)
	return f.resolved(pins), append(reasons, reason), err
}

// choose is the configuration that the flags lead to.
func (f Flow) choose(flags func(name string) bool) (Config, []Reason) {
	reasons := []Reason{{Rule: RuleCatalog, Text: f.Reference + " is a flow of the catalog"}}
	for _, v := range f.Variants {
		on := flags(v.Flag)
		r := Reason{Rule: RuleFlag, Flag: v.Flag, On: on, Text: "the flag " + v.Flag + " is off"}
		if on {
			r.Text = fmt.Sprintf("the flag %s is on: %s takes its place", v.Flag, v.Definition)
			return v.Config, append(reasons, r)
		}
		reasons = append(reasons, r)
	}
	return f.Config, reasons
}

// pick takes the version that was asked for, or the default.
func (c Config) pick(asked string) (workflow.Flow, Reason, error) {
	switch {
	case asked == "" && c.DefaultVersion == "":
		return c.pins(""), Reason{Rule: RuleVersion, Text: c.Definition + " has no versions"}, nil
	case asked == "":
		return c.pins(c.DefaultVersion), Reason{Rule: RuleVersion, Text: c.DefaultVersion + " is the default version"}, nil
	case len(c.Versions) == 0:
		return workflow.Flow{}, Reason{}, domain.InvalidField("flow_version", c.Definition+" has no versions", "leave flow_version out")
	}
	want, err := parseConstraint(asked)
	if err != nil {
		return workflow.Flow{}, Reason{}, err
	}
	found, ok := want.highest(c.Versions)
	if !ok {
		return workflow.Flow{}, Reason{}, domain.InvalidField("flow_version",
			fmt.Sprintf("no version of %s is %s", c.Definition, asked), "ask for one of "+strings.Join(c.Versions, ", "))
	}
	return c.pins(found), Reason{Rule: RuleVersion, Text: fmt.Sprintf("%s is the highest version that %s allows", found, asked)}, nil
}

func (f Flow) resolved(pins workflow.Flow) Resolved {
	out := Resolved{Flow: pins, PreApproved: slices.Clone(f.PreApproved), Tools: f.Tools}
	if len(out.PreApproved) == 0 {
		out.PreApproved = defaultPreApproved()
	}
	return out
}

// resolveInline takes a configuration of the caller's own as it is.
func (c Catalog) resolveInline(reference string, known bool, inline Inline, constraint string) (Resolved, []Reason, error) {
	var err error
	switch {
	case reference == "":
		err = domain.InvalidField("workflow_definition", "a flow_config needs a name", "send workflow_definition with it")
	case known:
		err = domain.InvalidField("flow_config", reference+" is a flow of the catalog and has its own configuration", "leave flow_config out, or give the flow another name")
	case constraint != "":
		err = withoutVersions()
	case inline.SchemaVersion != "v1" && inline.SchemaVersion != "experimental":
		err = domain.InvalidField("flow_config_schema_version", fmt.Sprintf("flow_config_schema_version must say how to read flow_config, got %.40q", inline.SchemaVersion), "send v1 or experimental")
	}
	if err != nil {
		return Resolved{}, nil, err
	}
	out := Flow{}.resolved(workflow.Flow{Definition: reference, SchemaVersion: inline.SchemaVersion})
	out.Inline = inline.Body
	return out, []Reason{{Rule: RuleInline, Text: reference + " brings its configuration"}}, nil
}

// withoutVersions is the refusal of a version of what its caller brings.
func withoutVersions() error {
	return domain.InvalidField("flow_version", "a flow_config has no versions", "leave flow_version out")
}
