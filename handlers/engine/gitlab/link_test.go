package gitlab_test

import (
	"testing"

	"github.com/duolog/duolog/handlers/engine/gitlab"
)

func TestLink(t *testing.T) {
	t.Parallel()
	for workload, want := range map[string]string{
		"pipeline 7 of acme/duo-workspace":            "https://gitlab.example.com/acme/duo-workspace/-/pipelines/7",
		"branch workloads/acme/w/r of acme/workspace": "",
		"pipeline 7 of acme/x and more":               "",
		"pid 7@node":                                  "",
		"":                                            "",
	} {
		if got := gitlab.Link("https://gitlab.example.com", workload); got != want {
			t.Errorf("%q is seen at %q", workload, got)
		}
	}
}
