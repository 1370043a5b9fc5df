package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/archive"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/dispatch"
)

func TestExportAndImport(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"a workflow comes back in another tenant":       importsElsewhere,
		"the same file is the same workflow":            importsOnce,
		"what was under way ends, and nothing follows":  settlesImports,
		"an import that was cut off goes on":            goesOnImporting,
		"a fork is exported with the bytes it inherits": exportsForks,
		"files that are wrong":                          refusesFiles,
		"what is imported is exported again":            importsAgain,
		"commands that shared a commit stay behind":     importsJoints,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

func (r *rig) export(who string, c created) []byte {
	r.t.Helper()
	out := r.send(who, "GET", c.path("/export"), nil).want(http.StatusOK)
	if got := out.header.Get("Content-Type"); got != "application/jsonl" {
		r.t.Errorf("it is %s", got)
	}
	return out.body
}

func (r *rig) importFile(who string, file []byte, headers ...string) reply {
	r.t.Helper()
	return r.send(who, "POST", "/v1/workflows/import", file, append([]string{"Content-Type", "application/jsonl"}, headers...)...)
}

// verified reads a file as anybody can.
func verified(t *testing.T, file []byte) *archive.Reader {
	t.Helper()
	reader := &archive.Reader{}
	must(t, verify(reader, file))
	return reader
}

func verify(reader *archive.Reader, file []byte) error {
	for line := range bytes.Lines(file) {
		if _, err := reader.Next(line); err != nil {
			return err
		}
	}
	return reader.Close()
}

// lived is a workflow with a bit of everything.
func (r *rig) lived() (created, []string) {
	r.t.Helper()
	c := r.create("mia@acme", `{"goal":"`+strings.Repeat("a goal ", 300)+`","start_workflow":true,"messaging_callback_context":{"adapter":"console"},"additional_context":[{"category":"file"}]}`)
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
	ids := r.walk(c, 70, 2, 1200)
	big := newTS()
	r.send("mia@acme", "POST", c.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"parent_ts":%q,"metadata":{},"checkpoint":{"channel_values":{"blob":%q}}}`, big, ids[69], strings.Repeat("0123456789", 200_000))).want(http.StatusCreated)
	r.send("mia@acme", "POST", c.path("/checkpoint_writes_batch"), `{"thread_ts":"`+big+`","checkpoint_writes":[{"task":"t","idx":0,"channel":"c","write_type":"json","data":"{}"}]}`).want(http.StatusOK)
	return c, append(ids, big)
}

type imported struct {
	created
	Goal   string           `json:"goal"`
	Owner  domain.Principal `json:"principal"`
	Import *struct {
		Commits int     `json:"commits"`
		Done    int     `json:"done"`
		Ended   *string `json:"ended_at"`
		Stream  string  `json:"stream"`
	} `json:"import"`
	CreatedAt string          `json:"created_at"`
	Callback  json.RawMessage `json:"messaging_callback_context"`
}

// importsJoints: of a commit of several commands each event names its own, here as
// there; the commands themselves were carried out there alone.
func importsJoints(r *rig) {
	th, id := newThread(), v6()
	w := r.taken(r.write("mia@acme", th,
		put{key: th + "/0", id: id, versions: `{"a":1}`, values: map[string]string{"a": "A"}},
		pend{key: th + "/1", id: id, task: "t", writes: []string{"0:a:1"}},
		pend{key: th + "/2", id: id, task: "u", writes: []string{"0:a:2"}},
	))
	at := base + "/" + w.Workflow.String()
	var told struct {
		Events []struct {
			Type    string
			Command struct{ ID, Type string }
		}
	}
	r.send("mia@acme", "GET", at+"/timeline", nil).want(http.StatusOK).into(&told)
	var types []string
	ids := map[string]bool{}
	for _, e := range told.Events {
		types = append(types, e.Type+" of "+e.Command.Type)
		ids[e.Command.ID] = true
	}
	want := []string{
		"workflow.created of workflow.put_checkpoint", "workflow.thread_opened of workflow.put_checkpoint", "workflow.checkpointed of workflow.put_checkpoint",
		"workflow.writes_recorded of workflow.put_writes", "workflow.writes_recorded of workflow.put_writes", "workflow.commands_joined of workflow.put_writes",
	}
	if d := cmp.Diff(want, types); d != "" || len(ids) != 3 {
		r.t.Errorf("%d commands: %s", len(ids), d)
	}
	joined := func() (n int) {
		must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT count(*) FROM joined`).Scan(&n))
		return n
	}
	before := joined()
	var in imported
	r.importFile("eve@other", r.send("mia@acme", "GET", at+"/export", nil).want(http.StatusOK).body).want(http.StatusCreated).into(&in)
	if after := joined(); in.Import == nil || before != 2 || after != before {
		r.t.Errorf("%+v; %d joined commands, then %d", in.Import, before, after)
	}
}

