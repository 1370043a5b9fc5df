package workflow_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/internal/fuzztest"
)

// FuzzModel: what is recorded of a model's metadata has no key in it and is JSON where it
// was; what never had one stays byte for byte.
func FuzzModel(f *testing.F) {
	for _, raw := range []string{
		`{"name":"m"}`, ` {"api_key":1 , "a":[{"api\u005fkey":{}}, "api_key"]}`, `{"api_key":1,"api_key":2}`, `{"a":1} {"api_key":2}`, `{"\ud800":1,"api_key":0}`, `"api_key"`, `{"api_key"`, "",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		var events []workflow.Event
		fuzztest.Bounded(t, len(raw), func() {
			out, err := start(func(c *workflow.Start) { c.Model = raw }).Decide(workflow.State{}, nil, workflow.Env{})
			if err == nil {
				events = out.Events
			}
		})
		var recorded string
		for _, e := range events {
			if m, ok := e.(workflow.ModelChosen); ok {
				recorded = m.Metadata
			}
		}
		var before, after any
		was := json.Unmarshal([]byte(raw), &before) == nil
		is := json.Unmarshal([]byte(recorded), &after) == nil
		switch {
		case recorded == "":
			if events != nil && was && strings.TrimSpace(raw) != "" {
				t.Errorf("%q is not recorded", raw)
			}
		case was && !is:
			t.Errorf("%q is recorded as %q", raw, recorded)
		case is && keyed(after), !is && strings.Contains(recorded, "api_key"):
			t.Errorf("%q is recorded with its key: %q", raw, recorded)
		case !strings.Contains(raw, "api_key") && !strings.Contains(raw, `\u`) && recorded != raw:
			t.Errorf("%q is recorded as %q", raw, recorded)
		}
	})
}

// keyed says whether a member is called api_key, at any depth.
func keyed(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if name == "api_key" || keyed(member) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, keyed)
	}
	return false
}
