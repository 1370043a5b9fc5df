package fakegitlab_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"github.com/duolog/duolog/handlers/adapter/webhook/standard"
)

// receiver keeps what a hook was sent, and answers with the next of statuses.
type receiver struct {
	*httptest.Server

	mu       sync.Mutex
	statuses []int
	heads    []http.Header
	bodies   [][]byte
}

func receive(t *testing.T, statuses ...int) *receiver {
	t.Helper()
	r := &receiver{statuses: statuses}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.heads, r.bodies = append(r.heads, request.Header), append(r.bodies, body)
		if len(r.statuses) > 0 {
			w.WriteHeader(r.statuses[0])
			r.statuses = r.statuses[1:]
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) got() ([]http.Header, [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]http.Header(nil), r.heads...), append([][]byte(nil), r.bodies...)
}

// TestHooksAreSignedAndRepeated: a hook that fails is told again, with the same
// key; both ways to know the sender hold; the client can read the event.
func TestHooksAreSignedAndRepeated(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	c, olga := client(t, s, devToken), client(t, s, "glpat-olga")
	id := site(t, c)
	r := receive(t, 500, 503)
	secret := standard.NewSecret()
	hook := must[*gitlab.ProjectHook](t)(olga.Projects.AddProjectHook(id, &gitlab.AddProjectHookOptions{
		URL: new(r.URL + "/hook"), Token: new("plain"), SigningToken: &secret, NoteEvents: new(true), PushEvents: new(false),
	}))
	if !hook.SigningTokenPresent || !hook.TokenPresent || !hook.NoteEvents || hook.PipelineEvents {
		t.Errorf("hook %+v", hook)
	}
	i := must[*gitlab.Issue](t)(c.Issues.CreateIssue(id, &gitlab.CreateIssueOptions{Title: new("Typo")}))
	note := must[*gitlab.Note](t)(c.Notes.CreateIssueNote(id, i.IID, &gitlab.CreateIssueNoteOptions{Body: new("@duo fix it")}))
	eventually(t, "three attempts", func() bool { heads, _ := r.got(); return len(heads) == 3 })
	heads, bodies := r.got()
	key, err := standard.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	for n, h := range heads {
		signed, err := standard.Verify(h, bodies[n], time.Now(), key)
		if err != nil || signed != h.Get("Idempotency-Key") || signed != heads[0].Get("Idempotency-Key") {
			t.Errorf("attempt %d: %v, headers %v", n, err, h)
		}
		if h.Get("X-Gitlab-Token") != "plain" || h.Get("X-Gitlab-Event") != "Note Hook" || h.Get("X-Gitlab-Webhook-Uuid") == "" || h.Get("X-Gitlab-Event-Uuid") == "" {
			t.Errorf("attempt %d: headers %v", n, h)
		}
	}
	event, err := gitlab.ParseWebhook(gitlab.EventTypeNote, bodies[2])
	e, ok := event.(*gitlab.IssueCommentEvent)
	if err != nil || !ok || e.ObjectAttributes.Note != "@duo fix it" || e.ObjectAttributes.ID != note.ID || e.Issue.IID != i.IID || e.User.Username != "dana" || e.ObjectAttributes.DiscussionID == "" {
		t.Errorf("event %v: %+v", err, event)
	}
}

// TestPipelineHooks: each status of a pipeline and of its jobs is told.
func TestPipelineHooks(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	c, olga := client(t, s, devToken), client(t, s, "glpat-olga")
	id := site(t, c)
	r := receive(t)
	must[*gitlab.ProjectHook](t)(olga.Projects.AddProjectHook(id, &gitlab.AddProjectHookOptions{URL: &r.URL, PipelineEvents: new(true), JobEvents: new(true), PushEvents: new(false)}))
	p := run(t, c, id, "told", "variables: {GIT_STRATEGY: none}\nx: {script: ['false']}")
	pipelineDone(t, c, id, p.ID)
	want := []string{"job pending", "job running", "job failed script_failure", "pipeline pending", "pipeline running", "pipeline failed"}
	told := map[string]bool{}
	eventually(t, "all is told", func() bool {
		heads, bodies := r.got()
		for n, body := range bodies {
			switch e := parse(t, heads[n], body).(type) {
			case *gitlab.PipelineEvent:
				told["pipeline "+e.ObjectAttributes.Status] = e.ObjectAttributes.ID == p.ID && e.Project.ID == id && e.Builds[0].Name == "x"
			case *gitlab.JobEvent:
				status := "job " + e.BuildStatus
				if e.BuildStatus == "failed" {
					status += " " + e.BuildFailureReason
				}
				told[status] = e.PipelineID == p.ID && e.ProjectID == id
			}
		}
		return len(told) == len(want)
	})
	for _, one := range want {
		if !told[one] {
			t.Errorf("%s was not told, or wrong: %v", one, told)
		}
	}
}

func parse(t *testing.T, h http.Header, body []byte) any {
	t.Helper()
	event, err := gitlab.ParseWebhook(gitlab.EventType(h.Get("X-Gitlab-Event")), body)
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return event
}
