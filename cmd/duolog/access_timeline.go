package main

import (
	"slices"

	"github.com/duolog/duolog/domain/access"
	"github.com/duolog/duolog/domain/workflow"
)

// accessDetails says in a few words who was allowed what, or was not.
func accessDetails(e timelineEvent) string {
	switch e.Type {
	case "workflow.access_decided":
		if d := (workflow.AccessDecided{}); e.read(&d) {
			return decisionText(access.Decision(d), string(d.Action))
		}
	case "workflow.tool_decided":
		if d := (workflow.ToolDecided{}); e.read(&d) {
			return decisionText(d.Decision(), "use "+d.Tool)
		}
	}
	return ""
}

// decisionText is a decision in one line: a denial with what denied it.
func decisionText(d access.Decision, doing string) string {
	if d.Allowed {
		return "✓ " + d.User + " may " + doing
	}
	text := "✗ " + d.User + " may not " + doing
	i := slices.IndexFunc(d.Parts, func(p access.Part) bool { return p.Rule == d.Rule })
	if i < 0 {
		return text
	}
	return text + " · " + string(d.Rule) + ": " + d.Parts[i].Says
}
