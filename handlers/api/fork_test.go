package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/duolog/duolog/domain"
	"github.com/duolog/duolog/domain/workflow"
	"github.com/duolog/duolog/handlers/api"
	"github.com/duolog/duolog/handlers/dispatch"
)

func TestForks(t *testing.T) {
	r := newRig(t)
	for name, test := range map[string]func(*rig){
		"C7 a fork goes on from a checkpoint and shares its bytes": forksAtCheckpoint,
		"what an interrupted agent waits for goes with it":         forksAtTip,
		"what a state stands on goes with it":                      forksDeltas,
		"with another value":                                       forksWithAnotherValue,
		"a fork of a fork":                                         forksAFork,
		"what is pinned and what is given":                         forksWithOtherThings,
		"a key is one fork":                                        forksOncePerKey,
		"what is cut off between pin and fork is finished":         finishesForks,
		"forks that are refused":                                   refusesForks,
		"C7 a workflow goes on from an older checkpoint":           branches,
		"C6 stopped, failed and suspended ones start again":        restarts,
		"a decision is what the next run goes on with":             decisions,
		"a preview names what would happen again":                  previews,
		"a fork stores what is new":                                forksInLittleRoom,
	} {
		t.Run(name, func(t *testing.T) { test(r.on(t)) })
	}
}

// forked is what tests need of a fork.
type forked struct {
	created
	Goal       string `json:"goal"`
	Definition string `json:"workflow_definition"`
	Source     string `json:"source"`
	Model      string `json:"selected_model_metadata_json"`
	Flow       struct {
		Version string `json:"version"`
	} `json:"flow"`
	Privileges []int `json:"agent_privileges"`
	Origin     *struct {
		Workflow   uuid.UUID `json:"workflow"`
		Position   string    `json:"position"`
		Checkpoint string    `json:"checkpoint"`
	} `json:"origin"`
}

// long is a state of about size bytes in the form of LangGraph.
func long(id string, items, each int) string {
	list := make([]string, items)
	for i := range list {
		list[i] = fmt.Sprintf(`{"n":%d,"text":%q}`, i, strings.Repeat(string(rune('a'+i%26)), each))
	}
	return fmt.Sprintf(`{"v":4,"id":%q,"channel_values":{"messages":[%s],"step":%d},"channel_versions":{"messages":%d,"step":%d},"versions_seen":{}}`,
		id, strings.Join(list, ","), items, items+1, items+1)
}

// walk leaves so many checkpoints and gives their ids, oldest first.
func (r *rig) walk(c created, steps, items, each int) []string {
	r.t.Helper()
	var ids []string
	parent := "null"
	for i := range steps {
		id := newTS()
		body := fmt.Sprintf(`{"thread_ts":%q,"parent_ts":%s,"metadata":{"source":"loop","step":%d},"checkpoint":%s}`, id, parent, i, long(id, items+i, each))
		r.send("mia@acme", "POST", c.path("/checkpoints"), body).want(http.StatusCreated)
		ids, parent = append(ids, id), `"`+id+`"`
	}
	return ids
}

func (r *rig) fork(c created, body string, headers ...string) forked {
	r.t.Helper()
	var out forked
	r.send("mia@acme", "POST", c.path("/fork"), body, headers...).want(http.StatusCreated).into(&out)
	return out
}

func (r *rig) checkpoint(c created, id string) row {
	r.t.Helper()
	var out row
	r.send("mia@acme", "GET", c.path("/checkpoints/by_thread_ts?thread_ts="+id), nil).want(http.StatusOK).into(&out)
	return out
}

