package fakegitlab

import (
	"time"

	"github.com/duolog/duolog/internal/fakegitlab/instance"
)

// Events as hooks get them. Their times are text in a form of their own.

func stamp(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.Format("2006-01-02 15:04:05 MST")
}

func (s *Server) eventUser(id int64) map[string]any {
	u := s.user(id)
	return map[string]any{"id": u.ID, "name": u.Name, "username": u.Username, "avatar_url": nil, "email": "[REDACTED]"}
}

func (s *Server) eventProject(id int64) map[string]any {
	p := s.state.Projects[id]
	at := s.projectURL(id)
	levels := map[string]int{instance.Private: 0, "internal": 10, instance.Public: 20}
	return map[string]any{
		"id": p.ID, "name": p.Name, "description": p.Description, "web_url": at, "avatar_url": nil, "git_http_url": at + ".git",
		"namespace": s.state.Groups[p.Group].Name, "visibility_level": levels[p.Visibility], "path_with_namespace": p.FullPath,
		"default_branch": p.DefaultBranch, "homepage": at, "url": at + ".git", "http_url": at + ".git",
	}
}

func (s *Server) eventRepository(id int64) map[string]any {
	p := s.state.Projects[id]
	return map[string]any{"name": p.Name, "url": s.projectURL(id) + ".git", "description": p.Description, "homepage": s.projectURL(id)}
}

// tellPipeline tells of what changed in a pipeline and its jobs since it was
// told last.
func (s *Server) tellPipeline(p *instance.Pipeline) {
	for _, j := range s.state.JobsOf(p, true) {
		if j.Told != j.Status {
			j.Told = j.Status
			s.tell(p.Project, jobEvents, "Job Hook", s.jobEvent(p, j))
		}
	}
	if p.Told != p.Status {
		p.Told = p.Status
		s.tell(p.Project, pipelineEvents, "Pipeline Hook", s.pipelineEvent(p))
	}
}

func (s *Server) pipelineEvent(p *instance.Pipeline) map[string]any {
	variables := make([]map[string]string, len(p.Variables))
	for i, v := range p.Variables {
		variables[i] = map[string]string{"key": v.Key, "value": v.Value}
	}
	builds := []map[string]any{}
	for _, j := range s.state.JobsOf(p, false) {
		builds = append(builds, s.eventBuild(j))
	}
	return map[string]any{
		"object_kind": "pipeline",
		"object_attributes": map[string]any{
			"id": p.ID, "iid": p.IID, "name": optional(p.Name), "ref": p.Ref, "tag": false, "sha": p.SHA, "before_sha": zeroSHA, "source": p.Source,
			"status": p.Status, "detailed_status": p.Status, "stages": p.Stages, "created_at": stamp(&p.CreatedAt), "finished_at": stamp(p.FinishedAt),
			"duration": between(p.StartedAt, p.FinishedAt), "queued_duration": between(&p.CreatedAt, p.StartedAt), "variables": variables,
			"url": s.projectURL(p.Project) + "/-/pipelines/" + number(p.ID),
		},
		"merge_request": nil, "user": s.eventUser(p.User), "project": s.eventProject(p.Project),
		"commit": map[string]any{"id": p.SHA, "title": p.Title, "message": p.Title, "url": s.projectURL(p.Project) + "/-/commit/" + p.SHA},
		"builds": builds,
	}
}

func (s *Server) eventBuild(j *instance.Job) map[string]any {
	out := map[string]any{
		"id": j.ID, "stage": j.Stage, "name": j.Name, "status": j.Status, "created_at": stamp(&j.CreatedAt), "started_at": stamp(j.StartedAt),
		"finished_at": stamp(j.FinishedAt), "duration": seconds(j.StartedAt, j.FinishedAt), "queued_duration": seconds(j.QueuedAt, j.StartedAt),
		"failure_reason": optional(j.Reason), "when": "on_success", "manual": false, "allow_failure": j.AllowFail, "user": s.eventUser(j.User),
		"runner": nil, "artifacts_file": map[string]any{"filename": nil, "size": nil}, "environment": nil,
	}
	if j.Runner > 0 {
		out["runner"] = s.eventRunner(j.Runner)
	}
	if j.Environment != "" {
		out["environment"] = map[string]any{"name": j.Environment, "action": "start", "deployment_tier": "other"}
	}
	return out
}

