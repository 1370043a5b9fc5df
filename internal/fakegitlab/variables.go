package fakegitlab

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// maxVariable bounds the value of a variable of a project.
const maxVariable = 10_000

type variableWire struct {
	Key         string  `json:"key"`
	Value       *string `json:"value"`
	Type        string  `json:"variable_type"`
	Protected   bool    `json:"protected"`
	Masked      bool    `json:"masked"`
	Hidden      bool    `json:"hidden"`
	Raw         bool    `json:"raw"`
	Environment string  `json:"environment_scope"`
	Description string  `json:"description"`
}

func newVariableWire(v *instance.Variable) variableWire {
	out := variableWire{
		Key: v.Key, Type: v.Type, Protected: v.Protected, Masked: v.Masked, Hidden: v.Hidden, Raw: v.Raw,
		Environment: v.Environment, Description: v.Description,
	}
	if !v.Hidden {
		value := v.Value
		out.Value = &value
	}
	return out
}

func listVariables(c *call) (any, error) {
	p, err := c.project(instance.Maintainer)
	if err != nil {
		return nil, err
	}
	return wires(page(c, c.s.state.VariablesOf(p.ID)), newVariableWire), nil
}

// filter is filter[environment_scope], which tells variables of one key apart.
func (c *call) filter() string {
	if hash, ok := c.params["filter"].(map[string]any); ok {
		if scope, ok := hash["environment_scope"].(string); ok {
			return scope
		}
	}
	return c.str("filter[environment_scope]")
}

// variable is the variable of the path.
func (c *call) variable() (*instance.Project, *instance.Variable, error) {
	p, err := c.project(instance.Maintainer)
	if err != nil {
		return nil, nil, err
	}
	scope := c.filter()
	found := slices.DeleteFunc(c.s.state.VariablesOf(p.ID), func(v *instance.Variable) bool {
		return v.Key != c.PathValue("key") || scope != "" && v.Environment != scope
	})
	switch len(found) {
	case 0:
		return nil, nil, notFound("Variable")
	case 1:
		return p, found[0], nil
	}
	return nil, nil, refuse(http.StatusConflict, "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'")
}

func getVariable(c *call) (any, error) {
	_, v, err := c.variable()
	if err != nil {
		return nil, err
	}
	return newVariableWire(v), nil
}

func createVariable(c *call) (any, error) {
	p, err := c.project(instance.Maintainer)
	if err != nil {
		return nil, err
	}
	key, err := c.need("key")
	if err != nil {
		return nil, err
	}
	v := instance.Variable{Project: p.ID, Key: key, Type: "env_var", Environment: "*"}
	if err := c.set(&v); err != nil {
		return nil, err
	}
	for _, other := range c.s.state.VariablesOf(p.ID) {
		if other.Key == key && other.Environment == v.Environment {
			return nil, invalid("key", "("+key+") has already been taken")
		}
	}
	c.s.state.Variables = append(c.s.state.Variables, &v)
	c.created()
	return newVariableWire(&v), nil
}

func validKey(key string) bool { return regexp.MustCompile(`^[A-Za-z0-9_]{1,255}$`).MatchString(key) }

// set takes the call's parameters over into a variable, if they are valid.
func (c *call) set(v *instance.Variable) error {
	next := *v
	if c.has("value") {
		next.Value = c.str("value")
	}
	next.Type = cmp.Or(c.str("variable_type"), next.Type)
	next.Environment = cmp.Or(c.str("environment_scope"), next.Environment)
	next.Description = cmp.Or(c.str("description"), next.Description)
	next.Hidden = c.flag("masked_and_hidden", next.Hidden)
	next.Masked = c.flag("masked", next.Masked) || next.Hidden
	next.Protected, next.Raw = c.flag("protected", next.Protected), c.flag("raw", next.Raw)
	switch {
	case !validKey(next.Key):
		return invalid("key", "can contain only letters, digits and '_'.")
	case len(next.Value) > maxVariable:
		return invalid("value", "is too long (maximum is 10000 characters)")
	case next.Masked && !maskable(next):
		return invalid("value", "is invalid")
	}
	*v = next
	return nil
}

// maskable are values of one line, at least 8 long, without blanks; those that
// are expanded also without what could be a reference.
func maskable(v instance.Variable) bool {
	pattern := `^[a-zA-Z0-9_+=/@:.~-]{8,}$`
	if v.Raw {
		pattern = `^\S{8,}$`
	}
	return regexp.MustCompile(pattern).MatchString(v.Value)
}

func editVariable(c *call) (any, error) {
	_, v, err := c.variable()
	if err != nil {
		return nil, err
	}
	if err := c.set(v); err != nil {
		return nil, err
	}
	return newVariableWire(v), nil
}

func deleteVariable(c *call) (any, error) {
	p, v, err := c.variable()
	if err != nil {
		return nil, err
	}
	c.s.state.Variables = slices.DeleteFunc(c.s.state.Variables, func(other *instance.Variable) bool {
		return other.Project == p.ID && other == v
	})
	return nil, nil //nolint:nilnil // an answer without a body
}
