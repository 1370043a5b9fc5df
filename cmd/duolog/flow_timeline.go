package main

import (
	"github.com/duolog/duolog/domain/workflow"
)

// flowDetails says in a few words what an event holds that is about what a workflow runs
// with.
func flowDetails(e timelineEvent) string {
	switch e.Type {
	case "workflow.flow_configured":
		return clipText(e.Text["config"], 60)
	case "workflow.model_chosen":
		if m := (workflow.ModelChosen{}); e.read(&m) {
			return clipText(m.Metadata, 60)
		}
	case "workflow.model_selected":
		if m := (workflow.ModelSelected{}); e.read(&m) {
			return clipText(m.Metadata, 60)
		}
	}
	return ""
}