func importsElsewhere(r *rig) {
	c, ids := r.lived()
	file := r.export("mia@acme", c)
	reader := verified(r.t, file)
	if reader.Header.Stream.ID != c.UUID || reader.Commits() != reader.Header.Commits {
		r.t.Errorf("%+v, %d commits", reader.Header, reader.Commits())
	}
	var in imported
	r.importFile("eve@other", file).want(http.StatusCreated).into(&in)
	if in.UUID == c.UUID || in.Status != "paused" || in.Import == nil || in.Import.Ended == nil || in.Import.Done != reader.Commits() || in.Owner.User != "eve" || string(in.Callback) != "null" {
		r.t.Errorf("%+v", in)
	}
	was := r.send("mia@acme", "GET", c.path(""), nil).want(http.StatusOK).object()
	if string(was["created_at"]) != `"`+in.CreatedAt+`"` || len(in.Goal) != 2100 {
		r.t.Errorf("created at %s, not %s", in.CreatedAt, was["created_at"])
	}
	for _, id := range []string{ids[0], ids[40], ids[70]} {
		was := r.checkpoint(c, id)
		var is row
		r.send("eve@other", "GET", in.path("/checkpoints/by_thread_ts?thread_ts="+id), nil).want(http.StatusOK).into(&is)
		if string(was.Checkpoint) != string(is.Checkpoint) || string(was.Metadata) != string(is.Metadata) || len(was.Writes) != len(is.Writes) || is.Missing != was.Missing {
			r.t.Errorf("%s is %.200s", id, is.Checkpoint)
		}
	}
	r.send("mia@acme", "GET", in.path(""), nil).refused(http.StatusNotFound, domain.CodeNotFound, "")
	// What it was can be read as of then, by the times that it had.
	var when string
	must(r.t, json.Unmarshal(r.send("mia@acme", "GET", c.path("/checkpoints/by_thread_ts?thread_ts="+ids[3]), nil).want(http.StatusOK).object()["created_at"], &when))
	at := "?at=" + url.QueryEscape(when)
	then, there := r.send("mia@acme", "GET", c.path(at), nil).want(http.StatusOK).object(), r.send("eve@other", "GET", in.path(at), nil).want(http.StatusOK).object()
	if string(then["status"]) != string(there["status"]) || string(then["updated_at"]) != string(there["updated_at"]) || string(there["status"]) == `"paused"` {
		r.t.Errorf("it was %s at %s, not %s at %s", there["status"], there["updated_at"], then["status"], then["updated_at"])
	}
	// It goes on like any other.
	r.send("eve@other", "POST", in.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"parent_ts":%q,"metadata":{},"checkpoint":%s}`, newTS(), ids[69], long("x", 80, 1200))).want(http.StatusCreated)
	r.send("eve@other", "PATCH", in.path(""), `{"status_event":"resume","start_workflow":true}`).want(http.StatusOK)
}

func importsOnce(r *rig) {
	c := r.create("mia@acme", `{"goal":"count"}`)
	r.walk(c, 3, 1, 1)
	file := r.export("mia@acme", c)
	var first, again, other imported
	r.importFile("mia@acme", file).want(http.StatusCreated).into(&first)
	r.importFile("mia@acme", file).want(http.StatusCreated).into(&again)
	r.importFile("mia@acme", file, "Idempotency-Key", "import-once").want(http.StatusCreated).into(&other)
	if first.UUID != again.UUID || first.UUID == other.UUID || first.UUID == c.UUID {
		r.t.Errorf("%s, %s, %s", first.UUID, again.UUID, other.UUID)
	}
	before, after := r.timeline(first.created, "?limit=100"), r.timeline(again.created, "?limit=100")
	if d := cmp.Diff(before, after); d != "" {
		r.t.Error(d)
	}
	r.walk(c, 1, 1, 1)
	r.importFile("mia@acme", r.export("mia@acme", c), "Idempotency-Key", "import-once").refused(http.StatusUnprocessableEntity, domain.CodeKeyReused, "Idempotency-Key")
}

func settlesImports(r *rig) {
	c := r.create("mia@acme", `{"goal":"count","start_workflow":true,"messaging_callback_context":{"adapter":"console"}}`)
	r.do(c, &workflow.AttemptRun{Run: c.Run.ID, By: "n", Attempt: 1})
	r.do(c, &workflow.ConfirmRun{Run: c.Run.ID, Workload: "pid 1"})
	r.do(c, &workflow.RequestDelivery{Run: c.Run.ID, Adapter: "console", Kind: "result", Message: "done"})
	var in imported
	r.importFile("mia@acme", r.export("mia@acme", c)).want(http.StatusCreated).into(&in)
	var intents, active int
	stream := "acme/workflow/" + in.UUID.String()
	must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT (SELECT count(*) FROM intents WHERE stream = $1), (SELECT count(*) FROM workflows WHERE stream = $1 AND active)`, stream).Scan(&intents, &active))
	if intents != 0 || active != 0 || in.Run.Phase != "finished" {
		r.t.Errorf("%d intents, %d active runs, %+v", intents, active, in.Run)
	}
	var why, status string
	must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT convert_from(body, 'UTF8')::json->>'last_error', status FROM deliveries WHERE stream = $1`, stream).Scan(&why, &status))
	if status != "given_up" {
		r.t.Errorf("the delivery is %s: %s", status, why)
	}
}

// do carries out a command of the system.
func (r *rig) do(c created, command workflow.Command) {
	r.t.Helper()
	_, err := r.node.Dispatch.Do(r.t.Context(), dispatch.Request{
		Stream: domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID}, Workflow: command, CommandID: r.cfg.NewID(),
	})
	must(r.t, err)
}

// brief is a dispatcher that ends after some commits of an import.
type brief struct {
	api.Dispatcher
	left *int
}

func (b brief) Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error) {
	if *b.left--; *b.left < 0 {
		return dispatch.Result{}, &domain.Error{Code: domain.CodeNotNow, Message: "not now", Fix: "again"}
	}
	return b.Dispatcher.Do(ctx, r)
}

func goesOnImporting(r *rig) {
	c := r.create("mia@acme", `{"goal":"count","start_workflow":true}`)
	ids := r.walk(c, 5, 1, 1)
	file := r.export("mia@acme", c)
	left := 3
	r.with(func(c *api.Config) { c.Dispatch = brief{c.Dispatch, &left} }).importFile("mia@acme", file).refused(http.StatusServiceUnavailable, domain.CodeNotNow, "")
	half := r.halfImported(6)
	if half.Import == nil || half.Import.Done != 3 {
		r.t.Fatalf("%+v", half.Import)
	}
	var owed int
	must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT count(*) FROM intents WHERE stream = $1`, "acme/workflow/"+half.UUID.String()).Scan(&owed))
	if owed != 0 {
		r.t.Error("an import owes effects")
	}
	for _, body := range []string{`{"status_event":"stop"}`, `{"status_event":"start"}`} {
		r.send("mia@acme", "PATCH", half.path(""), body).refused(http.StatusConflict, domain.CodeConflict, "")
	}
	r.send("mia@acme", "POST", half.path("/fork"), `{"checkpoint":"`+ids[0]+`"}`).refused(http.StatusConflict, domain.CodeConflict, "")
	var in imported
	r.importFile("mia@acme", file).want(http.StatusCreated).into(&in)
	if in.UUID != half.UUID || in.Import.Ended == nil {
		r.t.Errorf("%+v", in)
	}
}

