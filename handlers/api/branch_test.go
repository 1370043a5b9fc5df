package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/internal/nodetest"
	"github.com/duolog/duolog/projections"
)

func branches(r *rig) {
	source := r.create("mia@acme", `{"goal":"count"}`)
	ids := r.walk(source, 3, 2, 10)
	for _, event := range []string{"start", "finish"} {
		r.send("mia@acme", "PATCH", source.path(""), `{"status_event":"`+event+`"}`).want(http.StatusOK)
	}
	var out struct {
		Workflow   created `json:"workflow"`
		Checkpoint row     `json:"checkpoint"`
	}
	body := `{"checkpoint":"` + ids[0] + `","set":{"step":5},"start_workflow":true}`
	r.send("mia@acme", "POST", source.path("/branch"), body, "Idempotency-Key", "branch-once").want(http.StatusCreated).into(&out)
	if out.Workflow.ID != source.ID || out.Workflow.Status != "paused" || out.Workflow.Run == nil || *out.Checkpoint.ParentTS != ids[0] {
		r.t.Errorf("%+v", out)
	}
	first := out.Checkpoint
	r.send("mia@acme", "POST", source.path("/branch"), body, "Idempotency-Key", "branch-once").want(http.StatusCreated).into(&out)
	if out.Checkpoint.ThreadTS != first.ThreadTS || out.Checkpoint.ID != first.ID {
		r.t.Errorf("a repeat made %+v", out.Checkpoint)
	}
	all, _ := r.rows(source, "")
	if len(all) != 4 || all[0].ThreadTS != first.ThreadTS || all[1].ThreadTS != ids[2] || !strings.Contains(string(all[0].Checkpoint), `"step":5`) {
		r.t.Errorf("the checkpoints are %+v", all)
	}
}

func restarts(r *rig) {
	for end, again := range map[string]string{"stop": "retry", "drop": "retry", "pause": "resume", "require_input": "resume"} {
		c := r.create("mia@acme", `{"goal":"count"}`)
		r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
		r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"`+end+`"}`).want(http.StatusOK)
		var out struct {
			Workflow created `json:"workflow"`
		}
		r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"`+again+`","start_workflow":true}`).want(http.StatusOK).into(&out)
		if out.Workflow.Status != "running" || out.Workflow.Run == nil || out.Workflow.Run.Epoch != 1 || out.Workflow.Run.Phase != "requested" {
			r.t.Errorf("after %s: %+v", end, out.Workflow)
		}
	}
	c := r.create("mia@acme", `{"goal":"count"}`)
	r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start","start_workflow":true}`).refused(http.StatusBadRequest, domain.CodeInvalidField, "start_workflow")
}

