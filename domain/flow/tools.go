package flow

import (
	"slices"
)

// Tools narrows what a flow may use of what it was granted.
type Tools struct {
	// ReadOnly leaves it the tools that change nothing.
	ReadOnly bool `json:"read_only,omitempty"`
	// Names are the tools it has; empty for all.
	Names []string `json:"names,omitempty"`
}

// The privileges that tools which only read need: see Narrow.
const (
	readWriteFiles  = 1
	readOnlyGitLab  = 2
	readWriteGitLab = 3
	readOnlyFiles   = 8
)

// Narrow is what the tools leave of privileges: a flow that only reads writes nothing
// and runs nothing, whatever it was granted.
func (t Tools) Narrow(granted []int) []int {
	if !t.ReadOnly {
		return slices.Clone(granted)
	}
	var out []int
	for _, p := range granted {
		switch p {
		case readWriteFiles, readOnlyFiles:
			out = append(out, readOnlyFiles)
		case readOnlyGitLab, readWriteGitLab:
			out = append(out, readOnlyGitLab)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Allowed are the tools by name; nil for any. A flow that only reads has those of its
// tools that are known to change nothing: one that nobody knows may do anything.
func (t Tools) Allowed() []string {
	switch {
	case !t.ReadOnly && len(t.Names) == 0:
		return nil
	case !t.ReadOnly:
		return slices.Clone(t.Names)
	}
	return slices.DeleteFunc(reading(), func(tool string) bool { return len(t.Names) > 0 && !slices.Contains(t.Names, tool) })
}

// reading are the tools that change nothing, in the order of their names: those of
// GitLab's agent service under the privileges 2 and 8, what it always has, and those of
// the agents that come with Duolog.
func reading() []string {
	out := slices.Concat(
		[]string{"read_file", "read_files", "list_dir", "find_files", "grep", "list_files", "search"},
		[]string{"git_log", "git_grep", "git_grep_definition", "git_shortlog", "git_status"},
		[]string{
			"get_issue", "list_issues", "get_issue_note", "list_issue_notes", "get_epic", "list_epics", "get_epic_note", "list_epic_notes",
			"get_work_item", "list_work_items", "get_work_item_notes", "get_merge_request", "list_merge_request_diffs", "list_all_merge_request_notes",
			"get_commit", "list_commits", "get_commit_diff", "get_commit_comments", "get_repository_file", "list_repository_tree", "get_project",
			"get_job_logs", "get_pipeline_errors", "get_pipeline_failing_jobs", "get_downstream_pipelines", "list_vulnerabilities", "get_vulnerability_details",
			"get_wiki_page", "get_current_user", "gitlab_api_get", "gitlab_documentation_search", "gitlab_group_project_search", "gitlab_issue_search",
			"gitlab_merge_request_search", "gitlab_milestone_search", "gitlab__user_search", "gitlab_blob_search", "gitlab_commit_search",
			"gitlab_wiki_blob_search", "gitlab_note_search",
		},
		[]string{"todo_read", "todo_write", "ask_person"},
	)
	slices.Sort(out)
	return out
}
