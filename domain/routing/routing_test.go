package routing_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/routing"
)

// TestE7: surface, place and first word choose the flow, the first rule that
// matches wins, and the decision says which it was.
func TestE7(t *testing.T) {
	t.Parallel()
	rules := []routing.Rule{
		{Adapter: "gitlab", Word: "/review", Flow: "code_review/v1"},
		{Place: "#ci-*", Word: "fix", Flow: "fix_pipeline/v1"},
		{Adapter: "slack", Place: "a*b*c", Flow: "special/v1"},
		{Adapter: "teams", Flow: "teams/v1"},
	}
	for name, c := range map[string]struct {
		message routing.Message
		want    routing.Decision
	}{
		"surface and word":          {routing.Message{Adapter: "gitlab", Place: "acme/web!12", Task: "/review please"}, routing.Decision{Flow: "code_review/v1", Rule: 1, Why: "adapter gitlab, first word /review"}},
		"another surface":           {routing.Message{Adapter: "slack", Place: "x", Task: "/review please"}, routing.Decision{Flow: "developer/v1", Why: "it is the default: no rule matches"}},
		"place and word":            {routing.Message{Adapter: "slack", Place: "ci-main", Task: "Fix: the build"}, routing.Decision{Flow: "fix_pipeline/v1", Rule: 2, Why: "place #ci-*, first word fix"}},
		"the word is not the first": {routing.Message{Adapter: "console", Place: "#ci-main", Task: "please fix it"}, routing.Decision{Flow: "developer/v1", Why: "it is the default: no rule matches"}},
		"the word goes on":          {routing.Message{Adapter: "console", Place: "ci-", Task: "fixtures"}, routing.Decision{Flow: "developer/v1", Why: "it is the default: no rule matches"}},
		"several wildcards":         {routing.Message{Adapter: "slack", Place: "a1b2c"}, routing.Decision{Flow: "special/v1", Rule: 3, Why: "adapter slack, place a*b*c"}},
		"parts do not overlap":      {routing.Message{Adapter: "slack", Place: "abc-"}, routing.Decision{Flow: "developer/v1", Why: "it is the default: no rule matches"}},
		"surface alone":             {routing.Message{Adapter: "teams"}, routing.Decision{Flow: "teams/v1", Rule: 4, Why: "adapter teams"}},
		"it asks for one":           {routing.Message{Adapter: "teams", Asked: "chat/v1"}, routing.Decision{Flow: "chat/v1", Why: "it was asked for"}},
	} {
		if diff := cmp.Diff(c.want, routing.Decide(rules, c.message, "developer/v1")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	everything := []routing.Rule{{Flow: "a/v1"}, {Flow: "b/v1"}}
	if got := routing.Decide(everything, routing.Message{}, "c/v1"); got != (routing.Decision{Flow: "a/v1", Rule: 1, Why: "everything"}) {
		t.Errorf("the first rule that matches is %+v", got)
	}
	if got := routing.Decide(nil, routing.Message{}, "c/v1"); got != (routing.Decision{Flow: "c/v1", Why: "it is the default"}) {
		t.Errorf("without rules: %+v", got)
	}
}

func TestRulesAreChecked(t *testing.T) {
	t.Parallel()
	for field, rule := range map[string]routing.Rule{
		"flow": {Word: "fix"}, "word": {Word: "fix it", Flow: "a/v1"}, "place": {Place: "\x00", Flow: "a/v1"},
	} {
		e, ok := rule.Validate().(*domain.Error) //nolint:errorlint // the shape is the point
		if !ok || e.Field != field || e.Fix == "" {
			t.Errorf("%+v: %v", rule, e)
		}
	}
	if err := (routing.Rule{Adapter: "slack", Place: "#a*", Word: "/fix", Flow: "a/v1"}).Validate(); err != nil {
		t.Error(err)
	}
}
