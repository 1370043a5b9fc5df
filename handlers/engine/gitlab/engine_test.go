package gitlab_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	gl "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/handlers/effects"
	"github.com/duolog/duolog/handlers/engine"
	"github.com/duolog/duolog/handlers/engine/gitlab"
)

var _ effects.Asked = (*gitlab.Engine)(nil)

// TestE2CI runs an agent as a CI job, from the commit to the end.
func TestE2CI(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, `echo "goal=$DUO_WORKFLOW_GOAL id=$DUO_WORKFLOW_WORKFLOW_ID strategy=$GIT_STRATEGY base=$DUO_WORKFLOW_BASE_PATH"`,
		`echo "token=$GITLAB_TOKEN"; test "$GITLAB_TOKEN" = "$DUOLOG_TOKEN"`, `test -z "${DUO_WORKFLOW_SOURCE_BRANCH+set}"`, `ls -A`)
	s := order()
	if state, _, err := r.Lookup(t.Context(), runOf(s)); err != nil || state != engine.StateUnknown {
		t.Fatalf("before the start: %s, %v", state, err)
	}
	w := r.start(s)
	end := r.ends(s)
	log := r.log(s)
	if end.Status != engine.StatusSuccess || end.RunID != s.RunID || end.Epoch != 1 || end.WorkloadID != w.ID || !strings.HasPrefix(w.ID, "pipeline ") {
		t.Errorf("ended %+v of %+v\n%s", end, w, log)
	}
	if u := end.Used; u.WallMS <= 0 || u.QueuedMS < 0 || u.Runner != "fake runner 1 (1)" || !strings.HasPrefix(u.Job, "job ") {
		t.Errorf("it used %+v", u)
	}
	want := `goal=pay $HOME "two" and $(three) id=1003 strategy=none base=./`
	if !strings.Contains(log, want) || !strings.Contains(log, "token=[MASKED]") || strings.Contains(log, "run-token") || strings.Contains(log, "README") {
		t.Errorf("the job's log:\n%s", log)
	}
	if state, _, err := r.Lookup(t.Context(), runOf(s)); err != nil || state != engine.StateFinished {
		t.Errorf("after the end: %s, %v", state, err)
	}
	if again := r.ends(s); again != end {
		t.Errorf("asked again it ended %+v", again)
	}
	r.clean()
}

// TestOneRunIsOnePipeline starts a run again and again, at once and later, as after
// answers that never came.
func TestOneRunIsOnePipeline(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, "true")
	s := order()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := r.Start(context.WithoutCancel(t.Context()), s); err != nil {
				t.Errorf("start: %v", err)
			}
		})
	}
	all.Wait()
	r.start(s)
	if n := len(r.pipelines(s)); n != 1 {
		t.Errorf("there are %d pipelines", n)
	}
	if end := r.ends(s); end.Status != engine.StatusSuccess {
		t.Errorf("ended %+v", end)
	}
	r.clean()
}

// TestStopCancels ends a run that is at work, and one whose pipeline never was.
func TestStopCancels(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, "echo begun", "sleep 600")
	s := order()
	r.start(s)
	r.running(s, "begun")
	for range 2 {
		if err := r.Stop(t.Context(), runOf(s)); err != nil {
			t.Fatal(err)
		}
	}
	if end := r.ends(s); end.Status != engine.StatusStopped || end.Reason != engine.ReasonStopped {
		t.Errorf("ended %+v", end)
	}
	if err := r.Stop(t.Context(), runOf(order())); err != nil {
		t.Errorf("stop of a run that never began: %v", err)
	}
	r.clean()
}

// TestHowAJobFails: each way has its reason.
func TestHowAJobFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1, "echo the last words", "exit 3")
	s := order()
	r.start(s)
	if end := r.ends(s); end.Status != engine.StatusFailed || end.Reason != engine.ReasonExitCode || !strings.Contains(end.LogTail, "the last words") {
		t.Errorf("ended %+v", end)
	}

	idle := newRig(t, 0, "true")
	s = order()
	idle.start(s)
	if end, err := idle.Ended(t.Context(), runOf(s)); end != nil || err != nil {
		t.Errorf("a job that waits ended %+v, %v", end, err)
	}
	idle.ahead.Store(int64(11 * time.Minute))
	if end := idle.ends(s); end.Status != engine.StatusFailed || end.Reason != engine.ReasonNoRunner || !strings.Contains(end.LogTail, "gitlab--duo") {
		t.Errorf("ended %+v", end)
	}
	idle.clean()
}