func forksAtCheckpoint(r *rig) {
	source := r.create("mia@acme", `{"goal":"count","workflow_definition":"other/v1"}`)
	ids := r.walk(source, 3, 20, 900)
	r.send("mia@acme", "POST", source.path("/checkpoint_writes_batch"), `{"thread_ts":"`+ids[1]+`","checkpoint_writes":[{"task":"t","idx":-3,"channel":"__interrupt__","write_type":"json","data":"{\"ask\":1}"}]}`).want(http.StatusOK)
	fork := r.fork(source, `{"checkpoint":"`+ids[1]+`"}`)
	if fork.UUID == source.UUID || fork.Status != "paused" || fork.Run != nil || fork.Goal != "count" || fork.Definition != "other/v1" || fork.Source != "fork" ||
		fork.Origin == nil || fork.Origin.Workflow != source.UUID || fork.Origin.Checkpoint != ids[1] || fork.Origin.Position == "" {
		r.t.Errorf("the fork is %+v", fork)
	}
	was, is := r.checkpoint(source, ids[1]), r.checkpoint(fork.created, ids[1])
	if string(was.Checkpoint) != string(is.Checkpoint) || string(was.Metadata) != string(is.Metadata) || !is.Missing {
		r.t.Errorf("the fork has %.200s", is.Checkpoint)
	}
	if len(is.Writes) != 0 {
		r.t.Errorf("the step after it was made, and yet its writes are pending: %+v", is.Writes)
	}
	if all, _ := r.rows(fork.created, ""); len(all) != 1 {
		r.t.Errorf("%d checkpoints: those after it are not the fork's", len(all))
	}
	// It goes on by itself, over what stands in the source.
	next := newTS()
	r.send("mia@acme", "POST", fork.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"parent_ts":%q,"metadata":{},"checkpoint":%s}`, next, ids[1], long(next, 40, 900))).want(http.StatusCreated)
	again := newTS() // also from no parent, and with a list that begins otherwise
	r.send("mia@acme", "POST", fork.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"metadata":{},"checkpoint":%s}`, again, strings.Replace(long(again, 40, 900), `"n":3,`, `"n":-3,`, 1))).want(http.StatusCreated)
	for id, want := range map[string]string{next: long(next, 40, 900), again: strings.Replace(long(again, 40, 900), `"n":3,`, `"n":-3,`, 1)} {
		if got := r.checkpoint(fork.created, id); string(got.Checkpoint) != want {
			r.t.Errorf("%s is %.300s", id, got.Checkpoint)
		}
	}
	if all, _ := r.rows(source, ""); len(all) != 3 {
		r.t.Errorf("the source has %d checkpoints", len(all))
	}
	if r.pins(source) != 1 {
		r.t.Error("the pin does not show")
	}
}