// decisions are what a person says to a workflow that waits: a run goes on with it.
func decisions(r *rig) {
	states, err := projections.NewSnapshots(r.node.DB.Read, nodetest.Partitions)
	if err != nil {
		r.t.Fatal(err)
	}
	for asks, approved := range map[string]bool{"require_tool_call_approval": true, "require_plan_approval": false} {
		c := r.create("mia@acme", `{"goal":"count"}`)
		resume := func(body, key string) reply {
			return r.send("mia@acme", "POST", c.path("/resume"), body, "Idempotency-Key", key)
		}
		resume(`{"human_approval":true}`, "early").refused(http.StatusBadRequest, domain.CodeIllegalStatus, "status_event")
		r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"start"}`).want(http.StatusOK)
		r.send("mia@acme", "PATCH", c.path(""), `{"status_event":"`+asks+`"}`).want(http.StatusOK)
		resume(`{}`, "empty").refused(http.StatusBadRequest, domain.CodeInvalidField, "human_approval")
		resume(`{"human_approval":true,"human_message":"`+strings.Repeat("x", 2001)+`"}`, "long").refused(http.StatusRequestEntityTooLarge, domain.CodeTooLarge, "human_message")
		body := fmt.Sprintf(`{"human_approval":%t,"human_message":"not on a Friday"}`, approved)
		for range 2 {
			var out created
			resume(body, "decided").want(http.StatusCreated).into(&out)
			if out.Status != "running" || out.Run == nil || out.Run.Epoch != 1 || out.Run.Phase != "requested" {
				r.t.Errorf("after %s: %+v", asks, out)
			}
		}
		snap, err := states.Load(r.t.Context(), domain.StreamID{Tenant: "acme", Kind: domain.KindWorkflow, ID: c.UUID}, projections.SnapshotWant{})
		if err != nil {
			r.t.Fatal(err)
		}
		if a := snap.Workflow.Run.Approval; a == nil || a.Approved != approved || a.Message == nil || snap.Workflow.Decided != nil {
			r.t.Errorf("the run goes on with %+v", a)
		}
	}
}

func previews(r *rig) {
	c := r.create("mia@acme", `{"goal":"count","start_workflow":true}`)
	log := func(n int) string {
		lines := []string{`{"message_type":"user","content":"go"}`, `{"message_type":"tool","tool_info":{"name":"read_file","args":{"path":"a"}}}`, `{"message_type":"tool","tool_info":{"name":"create_issue","args":{"title":"b"}}}`}
		return strings.Join(lines[:n], ",")
	}
	var ids []string
	for n := range 3 {
		id := newTS()
		r.send("mia@acme", "POST", c.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"metadata":{},"checkpoint":{"channel_values":{"ui_chat_log":[%s]}}}`, id, log(n+1))).want(http.StatusCreated)
		ids = append(ids, id)
	}
	var p struct {
		Checkpoint row            `json:"checkpoint"`
		Count      map[string]int `json:"count"`
		Effects    int            `json:"effects"`
		Items      []struct {
			Kind      string          `json:"kind"`
			Effect    bool            `json:"effect"`
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
			Position  *string         `json:"position"`
		} `json:"items"`
	}
	r.send("mia@acme", "GET", c.path("/fork_preview?checkpoint="+ids[0]), nil).want(http.StatusOK).into(&p)
	if d := cmp.Diff(map[string]int{"checkpoint": 2, "run": 0, "message": 0, "tool_call": 2, "delivery": 0, "notification": 0}, p.Count); d != "" || p.Effects != 1 || p.Checkpoint.ThreadTS != ids[0] {
		r.t.Errorf("%s: %+v", d, p)
	}
	if p.Items[0].Name != "read_file" || p.Items[0].Effect || p.Items[1].Name != "create_issue" || !p.Items[1].Effect || string(p.Items[1].Arguments) != `{"title":"b"}` || p.Items[2].Position == nil {
		r.t.Errorf("%+v", p.Items)
	}
	r.send("mia@acme", "GET", c.path("/fork_preview?checkpoint="+ids[2]), nil).want(http.StatusOK).into(&p)
	if p.Effects != 0 || len(p.Items) != 0 {
		r.t.Errorf("after the last: %+v", p)
	}
	r.send("mia@acme", "GET", c.path("/fork_preview?checkpoint="+newTS()), nil).refused(http.StatusNotFound, domain.CodeNotFound, "checkpoint")
	r.send("mia@acme", "GET", c.path("/fork_preview?checkpoint=x"), nil).refused(http.StatusBadRequest, domain.CodeInvalidField, "checkpoint")
}

// forksInLittleRoom: a fork of a state of 1 MB takes at most 20 KB, in the log and in
// the tables, the pin in the source among it.
func forksInLittleRoom(r *rig) {
	source := r.create("mia@acme", `{"goal":"count"}`)
	ids := r.walk(source, 1, 1024, 1000)
	before := r.stored()
	fork := r.fork(source, `{"checkpoint":"`+ids[0]+`","goal":"another"}`)
	took := r.stored() - before
	r.t.Logf("a fork of %d bytes takes %d", len(r.checkpoint(fork.created, ids[0]).Checkpoint), took)
	if took > 20<<10 {
		r.t.Errorf("it takes %d bytes", took)
	}
}

// stored is how many bytes the log has in values of records and the tables in rows.
func (r *rig) stored() (n int64) {
	r.t.Helper()
	codec, err := projections.NewCodec()
	must(r.t, err)
	for _, table := range []string{"commits", "heads", "blobs", "manifests", "manifest_parts", "workflows", "checkpoints", "writes", "lineages", "intents"} {
		var size int64
		must(r.t, r.node.DB.Read.QueryRow(r.t.Context(), `SELECT coalesce(sum(pg_column_size(t.*)), 0) FROM `+table+` t`).Scan(&size))
		n += size
	}
	rows, err := r.node.DB.Read.Query(r.t.Context(), `SELECT record FROM commits`)
	must(r.t, err)
	defer rows.Close()
	for rows.Next() {
		var packed []byte
		must(r.t, rows.Scan(&packed))
		record, err := codec.UnpackCommit(packed)
		must(r.t, err)
		n += int64(len(record))
	}
	must(r.t, rows.Err())
	return n
}