// TestGoneRunIsLost: somebody deletes what the run consists of.
func TestGoneRunIsLost(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0, "true")
	s := order()
	w := r.start(s)
	if _, err := r.client.Pipelines.DeletePipeline(project, r.pipelines(s)[0].ID); err != nil {
		t.Fatal(err)
	}
	run := runOf(s)
	if _, err := r.client.Branches.DeleteBranch(project, "workloads/acme/"+run.Workflow.String()+"/"+run.ID.String()); err != nil {
		t.Fatal(err)
	}
	run.Workload = w.ID
	end, err := r.Ended(t.Context(), run)
	if err != nil || end == nil || end.Reason != engine.ReasonLost {
		t.Errorf("ended %+v, %v", end, err)
	}
}

// TestWhatGitLabRefuses is a refusal that names what to do: nothing was started.
func TestWhatGitLabRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0)
	for name, change := range map[string]func(*engine.Start){
		"no such project": func(s *engine.Start) { s.Project = "acme/nowhere" },
		"no project":      func(s *engine.Start) { s.Project = "" },
	} {
		s := order()
		change(&s)
		_, err := r.Start(t.Context(), s)
		if domain.CodeOf(err) == domain.CodeInternal || domain.CodeOf(err) == "" {
			t.Errorf("%s: %v is no refusal", name, err)
		}
	}
}

// TestRetriedJob: somebody retries the job in GitLab. Before its end was seen the latest
// job is the run's; after that it has no token, says so, and nothing comes of it.
func TestRetriedJob(t *testing.T) {
	t.Parallel()
	marker := t.TempDir() + "/second"
	r := newRig(t, 1, "test -e "+marker+" || { touch "+marker+"; exit 3; }", "echo the second time")
	s := order()
	r.start(s)
	pipeline := r.pipelineIs(s, "failed")
	if _, _, err := r.client.Pipelines.RetryPipelineBuild(project, pipeline); err != nil {
		t.Fatal(err)
	}
	if end := r.ends(s); end.Status != engine.StatusSuccess || !strings.Contains(r.log(s), "the second time") {
		t.Errorf("ended %+v\n%s", end, r.log(s))
	}
	r.clean()

	job, _, err := r.client.Jobs.ListPipelineJobs(project, pipeline, nil)
	if err != nil || len(job) != 1 {
		t.Fatalf("%d jobs, %v", len(job), err)
	}
	if _, _, err := r.client.Jobs.RetryJob(project, job[0].ID, nil); err != nil {
		t.Fatal(err)
	}
	r.pipelineIs(s, "failed")
	if log := r.log(s); !strings.Contains(log, "The run of this job is over: resume its workflow") || strings.Contains(log, "the second time") {
		t.Errorf("the retried job's log:\n%s", log)
	}
	if len(r.pipelines(s)) != 1 {
		t.Errorf("there are %d pipelines", len(r.pipelines(s)))
	}
	r.clean()
}

// TestDefaultBranchIsRemembered: GitLab is asked for it once, and again when it is not
// there any more.
func TestDefaultBranchIsRemembered(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0, "true")
	asked := 0
	r.counts(func(req *http.Request) {
		if req.Method == http.MethodGet && strings.HasSuffix(req.URL.EscapedPath(), "/projects/acme%2Fduo-workspace") {
			asked++
		}
	})
	r.start(order())
	r.start(order())
	if asked != 1 {
		t.Errorf("asked %d times for two runs", asked)
	}
	if _, _, err := r.client.Branches.CreateBranch(project, &gl.CreateBranchOptions{Branch: new("trunk"), Ref: new("main")}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.client.Projects.EditProject(project, &gl.EditProjectOptions{DefaultBranch: new("trunk")}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Branches.DeleteBranch(project, "main"); err != nil {
		t.Fatal(err)
	}
	r.start(order())
	if asked != 2 {
		t.Errorf("asked %d times after the branch was renamed", asked)
	}
	r.ahead.Store(int64(11 * time.Minute))
	r.start(order())
	if asked != 3 {
		t.Errorf("asked %d times after a while", asked)
	}
}