// step saves a checkpoint of a thread.
func (r *rig) step(c created, ns, id, parent, metadata, values string) {
	r.t.Helper()
	at := "null"
	if parent != "" {
		at = `"` + parent + `"`
	}
	r.send("mia@acme", "POST", c.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"parent_ts":%s,"checkpoint_ns":%q,"metadata":%s,"checkpoint":{"v":4,"channel_values":%s}}`, id, at, ns, metadata, values)).want(http.StatusCreated)
}

func (r *rig) pending(c created, ns, id, channel string) {
	r.t.Helper()
	r.send("mia@acme", "POST", c.path("/checkpoint_writes_batch"), fmt.Sprintf(`{"thread_ts":%q,"checkpoint_ns":%q,"checkpoint_writes":[{"task":"t","idx":-3,"channel":%q,"write_type":"json","data":"{}"}]}`, id, ns, channel)).want(http.StatusOK)
}

// forksAtTip: an agent that was interrupted in a subgraph goes on there, in the fork as
// in the source.
func forksAtTip(r *rig) {
	source := r.create("mia@acme", `{"goal":"count"}`)
	first, tip, old, inner, other, deep := newTS(), newTS(), newTS(), newTS(), newTS(), newTS()
	r.step(source, "", first, "", `{"step":0}`, `{"a":1}`)
	r.step(source, "", tip, first, `{"step":1}`, `{"a":2}`)
	r.pending(source, "", tip, "__interrupt__")
	r.step(source, "sub:1", old, "", `{"parents":{"":"`+tip+`"}}`, `{"b":1}`)
	r.step(source, "sub:1", inner, old, `{"parents":{"":"`+tip+`"}}`, `{"b":2}`)
	r.pending(source, "sub:1", inner, "__interrupt__")
	r.step(source, "sub:0", other, "", `{"parents":{"":"`+first+`"}}`, `{"b":3}`)
	r.step(source, "sub:1|deep:1", deep, "", `{"parents":{"":"`+tip+`","sub:1":"`+inner+`"},"much":"`+strings.Repeat("more ", 2000)+`"}`, `{"c":1}`)
	fork := r.fork(source, `{"checkpoint":"`+tip+`"}`)
	all, _ := r.rows(fork.created, "")
	got := map[string]int{}
	for _, c := range all {
		got[c.ThreadTS] = len(c.Writes)
	}
	if d := cmp.Diff(map[string]int{tip: 1, inner: 1, deep: 0}, got); d != "" {
		r.t.Error(d)
	}
	if r.pins(source) != 3 {
		r.t.Errorf("%d pins", r.pins(source))
	}
	if fork = r.fork(source, `{"checkpoint":"`+first+`"}`); fork.Origin.Checkpoint != first {
		r.t.Errorf("%+v", fork.Origin)
	}
	if all, _ = r.rows(fork.created, ""); len(all) != 1 {
		r.t.Errorf("a step that was made has %d checkpoints", len(all))
	}
}

// forksDeltas: a channel whose value is in the writes of the steps before needs these.
func forksDeltas(r *rig) {
	source := r.create("mia@acme", `{"goal":"count"}`)
	var ids []string
	parent := ""
	for i := range 5 {
		id, metadata, values := newTS(), `{"counters_since_delta_snapshot":{"log":[1,1]}}`, `{"a":1}`
		if i == 1 {
			values = `{"a":1,"log":["snapshot"]}`
		}
		r.step(source, "", id, parent, metadata, values)
		r.send("mia@acme", "POST", source.path("/checkpoint_writes_batch"), fmt.Sprintf(`{"thread_ts":%q,"checkpoint_writes":[{"task":"t","idx":0,"channel":"log","write_type":"json","data":"%d"}]}`, id, i)).want(http.StatusOK)
		ids, parent = append(ids, id), id
	}
	fork := r.fork(source, `{"checkpoint":"`+ids[3]+`","set":{"a":2}}`)
	all, _ := r.rows(fork.created, "")
	if len(all) != 4 || all[1].ThreadTS != ids[3] || all[2].ThreadTS != ids[2] || all[3].ThreadTS != ids[1] || len(all[2].Writes) != 1 || len(all[3].Writes) != 1 {
		r.t.Errorf("%+v", all)
	}
	if fork = r.fork(source, `{"checkpoint":"`+ids[1]+`"}`); fork.Origin == nil {
		r.t.Error("no origin")
	}
	if all, _ = r.rows(fork.created, ""); len(all) != 1 {
		r.t.Errorf("one with a snapshot stands on %d", len(all)-1)
	}
}

func forksWithAnotherValue(r *rig) {
	source := r.create("mia@acme", `{"goal":"count"}`)
	ids := r.walk(source, 2, 3, 10)
	number := r.checkpoint(source, ids[0]).ID
	fork := r.fork(source, fmt.Sprintf(`{"checkpoint":%d,"set":{"step":100,"added":{"a":[1]}},"goal":"count to 100","start_workflow":true}`, number))
	if fork.Goal != "count to 100" || fork.Run == nil || fork.Run.Phase != "requested" {
		r.t.Errorf("the fork is %+v", fork)
	}
	all, _ := r.rows(fork.created, "")
	if len(all) != 2 || all[1].ThreadTS != ids[0] || all[0].ParentTS == nil || *all[0].ParentTS != ids[0] || all[0].Missing {
		r.t.Fatalf("its checkpoints are %+v", all)
	}
	var got struct {
		ID       string                     `json:"id"`
		Values   map[string]json.RawMessage `json:"channel_values"`
		Versions map[string]int             `json:"channel_versions"`
		Updated  []string                   `json:"updated_channels"`
	}
	must(r.t, json.Unmarshal(all[0].Checkpoint, &got))
	if got.ID != all[0].ThreadTS || string(got.Values["step"]) != "100" || string(got.Values["added"]) != `{"a":[1]}` || len(got.Values["messages"]) < 10 {
		r.t.Errorf("the checkpoint is %s", all[0].Checkpoint)
	}
	if d := cmp.Diff(map[string]int{"messages": 4, "step": 5, "added": 5}, got.Versions); d != "" {
		r.t.Error(d)
	}
	if got.Updated != nil {
		r.t.Errorf("it had no list of what was updated, and has %v", got.Updated)
	}
	if string(all[0].Metadata) != `{"source":"update","step":1}` {
		r.t.Errorf("the metadata is %s", all[0].Metadata)
	}
}

func forksAFork(r *rig) {
	source := r.create("mia@acme", `{"goal":"count","additional_context":[{"category":"`+strings.Repeat("file", 1000)+`"}]}`)
	ids := r.walk(source, 1, 80, 900)
	first := r.fork(source, `{"checkpoint":"`+ids[0]+`","set":{"step":7}}`)
	rows, _ := r.rows(first.created, "")
	second := r.fork(first.created, `{"checkpoint":"`+rows[0].ThreadTS+`"}`)
	if got := r.checkpoint(second.created, rows[0].ThreadTS); string(got.Checkpoint) != string(rows[0].Checkpoint) {
		r.t.Errorf("the second has %.300s", got.Checkpoint)
	}
	if second.Origin.Workflow != first.UUID {
		r.t.Errorf("it comes from %s", second.Origin.Workflow)
	}
}

func forksWithOtherThings(r *rig) {
	source := r.create("mia@acme", `{"goal":"count","agent_privileges":[1,2],"messaging_callback_context":{"adapter":"console"}}`)
	id := newTS()
	r.send("mia@acme", "POST", source.path("/checkpoints"), fmt.Sprintf(`{"thread_ts":%q,"metadata":{},"checkpoint":{},"model_metadata_json":"{\"name\":\"m1\"}"}`, id)).want(http.StatusCreated)
	fork := r.fork(source, `{"checkpoint":"`+id+`"}`)
	if fork.Model != `{"name":"m1"}` || fmt.Sprint(fork.Privileges) != "[1 2]" || fork.Flow.Version != "2.0.0" {
		r.t.Errorf("the fork is %+v", fork)
	}
	o := r.send("mia@acme", "GET", fork.path(""), nil).want(http.StatusOK).object()
	if string(o["messaging_callback_context"]) != "null" {
		r.t.Errorf("a fork answers where its source does: %s", o["messaging_callback_context"])
	}
	fork = r.fork(source, `{"checkpoint":"`+id+`","flow_version":"3.0.0","model":"{\"name\":\"m2\"}","agent_privileges":[1]  ,"pre_approved_agent_privileges":[1]}`)
	if fork.Model != `{"name":"m2"}` || fmt.Sprint(fork.Privileges) != "[1]" || fork.Flow.Version != "3.0.0" {
		r.t.Errorf("the fork is %+v", fork)
	}
	if fork = r.fork(source, `{"checkpoint":"`+id+`","workflow_definition":"other/v1"}`); fork.Definition != "other/v1" || fork.Flow.Version != "" {
		r.t.Errorf("the fork is %+v", fork)
	}
}

func forksOncePerKey(r *rig) {
	source := r.create("mia@acme", `{"goal":"count"}`)
	ids := r.walk(source, 2, 1, 1)
	first := r.fork(source, `{"checkpoint":"`+ids[0]+`"}`, "Idempotency-Key", "fork-once")
	if again := r.fork(source, `{"checkpoint":"`+ids[0]+`"}`, "Idempotency-Key", "fork-once"); again.UUID != first.UUID {
		r.t.Errorf("%s and %s", first.UUID, again.UUID)
	}
	r.send("mia@acme", "POST", source.path("/fork"), `{"checkpoint":"`+ids[1]+`"}`, "Idempotency-Key", "fork-once").refused(http.StatusUnprocessableEntity, domain.CodeKeyReused, "Idempotency-Key")
	other := r.create("mia@acme", `{"goal":"count"}`)
	r.send("mia@acme", "POST", other.path("/fork"), `{"checkpoint":"`+ids[0]+`"}`, "Idempotency-Key", "fork-once").refused(http.StatusUnprocessableEntity, domain.CodeKeyReused, "Idempotency-Key")
	if n := r.pins(source); n != 1 {
		r.t.Errorf("%d pins", n)
	}
}

// away is a dispatcher that ends before it carries out a fork.
type away struct{ api.Dispatcher }

func (a away) Do(ctx context.Context, r dispatch.Request) (dispatch.Result, error) {
	if _, fork := r.Workflow.(*workflow.Fork); fork {
		return dispatch.Result{}, &domain.Error{Code: domain.CodeNotNow, Message: "not now", Fix: "again"}
	}
	return a.Dispatcher.Do(ctx, r)
}

func finishesForks(r *rig) {
	source := r.create("mia@acme", `{"goal":"count"}`)
	ids := r.walk(source, 1, 1, 1)
	body := `{"checkpoint":"` + ids[0] + `"}`
	cut := r.with(func(c *api.Config) { c.Dispatch = away{c.Dispatch} })
	cut.send("mia@acme", "POST", source.path("/fork"), body, "Idempotency-Key", "cut-off").refused(http.StatusServiceUnavailable, domain.CodeNotNow, "")
	if n := r.pins(source); n != 1 {
		r.t.Errorf("%d pins", n)
	}
	fork := r.fork(source, body, "Idempotency-Key", "cut-off")
	if n := r.pins(source); n != 1 || fork.Origin == nil {
		r.t.Errorf("%d pins after the repeat, %+v", n, fork)
	}
}

func (r *rig) pins(c created) (n int) {
	for _, e := range r.timeline(c, "").Events {
		if e.Type == "workflow.pinned" {
			n++
		}
	}
	return n
}

func refusesForks(r *rig) {
	source := r.create("mia@acme", `{"goal":"count","start_workflow":true}`)
	ids := r.walk(source, 1, 1, 1)
	at := `"checkpoint":"` + ids[0] + `"`
	for body, want := range map[string]struct {
		status int
		code   domain.Code
		field  string
	}{
		`{}`:                                                            {400, domain.CodeInvalidField, "checkpoint"},
		`{"checkpoint":"x"}`:                                            {400, domain.CodeInvalidField, "checkpoint"},
		`{"checkpoint":true}`:                                           {400, domain.CodeInvalidField, "checkpoint"},
		`{"checkpoint":"` + newTS() + `"}`:                              {404, domain.CodeNotFound, "checkpoint"},
		`{"checkpoint":12}`:                                             {404, domain.CodeNotFound, "checkpoint"},
		`{` + at + `,"checkpoint_ns":"sub"}`:                            {404, domain.CodeNotFound, "checkpoint"},
		`{` + at + `,"set":[]}`:                                         {400, domain.CodeInvalidField, "set"},
		`{` + at + `,"set":{"":1}}`:                                     {400, domain.CodeInvalidField, "set"},
		`{` + at + `,"agent_privileges":[9]}`:                           {400, domain.CodeInvalidField, "agent_privileges"},
		`{` + at + `,"workflow_definition":"off/v1"}`:                   {403, domain.CodeFlowNotEnabled, "workflow_definition"},
		`{` + at + `,"set":{"a":1,"a":2}}`:                              {400, domain.CodeInvalidField, "set"},
		`{` + at + `,"goal":"` + strings.Repeat("g", 20000) + `"}`:      {413, domain.CodeTooLarge, "goal"},
		`{` + at + `,"flow_version":"` + strings.Repeat("v", 65) + `"}`: {413, domain.CodeTooLarge, "flow_version"},
		`{` + at + `,"messaging_callback_context":"x"}`:                 {400, domain.CodeInvalidField, "messaging_callback_context"},
		`{` + at + `,"set":{"` + strings.Repeat("c", 257) + `":1}}`:     {413, domain.CodeTooLarge, "set"},
	} {
		e := r.send("mia@acme", "POST", source.path("/fork"), body)
		if e.status != want.status {
			r.t.Errorf("%.80s: %d %s", body, e.status, e.body)
			continue
		}
		e.refused(want.status, want.code, want.field)
	}
	r.send("eve@other", "POST", source.path("/fork"), `{`+at+`}`).refused(http.StatusNotFound, domain.CodeNotFound, "")
	r.send("eve@other", "POST", base+"/"+source.UUID.String()+"/fork", `{`+at+`}`).refused(http.StatusNotFound, domain.CodeNotFound, "")
	r.send(runToken("acme", source, 1), "POST", source.path("/fork"), `{`+at+`}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.send(runToken("acme", source, 1), "POST", source.path("/branch"), `{`+at+`}`).refused(http.StatusForbidden, domain.CodeForbidden, "")
	r.send("mia@acme", "POST", source.path("/branch"), `{`+at+`}`).refused(http.StatusConflict, domain.CodeConflict, "")
	if r.pins(source) > 0 {
		r.t.Error("what is refused leaves a pin")
	}
}