func (s *Server) eventRunner(n int) map[string]any {
	out := s.runnerWire(n)
	delete(out, "name")
	out["tags"] = s.cfg.Tags
	return out
}

func (s *Server) jobEvent(p *instance.Pipeline, j *instance.Job) map[string]any {
	project := s.state.Projects[p.Project]
	out := map[string]any{
		"object_kind": "build", "ref": p.Ref, "tag": false, "before_sha": zeroSHA, "sha": p.SHA, "retries_count": 0,
		"build_id": j.ID, "build_name": j.Name, "build_stage": j.Stage, "build_status": j.Status, "build_created_at": stamp(&j.CreatedAt),
		"build_started_at": stamp(j.StartedAt), "build_finished_at": stamp(j.FinishedAt), "build_duration": seconds(j.StartedAt, j.FinishedAt),
		"build_queued_duration": seconds(j.QueuedAt, j.StartedAt), "build_allow_failure": j.AllowFail, "build_failure_reason": j.Reason,
		"pipeline_id": p.ID, "runner": nil, "project_id": p.Project, "project_name": project.FullPath, "user": s.eventUser(j.User),
		"commit":     map[string]any{"id": p.ID, "name": optional(p.Name), "sha": p.SHA, "message": p.Title, "status": p.Status},
		"repository": s.eventRepository(p.Project), "project": s.eventProject(p.Project), "environment": nil,
	}
	if j.Reason == "" {
		out["build_failure_reason"] = "unknown_failure"
	}
	if j.Runner > 0 {
		out["runner"] = s.eventRunner(j.Runner)
	}
	return out
}

// tellNote tells of a note.
func (s *Server) tellNote(n *instance.Note, action string) {
	i := s.state.Issuables(n.Kind)[n.Noteable]
	at := s.issuableURL(n.Kind, i)
	attributes := map[string]any{
		"id": n.ID, "note": n.Body, "noteable_type": n.Kind, "noteable_id": n.Noteable, "author_id": n.Author, "project_id": n.Project,
		"discussion_id": n.Discussion, "system": false, "internal": false, "type": s.noteWire(n).Type, "action": action, "description": n.Body,
		"created_at": stamp(&n.CreatedAt), "updated_at": stamp(&n.UpdatedAt), "url": at + "#note_" + number(n.ID),
	}
	payload := map[string]any{
		"object_kind": "note", "event_type": "note", "user": s.eventUser(n.Author), "project_id": n.Project,
		"project": s.eventProject(n.Project), "repository": s.eventRepository(n.Project), "object_attributes": attributes,
	}
	about := map[string]any{
		"id": i.ID, "iid": i.IID, "title": i.Title, "description": i.Description, "state": i.State, "author_id": i.Author, "url": at, "labels": []any{},
		"created_at": stamp(&i.CreatedAt), "updated_at": stamp(&i.UpdatedAt),
	}
	if n.Kind == instance.NoteableIssue {
		about["project_id"] = i.Project
		payload["issue"] = about
	} else {
		about["source_branch"], about["target_branch"] = i.SourceBranch, i.TargetBranch
		about["source_project_id"], about["target_project_id"] = i.Project, i.Project
		about["source"], about["target"] = s.eventProject(i.Project), s.eventProject(i.Project)
		about["last_commit"] = map[string]any{"id": i.SHA}
		payload["merge_request"] = about
	}
	s.tell(n.Project, noteEvents, "Note Hook", payload)
}