// halfImported is the one of so many commits whose import has not ended.
func (r *rig) halfImported(commits int) (out imported) {
	r.t.Helper()
	var list []imported
	r.send("mia@acme", "GET", base+"?per_page=100", nil).want(http.StatusOK).into(&list)
	for _, w := range list {
		if w.Import != nil && w.Import.Ended == nil && w.Import.Commits == commits {
			out = w
		}
	}
	return out
}

func exportsForks(r *rig) {
	source := r.create("mia@acme", `{"goal":"count"}`)
	ids := r.walk(source, 1, 80, 900)
	fork := r.fork(source, `{"checkpoint":"`+ids[0]+`","set":{"step":3}}`)
	file := r.export("mia@acme", fork.created)
	if len(file) < 80*900 {
		r.t.Errorf("%d bytes are not all", len(file))
	}
	var in imported
	r.importFile("eve@other", file).want(http.StatusCreated).into(&in)
	var is row
	r.send("eve@other", "GET", in.path("/checkpoints/by_thread_ts?thread_ts="+ids[0]), nil).want(http.StatusOK).into(&is)
	if was := r.checkpoint(fork.created, ids[0]); string(was.Checkpoint) != string(is.Checkpoint) {
		r.t.Errorf("it is %.200s", is.Checkpoint)
	}
}

