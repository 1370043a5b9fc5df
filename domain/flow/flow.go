package flow

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/duolog/duolog/domain/workflow"
)

// Flow is one entry of the catalog: a flow that comes with the product.
type Flow struct {
	// Reference is what people ask for: developer/v1.
	Reference   string `json:"reference"`
	Description string `json:"description"`
	// Maturity is general, beta or experimental; legacy for what older clients name.
	Maturity string `json:"maturity"`
	// Plan is the licence that the flow needs; empty for any.
	Plan string `json:"plan,omitempty"`

	Config

	// Variants take the place of the flow where their flag is on, the first of them
	// that is.
	Variants []Variant `json:"variants,omitempty"`
	// Privileges are those its tools are about; empty where they are not known.
	Privileges []int `json:"agent_privileges,omitempty"`
	// PreApproved are those that need no approval of a person; empty for the default.
	PreApproved []int `json:"pre_approved_agent_privileges,omitempty"`
	Tools       Tools `json:"tools,omitzero"`
	// Environment is ambient, chat or ide.
	Environment string `json:"environment"`
	// CodingEnvironment is full, or none where the flow needs no checkout.
	CodingEnvironment string `json:"coding_environment"`
	// Engines are those that the flow prefers, the best first; empty for any.
	Engines []string `json:"engines,omitempty"`
}

// Config names a configuration and the versions there are of it. One without an id is
// what older clients know by its definition alone.
type Config struct {
	// Definition is what the workflow is called where the id is not known.
	Definition    string   `json:"definition"`
	ConfigID      string   `json:"config_id,omitempty"`
	SchemaVersion string   `json:"schema_version,omitempty"`
	Versions      []string `json:"versions,omitempty"`
	// DefaultVersion is what runs where nobody asks for another.
	DefaultVersion string `json:"default_version,omitempty"`
}

// Variant is another configuration of a flow behind a flag.
type Variant struct {
	Flag string `json:"flag"`
	Config
}

// Granted are the privileges that each executed flow is granted, whatever triggers it.
func Granted() []int { return []int{1, 2, 3, 4, 5, 6} }

// defaultPreApproved need no approval where a flow does not say which.
func defaultPreApproved() []int { return []int{1, 2, 3, 5} }

// Parse reads one file of the catalog.
func Parse(raw []byte) (Flow, error) {
	var f Flow
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("read a flow of the catalog: %w", err)
	}
	return f, f.validate()
}

func (f Flow) validate() error {
	if f.Reference == "" {
		return fmt.Errorf("a flow of the catalog has no reference")
	}
	configs := []Config{f.Config}
	for _, v := range f.Variants {
		if v.Flag == "" {
			return fmt.Errorf("a variant of flow %s has no flag", f.Reference)
		}
		configs = append(configs, v.Config)
	}
	for _, c := range configs {
		if err := c.validate(); err != nil {
			return fmt.Errorf("flow %s: %w", f.Reference, err)
		}
	}
	return nil
}

func (c Config) validate() error {
	for _, v := range c.Versions {
		if _, err := parseVersion(v); err != nil {
			return fmt.Errorf("%s: %w", c.Definition, err)
		}
	}
	switch {
	case c.Definition == "":
		return fmt.Errorf("a configuration has no definition")
	case c.ConfigID == "" && (c.SchemaVersion != "" || len(c.Versions) > 0):
		return fmt.Errorf("%s has versions and no configuration id", c.Definition)
	case c.ConfigID != "" && (c.SchemaVersion == "" || !slices.Contains(c.Versions, c.DefaultVersion)):
		return fmt.Errorf("%s needs a schema version, and a default among its versions", c.Definition)
	}
	return nil
}

// pins are the four values of a version of the configuration.
func (c Config) pins(version string) workflow.Flow {
	return workflow.Flow{Definition: c.Definition, ConfigID: c.ConfigID, SchemaVersion: c.SchemaVersion, Version: version}
}

// records says whether a workflow that recorded pins runs this configuration.
func (c Config) records(pins workflow.Flow) bool {
	return c.Definition == pins.Definition && (pins.ConfigID == "" || c.ConfigID == pins.ConfigID)
}
