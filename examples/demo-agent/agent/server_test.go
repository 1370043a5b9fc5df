package agent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a server that speaks what the agent uses of the public API.
type wire struct {
	t *testing.T
	*httptest.Server

	mu sync.Mutex
	// fail is asked before each request; a status other than 0 is the answer.
	fail     func(n int, r *http.Request) int
	requests int
	status   string
	posted   []posted
	// denied is a tool that may not be used; asked are those that were asked about.
	denied string
	asked  []string
	// trace is the order of what changed: events and checkpoints.
	trace []string
}

type posted struct {
	ThreadTS   string     `json:"thread_ts"`
	ParentTS   *string    `json:"parent_ts"`
	Metadata   metadata   `json:"metadata"`
	Checkpoint checkpoint `json:"checkpoint"`
}

const token = "tok-0123456789"

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{t: t, status: "created", fail: func(int, *http.Request) int { return 0 }}
	base := "/api/v4/ai/duo_workflows/workflows/1003"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base, w.get)
	mux.HandleFunc("PATCH "+base, w.patch)
	mux.HandleFunc("GET "+base+"/checkpoints", w.latest)
	mux.HandleFunc("POST "+base+"/checkpoints", w.save)
	mux.HandleFunc("POST "+base+"/tool_calls", w.permit)
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.requests++
		if r.Header.Get("Authorization") != "Bearer "+token {
			refuse(rw, 401, "unauthenticated")
			return
		}
		if status := w.fail(w.requests, r); status != 0 {
			refuse(rw, status, "not_now")
			return
		}
		mux.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

func refuse(rw http.ResponseWriter, status int, code string) {
	rw.WriteHeader(status)
	_ = json.NewEncoder(rw).Encode(map[string]string{"code": code, "message": "refused by the test", "fix": "try something else"})
}

func (w *wire) permit(rw http.ResponseWriter, r *http.Request) {
	var body struct{ Tool, Arguments string }
	if json.NewDecoder(r.Body).Decode(&body) != nil || body.Arguments == "" || len(body.Arguments) > maxArguments {
		refuse(rw, 400, "invalid_body")
		return
	}
	w.asked = append(w.asked, body.Tool)
	if body.Tool == w.denied {
		refuse(rw, 403, "access_denied")
		return
	}
	_ = json.NewEncoder(rw).Encode(map[string]any{"allowed": true, "valid_seconds": 60})
}

func (w *wire) get(rw http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(rw).Encode(map[string]any{"id": 1003, "status": w.status})
}

func (w *wire) patch(rw http.ResponseWriter, r *http.Request) {
	var body struct {
		Event string `json:"status_event"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	legal := map[string]struct{ from, to string }{
		"start": {"created", "running"}, "retry": {"running stopped failed finished", "running"},
		"resume": {"paused input_required", "running"}, "finish": {"running", "finished"},
		"require_input": {"running", "input_required"}, "drop": {"running", "failed"},
	}[body.Event]
	if !strings.Contains(legal.from, w.status) {
		refuse(rw, 400, "illegal_status_transition")
		return
	}
	w.status = legal.to
	w.trace = append(w.trace, body.Event)
	_ = json.NewEncoder(rw).Encode(map[string]any{"workflow": map[string]any{"status": w.status}})
}

func (w *wire) save(rw http.ResponseWriter, r *http.Request) {
	var p posted
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		refuse(rw, 400, "invalid_body")
		return
	}
	if n := len(w.posted); n > 0 && (p.ParentTS == nil || *p.ParentTS != w.posted[n-1].ThreadTS) {
		w.t.Errorf("checkpoint %s has parent %v, not the one before it", p.ThreadTS, p.ParentTS)
	}
	if w.status == "finished" {
		w.t.Error("a checkpoint after the end")
	}
	w.posted = append(w.posted, p)
	w.trace = append(w.trace, "checkpoint")
	rw.WriteHeader(http.StatusCreated)
}

func (w *wire) latest(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("per_page") != "1" {
		w.t.Errorf("asked for %s", r.URL)
	}
	rows := []any{}
	if n := len(w.posted); n > 0 {
		p := w.posted[n-1]
		rows = append(rows, map[string]any{"thread_ts": p.ThreadTS, "parent_ts": p.ParentTS, "metadata": p.Metadata, "checkpoint": p.Checkpoint})
	}
	_ = json.NewEncoder(rw).Encode(rows)
}

// ask runs the agent once.
func (w *wire) ask(t *testing.T, dir, goal string) error {
	t.Helper()
	env := map[string]string{
		"DUOLOG_URL": w.URL, "DUOLOG_TOKEN": token, "DUO_WORKFLOW_WORKFLOW_ID": "1003",
		"DUO_WORKFLOW_GOAL": goal, "DUO_WORKFLOW_BASE_PATH": dir, "PATH": os.Getenv("PATH"),
	}
	cfg, err := readConfig(func(name string) string { return env[name] })
	if err != nil {
		return err
	}
	api := &client{
		base: cfg.url, token: cfg.token, workflow: cfg.workflow,
		http: w.Client(), delays: make([]time.Duration, 5), now: time.Now,
	}
	a := &agent{
		session: &session{api: api, now: time.Now},
		permits: &permits{api: api, now: time.Now, until: map[string]time.Time{}},
		repo:    &repo{root: cfg.basePath, path: env["PATH"]},
		goal:    cfg.goal, log: t.Output(),
	}
	return a.run(t.Context())
}

func (w *wire) chat(t *testing.T) []entry {
	t.Helper()
	var log []entry
	if raw := w.posted[len(w.posted)-1].Checkpoint.ChannelValues["ui_chat_log"]; raw != nil {
		if err := json.Unmarshal(raw, &log); err != nil {
			t.Fatal(err)
		}
	}
	return log
}

func (w *wire) lastAnswer(t *testing.T) string {
	t.Helper()
	log := w.chat(t)
	last := log[len(log)-1]
	if last.MessageType != "agent" {
		t.Fatalf("the last entry is %+v", last)
	}
	return last.Content
}

// newRepo is a repository with a known history of two people.
func newRepo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	commitFiles(t, dir, "Ada", "First steps", map[string]string{
		"README.md":     "# Harbour\n\nHarbour keeps ships in order.\n\n## Use\n\ntext\n",
		"dock/dock.go":  "// Package dock moors ships.\npackage dock\n\n// Moor makes fast.\nfunc Moor(ship string) error {\n\treturn nil\n}\n",
		"dock/crane.go": "package dock\n\ntype Crane struct{}\n\nfunc (c *Crane) Lift() { _ = Moor(\"x\") }\n",
		"--output=pwn":  "a name like an option\n",
	})
	commitFiles(t, dir, "Bob", "Ships may leave", map[string]string{"dock/leave.go": "package dock\n\nfunc Leave() {}\n"})
	commitFiles(t, dir, "Ada", "Write down the <rules> & more", map[string]string{"docs/rules.md": "# Rules\n\nNo wake.\n"})
	write(t, dir, ".gitignore", ".env\n")
	write(t, dir, ".env", "PASSWORD=hunter2\n")
	return dir
}

func commitFiles(t *testing.T, dir, author, subject string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		write(t, dir, name, content)
		git(t, dir, "add", "--", name)
	}
	git(t, dir, "-c", "user.name="+author, "-c", "user.email="+author+"@example.com", "commit", "-q", "-m", subject)
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_DATE=2026-10-03T10:00:00Z", "GIT_COMMITTER_DATE=2026-10-03T10:00:00Z")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}