func importsAgain(r *rig) {
	c := r.create("mia@acme", `{"goal":"count","start_workflow":true}`)
	r.walk(c, 2, 1, 1)
	var first, second imported
	r.importFile("eve@other", r.export("mia@acme", c)).want(http.StatusCreated).into(&first)
	r.importFile("mia@acme", r.export("eve@other", first.created)).want(http.StatusCreated).into(&second)
	if second.Import.Ended == nil || second.Import.Done != first.Import.Done+1 || second.Status != first.Status || second.Owner.User != "mia" {
		r.t.Errorf("%+v after %+v", second, first)
	}
}

func refusesFiles(r *rig) {
	c := r.create("mia@acme", `{"goal":"count"}`)
	r.walk(c, 3, 3, 900)
	file := r.export("mia@acme", c)
	lines := bytes.SplitAfter(bytes.TrimSuffix(file, []byte("\n")), []byte("\n"))
	join := func(of ...[]byte) []byte { return bytes.Join(of, nil) }
	for name, bad := range map[string]struct {
		file  []byte
		field string
	}{
		"nothing":          {nil, "line 1"},
		"no export":        {[]byte(`{"goal":"x"}`), "line 1"},
		"no JSON":          {[]byte("%PDF-1.4\n"), "line 1"},
		"another format":   {bytes.Replace(file, []byte("duolog-workflow"), []byte("something"), 1), "line 1"},
		"a newer version":  {bytes.Replace(file, []byte(`"version":1`), []byte(`"version":2`), 1), "line 1"},
		"a changed record": {bytes.Replace(file, []byte(`workflow.checkpointed`), []byte(`workflow.checkpoinTed`), 1), "line 3"},
		"a missing commit": {join(append(lines[:2:2], lines[3:]...)...), "line 3"},
		"commits swapped":  {join(lines[0], lines[2], lines[1], join(lines[3:]...)), "line 2"},
		"one commit twice": {join(lines[0], lines[1], lines[1], join(lines[2:]...)), "line 3"},
		"cut off":          {join(lines[:3]...), "line 4"},
		"cut in a line":    {file[:len(file)-40], fmt.Sprintf("line %d", len(lines))},
		"more after it":    {join(file, lines[1]), fmt.Sprintf("line %d", len(lines)+1)},
		"other bytes":      {bytes.Replace(file, []byte(`"data":"`), []byte(`"data":"AAAA`), 1), "line 3"},
		"bytes left out":   {withoutBytes(file), "line 3"},
		"two headers":      {join(lines[0], file), "line 2"},
	} {
		reply := r.importFile("mia@acme", bad.file)
		if e := reply.want(http.StatusBadRequest).refusal(); e.Code != string(domain.CodeInvalidBody) || e.Field != bad.field {
			r.t.Errorf("%s: %s", name, reply.body)
		}
		var refused *domain.Error
		if err := verify(&archive.Reader{}, bad.file); !errors.As(err, &refused) || refused.Field != bad.field {
			r.t.Errorf("%s, without a server: %v", name, err)
		}
	}
	r.importFile("mia@acme", bytes.Repeat([]byte("x"), archive.MaxLine+10)).refused(http.StatusRequestEntityTooLarge, domain.CodeTooLarge, "")
	r.importFile(runToken("acme", r.create("mia@acme", `{"goal":"x","start_workflow":true}`), 1), file).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.send("eve@other", "GET", base+"/"+c.UUID.String()+"/export", nil).refused(http.StatusNotFound, domain.CodeNotFound, "")
}

// withoutBytes leaves the bytes out, and says nothing of it.
func withoutBytes(file []byte) []byte {
	var out []byte
	for line := range bytes.Lines(file) {
		var l archive.Line
		if json.Unmarshal(line, &l) == nil && l.Commit != nil {
			l.Commit.Bytes = nil
		}
		raw, _ := l.Encode()
		out = append(out, raw...)
	}
	return out
}
