package flow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/duolog/duolog/domain"
)

// maxConstraint bounds what somebody may ask for as a version, in bytes.
const maxConstraint = 64

// constraint says which versions are taken, as Poetry writes it: 2.0.0, ^2.0.0,
// ~2.1, >=1.0,<3.0, *.
type constraint struct {
	text   string
	bounds []bound
}

// bound is one comparison.
type bound struct {
	operator string
	with     version
}

// parseConstraint reads a constraint. It returns invalid_field for anything else.
func parseConstraint(s string) (constraint, error) {
	c := constraint{text: s}
	if err := domain.CheckText("flow_version", s, maxConstraint); err != nil {
		return c, err
	}
	for part := range strings.SplitSeq(s, ",") {
		bounds, err := parseBound(strings.TrimSpace(part))
		if err != nil {
			return c, badConstraint(s)
		}
		c.bounds = append(c.bounds, bounds...)
	}
	return c, nil
}

func badConstraint(s string) error {
	return domain.InvalidField("flow_version", fmt.Sprintf("flow_version is neither a version nor a constraint: %.80q", s), "send a version like 2.0.0, or a constraint like ^2.0.0, ~2.1 or >=1.0.0,<3.0.0")
}

func parseBound(s string) ([]bound, error) {
	if s == "*" {
		return []bound{{operator: ">="}}, nil
	}
	operator := s[:len(s)-len(strings.TrimLeft(s, "^~<>="))]
	v, parts, err := parsePartial(strings.TrimSpace(s[len(operator):]))
	if err != nil {
		return nil, err
	}
	switch operator {
	case "^":
		return []bound{{">=", v}, {"<", v.caret(parts)}}, nil
	case "~":
		return []bound{{">=", v}, {"<", v.tilde(parts)}}, nil
	case "", "=", "==":
		return []bound{{"=", v}}, nil
	case ">=", ">", "<=", "<":
		return []bound{{operator, v}}, nil
	}
	return nil, fmt.Errorf("%q is no operator", operator)
}

// caret is the first version that may break what works with v.
func (v version) caret(parts int) version {
	switch {
	case v.major > 0 || parts == 1:
		return version{major: v.major + 1}
	case v.minor > 0 || parts == 2:
		return version{minor: v.minor + 1}
	}
	return version{patch: v.patch + 1}
}

// tilde is the first version that adds to what v has.
func (v version) tilde(parts int) version {
	if parts == 1 {
		return version{major: v.major + 1}
	}
	return version{major: v.major, minor: v.minor + 1}
}

// exact says that one version was named.
func (c constraint) exact() bool { return len(c.bounds) == 1 && c.bounds[0].operator == "=" }

// allows says whether a version is taken. A pre-release is only where it is named.
func (c constraint) allows(v version) bool {
	if v.pre != "" && !c.exact() {
		return false
	}
	return !slices.ContainsFunc(c.bounds, func(b bound) bool { return !b.allows(v) })
}

func (b bound) allows(v version) bool {
	order := v.compare(b.with)
	switch b.operator {
	case "=":
		return order == 0
	case ">=":
		return order >= 0
	case ">":
		return order > 0
	case "<=":
		return order <= 0
	}
	return order < 0
}

// highest is the greatest of the versions that are allowed; false for none.
func (c constraint) highest(versions []string) (string, bool) {
	best, found := version{}, ""
	for _, s := range versions {
		v, err := parseVersion(s)
		if err == nil && c.allows(v) && (found == "" || v.compare(best) > 0) {
			best, found = v, s
		}
	}
	return found, found != ""
}
